"""The blocks of a Compression in names of their own, so that blocks of one shape look alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Integers, Tables
from lgncc.mapping.design import Compression, Ragged


@dataclass(frozen=True, eq=False)
class Blocks:
    """All blocks in local names: 0 and 1 the constants, then own gates, then variables.

    Of each block (b,): n_gates, n_variables, n_inputs, n_bits (inputs and outputs), columns (how
    many count, from its lowest one up), base (its lowest column) and where its entries begin.
    Of each gate, by block, in the order of evaluation: fanin (g, k) in local names, table (g,).
    Of each bit, by block, inputs first: nodes (n, 2) in local names, shift (n,) above base.
    node: the node of each local name, by block.
    """

    n_gates: Integers
    n_variables: Integers
    n_inputs: Integers
    n_bits: Integers
    columns: Integers
    base: Integers
    first_gate: Integers
    first_bit: Integers
    first_local: Integers
    fanin: Integers
    table: Tables
    nodes: Integers
    shift: Integers
    node: Integers

    def gates_of(self, members: Integers) -> Integers:
        """Indices (members, n_gates) of the gates of blocks that have equally many."""
        result: Integers = self.first_gate[members][:, None] + np.arange(self.n_gates[members[0]])
        return result

    def bits_of(self, members: Integers) -> Integers:
        """Indices (members, n_bits) of the bits of blocks that have equally many."""
        result: Integers = self.first_bit[members][:, None] + np.arange(self.n_bits[members[0]])
        return result


def localise(compression: Compression, width: int) -> Blocks:
    netlist, n_blocks = compression.extended, len(compression.inputs)
    n_nodes = netlist.n_nodes
    # Sorted by id the gates of a block are in the order of evaluation.
    own = np.unique(_owners(compression.gates) * n_nodes + compression.gates.values)
    gate_owner, gate = np.divmod(own, n_nodes)
    fanin = netlist.fanin[gate - netlist.first_gate]

    bit = np.concatenate([compression.inputs.values, compression.outputs.values])
    bit_owner = np.concatenate([_owners(compression.inputs), _owners(compression.outputs)])
    by_block = np.argsort(bit_owner, kind="stable")
    bit, bit_owner = bit[by_block], bit_owner[by_block]

    all_blocks = np.arange(n_blocks)
    used = np.concatenate(
        [
            np.tile([0, 1], n_blocks),
            gate,
            fanin.reshape(-1),
            compression.nodes[bit].reshape(-1),
        ]
    )
    used_by = np.concatenate(
        [
            np.repeat(all_blocks, 2),
            gate_owner,
            np.repeat(gate_owner, netlist.k),
            np.repeat(bit_owner, 2),
        ]
    )
    local, first_local, node = _local_names(used_by, used, n_blocks, n_nodes)
    after_gates = 2 * n_blocks + len(gate)
    local_fanin, local_nodes = np.split(local[after_gates:], [fanin.size])

    n_gates = np.bincount(gate_owner, minlength=n_blocks)
    n_bits = np.bincount(bit_owner, minlength=n_blocks)
    column = compression.column[bit].astype(np.int64)
    base = np.full(n_blocks, width, np.int64)
    np.minimum.at(base, bit_owner, column)
    shift = column - base[bit_owner]
    return Blocks(
        n_gates=n_gates,
        n_variables=np.diff(first_local) - 2 - n_gates,
        n_inputs=np.diff(compression.inputs.start).astype(np.int64),
        n_bits=n_bits,
        columns=np.minimum(width - base, _columns_of_sum(bit_owner, shift, n_blocks)),
        base=base,
        first_gate=np.cumsum(n_gates) - n_gates,
        first_bit=np.cumsum(n_bits) - n_bits,
        first_local=first_local,
        fanin=local_fanin.reshape(fanin.shape),
        table=netlist.table[gate - netlist.first_gate],
        nodes=local_nodes.reshape(-1, 2),
        shift=shift,
        node=node,
    )


def _local_names(
    block: Integers, node: Integers, n_blocks: int, n_nodes: int
) -> tuple[Integers, Integers, Integers]:
    """Number the nodes of each block in the order in which it first names them.

    Returns local names like `node`, where each block's begin in node_of (n_blocks + 1,), node_of.
    """
    order = np.argsort(block, kind="stable")
    names, first, inverse = np.unique(
        (block * n_nodes + node)[order], return_index=True, return_inverse=True
    )
    by_appearance = np.argsort(first)
    rank = np.empty(len(names), np.int64)
    rank[by_appearance] = np.arange(len(names))
    owner, node_of = np.divmod(names[by_appearance], n_nodes)
    first_local = np.searchsorted(owner, np.arange(n_blocks + 1))
    local = np.empty(len(node), np.int64)
    local[order] = rank[inverse]
    return local - first_local[block], first_local, node_of


def _columns_of_sum(owner: Integers, shift: Integers, n_blocks: int) -> Integers:
    """Columns that hold the sum of all bits of a block: no sum reaches past them."""
    highest = np.zeros(n_blocks, np.int64)
    np.maximum.at(highest, owner, shift)
    # n bits below 2**(highest + 1) add up to less than 2**(highest + 1 + bits of n).
    count = np.bincount(owner, minlength=n_blocks)
    return highest + 1 + np.ceil(np.log2(np.maximum(count, 1))).astype(np.int64)


def shape_rows(blocks: Blocks, members: Integers) -> Integers:
    """All that decides the check of blocks of one size, as one row (members, ...) each."""
    n, gates, bits = len(members), blocks.gates_of(members), blocks.bits_of(members)
    parts = [
        blocks.fanin[gates].reshape(n, -1),
        blocks.table[gates].view(np.int64),
        blocks.nodes[bits].reshape(n, -1),
        blocks.shift[bits],
        blocks.columns[members][:, None],
    ]
    return np.concatenate(parts, axis=1)


def equal_rows(rows: Integers) -> list[Integers]:
    """Indices of equal rows, group by group."""
    if not len(rows):
        return []
    whole_row = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    as_bytes = np.ascontiguousarray(rows).view(whole_row)
    _, group = np.unique(as_bytes.reshape(-1), return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _owners(ragged: Ragged) -> Integers:
    """The list that each value is in."""
    return np.repeat(np.arange(len(ragged)), np.diff(ragged.start))
