"""Lemma "blocks": every compressor keeps the sum of its logical bits, whatever its nodes are.

A block is evaluated for all values of its variables: the nodes that it uses and does not own.
Blocks of one shape (the same gates wired alike, bits at columns as far apart) are one check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Integers, Tables, Words
from lgncc.errors import DesignError
from lgncc.mapping.design import Compression, Ragged
from lgncc.verify.lemma import RefutedError

LEMMA = "blocks"
MAX_VARIABLES = 20  # of one block: a million rows
WORD_BITS = 64
BATCH_BYTES = 32 << 20
ALL_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


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


def check_blocks(compression: Compression, width: int) -> str:
    """Returns the detail. Raises RefutedError, DesignError for a block too large to try."""
    blocks = _localise(compression, width)
    largest = int(np.max(blocks.n_variables, initial=0))
    if largest > MAX_VARIABLES:
        block = int(np.argmax(blocks.n_variables))
        raise DesignError(
            f"{LEMMA}: block {block} reads {largest} nodes of others; all values of at most "
            f"{MAX_VARIABLES} can be tried"
        )
    sizes = np.stack([blocks.n_gates, blocks.n_variables, blocks.n_inputs, blocks.n_bits], axis=1)
    shapes = 0
    for members in _groups(sizes):
        different = _groups(_rows(blocks, members))
        chosen = np.sort(np.array([group[0] for group in different], np.int64))
        shapes += len(chosen)
        _try_all(blocks, members[chosen], compression)
    return (
        f"{len(blocks.base):,} blocks of {shapes:,} shapes, "
        f"all values of each one's variables (up to {largest})"
    )


def _groups(rows: Integers) -> list[Integers]:
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


def _localise(compression: Compression, width: int) -> Blocks:
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


def _rows(blocks: Blocks, members: Integers) -> Integers:
    """All that decides the check of blocks of one size, as one row (members, ...) each."""
    n, gates, bits = len(members), _gates(blocks, members), _bits(blocks, members)
    parts = [
        blocks.fanin[gates].reshape(n, -1),
        blocks.table[gates].view(np.int64),
        blocks.nodes[bits].reshape(n, -1),
        blocks.shift[bits],
        blocks.columns[members][:, None],
    ]
    return np.concatenate(parts, axis=1)


def _gates(blocks: Blocks, members: Integers) -> Integers:
    return blocks.first_gate[members][:, None] + np.arange(blocks.n_gates[members[0]])


def _bits(blocks: Blocks, members: Integers) -> Integers:
    return blocks.first_bit[members][:, None] + np.arange(blocks.n_bits[members[0]])


def _try_all(blocks: Blocks, members: Integers, compression: Compression) -> None:
    """Evaluate blocks of one size for all values of their variables, some at a time."""
    variables = int(blocks.n_variables[members[0]])
    n_local = 2 + int(blocks.n_gates[members[0]]) + variables
    words = max(1, (1 << variables) // WORD_BITS)
    at_once = max(1, BATCH_BYTES // (8 * words * n_local))
    for start in range(0, len(members), at_once):
        batch = members[start : start + at_once]
        value = _evaluate(blocks, batch, variables, words)
        ones = _sums(blocks, batch, value)
        differ = np.bitwise_or.reduce(ones[0] ^ ones[1], axis=0)  # (blocks, words)
        if differ.any():
            index, word = (int(i) for i in np.argwhere(differ)[0])
            mask = int(differ[index, word])
            row = word * WORD_BITS + (mask & -mask).bit_length() - 1
            sums = [_at(sum_[:, index, word], row % WORD_BITS) for sum_ in ones]
            raise RefutedError(LEMMA, _explain(blocks, int(batch[index]), row, sums, compression))


def _evaluate(blocks: Blocks, members: Integers, variables: int, words: int) -> Words:
    """Values uint64 (local names, members, words), one bit for each value of the variables."""
    n_gates = int(blocks.n_gates[members[0]])
    value = np.zeros((2 + n_gates + variables, len(members), words), np.uint64)
    value[1] = ALL_ONES
    row = np.arange(max(1 << variables, WORD_BITS))
    for variable in range(variables):
        bits = np.packbits(row >> variable & 1, bitorder="little").view("<u8")
        value[2 + n_gates + variable] = bits.astype(np.uint64)
    fanin, table = blocks.fanin[_gates(blocks, members)], blocks.table[_gates(blocks, members)]
    each = np.arange(len(members))
    for gate in range(n_gates):
        slots = fanin[:, gate].T
        # Trailing fanins that are constant 0 never reach the table's higher rows.
        used = slots[: np.flatnonzero(slots.any(axis=1)).max(initial=-1) + 1]
        value[2 + gate] = _look_up(table[:, gate], [value[local, each] for local in used])
    return value


def _look_up(table: Tables, fanins: list[Words]) -> Words:
    """The gates' outputs, by halving the table at the highest fanin first."""
    rows = table[:, None] >> np.arange(1 << len(fanins), dtype=np.uint64) & np.uint64(1)
    level = (rows * ALL_ONES).T[:, :, None]  # a table row each, (2**k, gates, 1)
    for select in reversed(fanins):
        clear, set_ = np.split(level, 2)
        level = clear ^ (select & (clear ^ set_))
    result: Words = level[0]
    return result


def _sums(blocks: Blocks, members: Integers, value: Words) -> list[Words]:
    """The sum of the inputs and of the outputs, each (columns, members, words), lowest first.

    Columns that do not count for a block stay 0.
    """
    bits, n_inputs = _bits(blocks, members), int(blocks.n_inputs[members[0]])
    columns = blocks.columns[members]
    each = np.arange(len(members))
    shape = (int(columns.max()), *value.shape[1:])
    total = [np.zeros(shape, np.uint64) for _ in range(2)]
    for index in range(bits.shape[1]):
        first, second = blocks.nodes[bits[:, index]].T
        bit = value[first, each] ^ value[second, each]
        shift, ones = blocks.shift[bits[:, index]], total[index >= n_inputs]
        carry = np.zeros_like(bit)
        for column in range(int(shift.min()), shape[0]):
            enters = shift == column
            if enters.any():
                carry = bit if enters.all() else np.where(enters[:, None], bit, carry)
            ones[column], carry = ones[column] ^ carry, ones[column] & carry
    for ones in total:
        ones[np.arange(shape[0])[:, None] >= columns] = 0
    return total


def _at(sum_: Words, row: int) -> int:
    """The number whose bits are bit `row` of each column (columns,)."""
    return sum((int(word) >> row & 1) << column for column, word in enumerate(sum_))


def _explain(
    blocks: Blocks, block: int, row: int, sums: list[int], compression: Compression
) -> str:
    start = int(blocks.first_local[block]) + 2 + int(blocks.n_gates[block])
    variables = blocks.node[start : start + int(blocks.n_variables[block])]
    netlist = compression.extended
    values = [f"{netlist.node_name(int(n))}={row >> i & 1}" for i, n in enumerate(variables)]
    bits = np.concatenate([compression.inputs[block], compression.outputs[block]])
    return (
        f"block {block} of class {compression.klass[bits[0]]}, columns from {blocks.base[block]}: "
        f"where {' '.join(values) or 'nothing varies'}, its inputs add up to {sums[0]} "
        f"and its outputs to {sums[1]}"
    )
