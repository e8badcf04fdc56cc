"""Random single faults of mapped designs: in the LUTs, their wiring, or only in the certificate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lgncc.mapping.design import Ragged


def flip_table_bit(luts, rng):
    """One row of one LUT."""
    gate = rng.integers(luts.n_gates)
    table = luts.table.copy()
    table[gate] ^= np.uint64(1) << np.uint64(rng.integers(1 << luts.k))
    return replace(luts, table=table)


def move_fanin(luts, rng):
    """One fanin to another earlier node."""
    gate, slot = rng.integers(luts.n_gates), rng.integers(luts.k)
    fanin = luts.fanin.copy()
    fanin[gate, slot] = rng.integers(luts.first_gate + gate)
    return replace(luts, fanin=fanin)


def swap_fanins(luts, rng):
    """Two fanins of one LUT, its table as it was."""
    gate, (one, other) = rng.integers(luts.n_gates), rng.permutation(luts.k)[:2]
    fanin = luts.fanin.copy()
    fanin[gate, [one, other]] = fanin[gate, [other, one]]
    return replace(luts, fanin=fanin)


def move_output(luts, rng):
    """One output to another node."""
    outputs = luts.outputs.copy()
    outputs[rng.integers(len(outputs))] = rng.integers(luts.n_nodes)
    return replace(luts, outputs=outputs)


def move_next_state(luts, rng):
    """One next state to another node."""
    next_state = luts.next_state.copy()
    next_state[rng.integers(len(next_state))] = rng.integers(luts.n_nodes)
    return replace(luts, next_state=next_state)


IN_LUTS = (flip_table_bit, flip_table_bit, move_fanin, swap_fanins, move_output)


def with_luts(design, luts):
    """The LUTs replaced, in `extended` too, as a mapper that errs would do it."""
    if design.compression is None:
        return replace(design, luts=luts)
    extended, n = design.compression.extended, luts.n_gates
    extended = replace(
        extended,
        fanin=np.concatenate([luts.fanin, extended.fanin[n:]]),
        table=np.concatenate([luts.table, extended.table[n:]]),
        outputs=luts.outputs,
        next_state=luts.next_state,
    )
    return replace(design, luts=luts, compression=replace(design.compression, extended=extended))


def _changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def use_bit_twice(compression, rng):
    """One input of a block is a bit that another already consumes."""
    values = compression.inputs.values
    at, other = rng.permutation(len(values))[:2]
    used = _changed(values, at, values[other])
    return replace(compression, inputs=Ragged(compression.inputs.start, used))


def drop_bit(compression, rng):
    """One input of a block is not consumed any more."""
    ragged = compression.inputs
    at = rng.integers(len(ragged.values))
    start = ragged.start - (ragged.start > at)
    return replace(compression, inputs=Ragged(start, np.delete(ragged.values, at)))


def move_column(compression, rng):
    """One bit counts twice or half as much."""
    bit = rng.integers(len(compression.column))
    column = compression.column[bit]
    moved = column + 1 if column == 0 or rng.random() < 0.5 else column - 1
    return replace(compression, column=_changed(compression.column, bit, moved))


def move_class(compression, rng):
    """One bit counts for another class."""
    bit = rng.integers(len(compression.klass))
    klass = (compression.klass[bit] + 1) % len(compression.word)
    return replace(compression, klass=_changed(compression.klass, bit, klass))


def lose_word_bit(compression, rng):
    """One bit of a word is said to be always 0."""
    carried = np.argwhere(compression.word >= 0)
    at = tuple(carried[rng.integers(len(carried))])
    return replace(compression, word=_changed(compression.word, at, -1))


IN_CERTIFICATE = (use_bit_twice, drop_bit, move_column, move_class, lose_word_bit)
