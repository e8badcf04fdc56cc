"""How many bits of how many classes a class-serial readout counts in a cycle: what there is to
choose from, and what each takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lgncc.mapping.design import NormalForm
from lgncc.mapping.rows import Rows, plan_rows
from lgncc.model import Readout

# Logic cells of the counter, measured by tests/bench/row_counters.py on the iCE40; on ECP5 and
# Gowin it takes as many, or fewer. Where the class is answered, and where the scores are:
COUNTER_CELLS = {"class": 63, "scores": 30}
FULL_ADDER_CELLS = 2.1  # of a popcount, with its part of the final addition
CLASS_CELLS_A_BIT = {"class": 6, "scores": 3}  # of each class after the first, a bit of its score
MARK_CELLS = 2.5  # of each change of weight from a row to the next, which is known by its index
CONTROL_CELLS = 55  # of the core that shows the rows

STAGES = 3  # registers of the counter, without those of the argmax
FULLEST_CLASSES = 8
"""Rows a class, up to which every number is tried; from there on powers of two."""
WIDEST = 4_096
"""Bits a row."""


@dataclass(frozen=True)
class Fold:
    """bits, classes: counted a cycle. registers, cells: of the shift register, and all logic cells
    but those of the network. levels: LUTs, about, from the shift register to the next register."""

    bits: int
    classes: int
    rows: int
    latency_cycles: int
    registers: int
    cells: int
    levels: int


def folds(form: NormalForm, readout: Readout) -> list[Fold]:
    """The fastest first; each takes fewer cells than all before it."""
    n_classes = len(form.constant)
    groups = np.arange(1, n_classes + 1)
    found = [
        _fold(plan_rows(form, bits, classes), form, readout)
        for classes in np.unique(-(-n_classes // groups)).tolist()
        for bits in _sizes(form)
        if bits * classes <= WIDEST
    ]
    found.sort(key=lambda fold: (fold.latency_cycles, fold.cells, fold.bits))
    cells = np.array([fold.cells for fold in found])
    fewest_before = np.minimum.accumulate(np.append(np.inf, cells))[:-1]
    return [fold for fold, fewer in zip(found, cells < fewest_before, strict=True) if fewer]


def counter_cells(readout: Readout, width: int, bits: Sequence[int]) -> float:
    """Of popcounts of so many bits, for a class each, whose scores have `width` bits."""
    kind = readout.kind
    adders = sum(count - count.bit_length() for count in bits)
    cells = COUNTER_CELLS[kind] + FULL_ADDER_CELLS * adders
    cells += CLASS_CELLS_A_BIT[kind] * width * (len(bits) - 1)
    return cells + (width * readout.n_classes if kind == "scores" else 0)


def _fold(rows: Rows, form: NormalForm, readout: Readout) -> Fold:
    counted = rows.filled.max(axis=0).tolist()
    tournament = (rows.classes - 1).bit_length() if readout.kind == "class" else 0
    counter = counter_cells(readout, form.width, counted) + CONTROL_CELLS
    counter += MARK_CELLS * np.count_nonzero(np.diff(rows.column, axis=0))
    return Fold(
        bits=rows.bits,
        classes=rows.classes,
        rows=len(rows),
        latency_cycles=len(rows) + STAGES + tournament,
        registers=rows.registers,
        cells=rows.registers + int(counter),
        levels=_levels(max(counted)),
    )


def _sizes(form: NormalForm) -> list[int]:
    """Numbers of bits that fill whole rows of the largest class, and powers of two."""
    terms = np.bincount(form.klass, minlength=1).max()
    places = np.bincount(form.klass, np.exp2(form.column), minlength=1).max()
    largest = np.array([[terms], [places]]).astype(np.int64)
    whole = (-(-largest // np.arange(1, FULLEST_CLASSES + 1))).clip(1, WIDEST)
    powers = 1 << np.arange(int(whole.max()).bit_length())
    return [int(size) for size in np.union1d(whole, powers)]


def _levels(bits: int) -> int:
    """A full adder takes three bits of a weight to one; then two numbers are added and shifted."""
    levels = 2
    while bits > 2:
        bits -= bits // 3
        levels += 1
    return levels
