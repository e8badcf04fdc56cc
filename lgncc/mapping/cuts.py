"""Cuts: gates of the last layer as functions of nodes that are, or ought to be, LUTs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.netlist import Netlist

WIDEST = 4


@dataclass(frozen=True, eq=False)
class Cuts:
    """`table` (n,) of the first `count` (n,) nodes of each row of `node` (n, 4)."""

    node: Ids
    count: Integers
    table: Tables

    @property
    def used(self) -> Bits:
        result: Bits = np.arange(WIDEST) < self.count[:, None]
        return result


def cuts(front: Netlist, gate: Ids, expand_below: int, most: int) -> Cuts:
    """Of gates (n,), none twice: their fanins, or instead the fanins of those, where these are
    gates of inputs only that fewer than `expand_below` of the gates read; up to `most` nodes."""
    n = len(gate)
    fanin, table = _fanin(front, gate)
    expand = expandable(front, gate, expand_below)[fanin]
    expand &= (2 + expand.sum(axis=1) <= most)[:, None]
    below = np.zeros((n, 2, 2), np.int32)
    inner = np.zeros((n, 2), np.uint64)
    below[..., 0], inner[:] = fanin, 0b1010  # a wire of its first
    deep, inner[expand] = _fanin(front, fanin[expand])
    below[expand] = deep
    # The four rows of each fanin's nodes select one of two, which select a row of the gate.
    rows = np.arange(1 << WIDEST)
    wide = np.zeros(n, np.uint64)
    width = 1 + expand.astype(np.int64)
    count = width.sum(axis=1)
    for row in rows:
        first = _at(inner[:, 0], np.where(expand[:, 0], row & 3, row & 1))
        rest = row >> width[:, 0]
        second = _at(inner[:, 1], np.where(expand[:, 1], rest & 3, rest & 1))
        wide |= _at(table, first | second << 1).astype(np.uint64) << np.uint64(row)
    node = np.zeros((n, WIDEST), np.int32)
    keep = np.stack(
        [np.ones(n, np.bool_), expand[:, 0], np.ones(n, np.bool_), expand[:, 1]], axis=1
    )
    node[np.arange(WIDEST) < count[:, None]] = below.reshape(n, 4)[keep]
    mask = (np.uint64(1) << (np.uint64(1) << count.astype(np.uint64))) - np.uint64(1)
    return Cuts(node, count, wide & mask)


def expandable(front: Netlist, gate: Ids, below: int) -> Bits:
    """bool (n_nodes,): gates of inputs only that fewer than so many of the gates read."""
    fanin, _ = _fanin(front, np.unique(gate))
    readers = np.bincount(fanin.reshape(-1), minlength=front.n_nodes)
    found = np.zeros(front.n_nodes, np.bool_)
    found[front.first_gate :] = (front.fanin < front.first_gate).all(axis=1)
    result: Bits = found & (readers < below)
    return result


def _fanin(front: Netlist, gate: Ids) -> tuple[Ids, Tables]:
    own = gate - front.first_gate
    return front.fanin[own], front.table[own]


def _at(table: Tables, row: Integers) -> Integers:
    """The bits (n,) of tables at rows (n,)."""
    bit: Integers = (table >> row.astype(np.uint64) & np.uint64(1)).astype(np.int64)
    return bit
