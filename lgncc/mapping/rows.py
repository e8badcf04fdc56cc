"""Which bits a class-serial readout counts in which cycle.

A cycle counts a row: of each of `classes` neighbours, a group, at most `bits` bits of one weight.
The rows of a group follow one another, and the groups too, the lowest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.mapping.design import NormalForm


@dataclass(frozen=True, eq=False)
class Rows:
    """group: int32 (R,), that of each row. column, filled: int32 (R, classes): what a row has of a
    class weighs 2**column, and so many of its places are taken, the lowest.

    first: int64 (C, width), the row where a class's bits of a weight begin. split: int64 (C,
    width), how many of those bits, the last ones, are instead counted twice at half the weight.
    """

    bits: int
    classes: int
    group: Ids
    column: Ids
    filled: Ids
    first: Integers
    split: Integers

    def __len__(self) -> int:
        return len(self.group)

    @property
    def registers(self) -> int:
        """What a place holds moves down through the same place of every row below."""
        return int(np.maximum.accumulate(self.filled[::-1], axis=0).sum())


def plan_rows(form: NormalForm, bits: int, classes: int = 1) -> Rows:
    """Rows of `bits` places for each of `classes` classes; every group has one."""
    n_classes = len(form.constant)
    counted, split = _counted(form, bits)
    rows = -(-counted // bits)
    n_groups = -(-n_classes // classes)
    of_class = np.zeros(n_groups * classes, np.int64)
    of_class[:n_classes] = rows.sum(axis=1)
    of_group = np.maximum(of_class.reshape(n_groups, classes).max(axis=1), 1)
    group_first = np.cumsum(of_group) - of_group
    klass, column = np.indices(rows.shape)
    first = group_first[klass // classes] + np.cumsum(rows, axis=1) - rows

    # One entry for each row of a class and weight.
    entry = np.repeat(np.arange(rows.size), rows.reshape(-1))
    within = np.arange(len(entry)) - np.repeat(np.cumsum(rows) - rows.reshape(-1), rows.reshape(-1))
    at = first.reshape(-1)[entry] + within, klass.reshape(-1)[entry] % classes
    columns, filled = np.zeros((2, int(of_group.sum()), classes), np.int32)
    columns[at] = column.reshape(-1)[entry]
    filled[at] = np.minimum(counted.reshape(-1)[entry] - within * bits, bits)
    group = np.repeat(np.arange(n_groups, dtype=np.int32), of_group)
    return Rows(bits, classes, group, columns, filled, first, split)


def place_terms(form: NormalForm, rows: Rows) -> tuple[Ids, Ids, Ids]:
    """A term, its row and its lane there, for each place that is taken, int32 (P,). Lanes are
    numbered class by class, `bits` of each."""
    term = np.arange(len(form.node))
    column = form.column.astype(np.int64)
    for heavy in range(form.width - 1, 0, -1):
        here = np.flatnonzero(column == heavy)
        klass = form.klass[term[here]]
        left = np.bincount(klass, minlength=len(rows.split)) - rows.split[:, heavy]
        halved = here[_rank(klass) >= left[klass]]
        column[halved] -= 1
        term = np.concatenate([term, term[halved]])
        column = np.concatenate([column, column[halved]])
    klass = form.klass[term]
    rank = _rank(klass.astype(np.int64) * form.width + column)
    row = rows.first[klass, column] + rank // rows.bits
    lane = klass % rows.classes * rows.bits + rank % rows.bits
    return term.astype(np.int32), row.astype(np.int32), lane.astype(np.int32)


def _counted(form: NormalForm, bits: int) -> tuple[Integers, Integers]:
    """Bits that are counted, of each class at each weight, and those that are split instead: what
    would begin a row, where it takes no more rows at half the weight."""
    counted = np.zeros((len(form.constant), form.width), np.int64)
    np.add.at(counted, (form.klass, form.column), 1)
    split = np.zeros_like(counted)
    for column in range(form.width - 1, 0, -1):
        rest, below = counted[:, column] % bits, counted[:, column - 1]
        fits = -(-(below + 2 * rest) // bits) <= -(-below // bits) + 1
        split[:, column] = np.where(fits, rest, 0)
        counted[:, column] -= split[:, column]
        counted[:, column - 1] += 2 * split[:, column]
    return counted, split


def _rank(key: Integers | Ids) -> Integers:
    """The place of each entry among those of the same key, in their order."""
    order = np.argsort(key, kind="stable")
    _, counts = np.unique(key, return_counts=True)
    rank = np.empty(len(key), np.int64)
    rank[order] = np.arange(len(key)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
