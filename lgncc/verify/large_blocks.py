"""Blocks with too many variables to try all their values: the same identity, as gates for ABC."""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Bits, Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.gates import AND, XOR
from lgncc.verify.block_lists import Blocks
from lgncc.verify.comparison import Comparison

LEMMA = "blocks"


def compare_sums(blocks: Blocks, members: list[Integers]) -> Comparison:
    """The sums of inputs and outputs of all members, in groups of blocks of one size. All blocks
    have the same variables, which are free, so that one comparison serves them all."""
    widest = max(int(blocks.n_variables[group[0]]) for group in members)
    builder = NetlistBuilder(widest)
    sides: tuple[list[Ids], list[Ids]] = ([], [])
    owners = []
    for group in members:
        for side, total in zip(sides, _append_sums(builder, blocks, group), strict=True):
            side.append(total.reshape(-1))
        owners.append(np.repeat(group, sides[0][-1].size // len(group)))
    owner = np.concatenate(owners)
    inputs, outputs = (builder.finish(np.concatenate(side)) for side in sides)

    def describe(found: Bits) -> str:
        return f"its variables, in the order of their use, are {found.astype(int).tolist()}"

    return Comparison(
        LEMMA,
        inputs,
        outputs,
        lambda root: f"block {owner[root]} does not keep its sum: a bit of its outputs' sum",
        describe,
        f"{len(owner):,} bits of sums by ABC",
    )


def _append_sums(builder: NetlistBuilder, blocks: Blocks, members: Integers) -> tuple[Ids, Ids]:
    """The sum of the inputs and of the outputs of blocks of one size, nodes (members, columns);
    columns that do not count are constant 0."""
    n, n_gates = len(members), int(blocks.n_gates[members[0]])
    gates, bits = blocks.gates_of(members), blocks.bits_of(members)
    variables = builder.inputs[: int(blocks.n_variables[members[0]])]
    node = np.zeros((n, 2 + n_gates + len(variables)), np.int32)
    node[:, 1] = 1
    node[:, 2 + n_gates :] = variables
    each = np.arange(n)[:, None]
    for gate in range(n_gates):
        fanin = node[each, blocks.fanin[gates[:, gate]]]
        node[:, 2 + gate] = builder.luts(blocks.table[gates[:, gate]], fanin)
    columns = blocks.columns[members]
    totals: list[Ids] = [np.zeros((n, int(columns.max())), np.int32) for _ in range(2)]
    for index in range(bits.shape[1]):
        first, second = blocks.nodes[bits[:, index]].T
        bit = builder.gates(XOR, node[each[:, 0], first], node[each[:, 0], second])
        total = totals[index >= int(blocks.n_inputs[members[0]])]
        shift = blocks.shift[bits[:, index]]
        carry: Ids = np.zeros(n, np.int32)
        for column in range(int(shift.min()), total.shape[1]):
            carry = np.where(shift == column, bit, carry)
            below = total[:, column].copy()
            total[:, column] = builder.gates(XOR, below, carry)
            carry = builder.gates(AND, below, carry)
    for total in totals:
        total[np.arange(total.shape[1]) >= columns[:, None]] = 0
    return totals[0], totals[1]
