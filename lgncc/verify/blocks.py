"""Lemma "blocks": every compressor keeps the sum of its logical bits, whatever its nodes are.

A block is evaluated for all values of its variables: the nodes that it uses and does not own; a
large one is compared by ABC.
Blocks of one shape (the same gates wired alike, bits at columns as far apart) are one check.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Integers, Tables, Words
from lgncc.mapping.design import Compression
from lgncc.verify.block_lists import Blocks, equal_rows, localise, shape_rows
from lgncc.verify.large_blocks import compare_sums
from lgncc.verify.lemma import RefutedError
from lgncc.wording import counted

LEMMA = "blocks"
MAX_VARIABLES = 18  # of a block whose rows are all tried; ABC is slower than that
WORD_BITS = 64
BATCH_BYTES = 32 << 20
ALL_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def check_blocks(compression: Compression, width: int) -> str:
    """Returns the detail; raises RefutedError."""
    blocks = localise(compression, width)
    sizes = np.stack([blocks.n_gates, blocks.n_variables, blocks.n_inputs, blocks.n_bits], axis=1)
    tried, large = 0, []
    for members in equal_rows(sizes):
        different = equal_rows(shape_rows(blocks, members))
        chosen = members[np.sort(np.array([group[0] for group in different], np.int64))]
        if blocks.n_variables[chosen[0]] > MAX_VARIABLES:
            large.append(chosen)
        else:
            tried += len(chosen)
            _try_all(blocks, chosen, compression)
    detail = (
        f"{counted(len(blocks.base), 'block')}, {counted(tried, 'shape')} by all values of their "
        "variables"
    )
    if large:
        comparison = compare_sums(blocks, large)
        comparison.try_random()
        comparison.prove()
        shapes = sum(map(len, large))
        detail += f", {shapes:,} of more than {MAX_VARIABLES} variables by ABC"
    return detail


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
    fanin, table = blocks.fanin[blocks.gates_of(members)], blocks.table[blocks.gates_of(members)]
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
    bits, n_inputs = blocks.bits_of(members), int(blocks.n_inputs[members[0]])
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
