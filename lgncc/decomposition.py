"""Lookup tables as two-input gates, few of them: by fanins that act on the rest by one bit.

Of a table's fanins, first those that it ignores are dropped. One with a cofactor that is constant,
or whose cofactors are complementary, is a gate with the rest; two fanins that act on the rest
through one function of both are a gate below it. What remains is low ^ (low ^ high) & x of the
cofactors at the highest fanin: the same one in all tables, and a sum, so that tables of the same
fanins share more gates than muxes would. Every step is one for all tables of its kind.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.gates import A_AND_NOT_B, A_OR_NOT_B, AND, NOT_A, OR, XOR
from lgncc.netlist import table_mask

if TYPE_CHECKING:
    from lgncc.builder import NetlistBuilder


def append_tables(builder: NetlistBuilder, tables: Tables, fanins: Ids) -> Ids:
    """Append lookup tables (n,) of the nodes `fanins` (n, k), k at most 6; their ids (n,)."""
    k = fanins.shape[1]
    if k == 0:
        constants: Ids = (tables & np.uint64(1)).astype(np.int32)
        return constants
    full = np.uint64(table_mask(k))
    ids: Ids = (tables == full).astype(np.int32)  # nodes 0 and 1 are the constants
    live = np.flatnonzero((tables != 0) & (tables != full))
    if not len(live):
        return ids
    tables, fanins = tables[live], fanins[live]
    if k == 1:
        # x or ~x, as a gate that ignores its second fanin.
        nodes = fanins[:, 0].copy()
        invert = tables == 1
        nodes[invert] = builder.gates(NOT_A, nodes[invert], 0)
    elif k == 2:
        nodes = builder.gates(tables, fanins[:, 0], fanins[:, 1])
    else:
        nodes = _decomposed(builder, tables, fanins)
    ids[live] = nodes
    return ids


def _decomposed(builder: NetlistBuilder, tables: Tables, fanins: Ids) -> Ids:
    k = fanins.shape[1]
    slot, is_simple = _simple_slot(tables, k)
    ids = np.empty(len(tables), np.int32)
    rest = np.flatnonzero(~is_simple)
    for low, high in combinations(range(k), 2):
        one, other = _swap(tables[rest], fanins[rest], high, k - 1)
        one, other = _swap(one, other, low, k - 2)
        gate, merged, found = _pair(one, k)
        if found.any():
            below = builder.gates(gate[found], other[found, k - 2], other[found, k - 1])
            inputs = np.concatenate([other[found, : k - 2], below[:, None]], axis=1)
            ids[rest[found]] = append_tables(builder, merged[found], inputs)
            rest = rest[~found]
    slot[rest] = k - 1
    of_slot = np.concatenate([np.flatnonzero(is_simple), rest])
    tables, fanins, slot = tables[of_slot], fanins[of_slot], slot[of_slot]
    for moved in range(k - 1):
        where = slot == moved
        tables[where], fanins[where] = _swap(tables[where], fanins[where], moved, k - 1)
    ids[of_slot] = _cofactored(builder, tables, fanins)
    return ids


def _simple_slot(tables: Tables, k: int) -> tuple[Integers, Bits]:
    """A fanin (n,) that is ignored or else a gate with the rest, and whether there is one."""
    best, slot = np.full(len(tables), 2), np.zeros(len(tables), np.int64)
    full = np.uint64(table_mask(k - 1))
    for one in reversed(range(k)):
        low, high = _cofactors(_swapped(tables, one, k - 1), k)
        simple = (low == 0) | (low == full) | (high == 0) | (high == full) | (low == high ^ full)
        cost = np.where(low == high, 0, np.where(simple, 1, 2))
        slot[cost < best] = one
        best = np.minimum(best, cost)
    return slot, best < 2


def _pair(tables: Tables, k: int) -> tuple[Tables, Tables, Bits]:
    """The function of the two highest fanins by which they act on the rest, what the table (n,) is
    of that, the highest then, and whether there is such a function."""
    width = np.uint64(1 << (k - 2))
    quarter = np.uint64(table_mask(k - 2))
    parts = [tables >> width * np.uint64(row) & quarter for row in range(4)]
    first = parts[0]
    different = [part != first for part in parts]
    second = np.select(different[:0:-1], parts[:0:-1], first)
    found: Bits = np.all([(p == first) | (p == second) for p in parts], axis=0)
    gate = np.zeros(len(tables), np.uint64)
    for row in range(1, 4):
        gate |= different[row].astype(np.uint64) << np.uint64(row)
    merged: Tables = first | second << width
    return gate, merged, found


def _cofactored(builder: NetlistBuilder, tables: Tables, fanins: Ids) -> Ids:
    """Tables as gates of the highest fanin and of its cofactors."""
    k = fanins.shape[1]
    full = np.uint64(table_mask(k - 1))
    low, high = _cofactors(tables, k)
    select, inputs = fanins[:, k - 1], fanins[:, : k - 1]
    ids = np.empty(len(tables), np.int32)
    todo = low != high
    ids[~todo] = append_tables(builder, low[~todo], inputs[~todo])
    for where, rows, gate in (
        (high == (low ^ full), low, XOR),
        (low == 0, high, AND),
        (low == full, high, A_OR_NOT_B),
        (high == 0, low, A_AND_NOT_B),
        (high == full, low, OR),
    ):
        mine = todo & where
        if mine.any():
            below = append_tables(builder, rows[mine], inputs[mine])
            ids[mine] = builder.gates(gate, below, select[mine])
        todo &= ~where
    if todo.any():
        low, change, inputs = low[todo], low[todo] ^ high[todo], inputs[todo]
        flip = builder.gates(AND, append_tables(builder, change, inputs), select[todo])
        ids[todo] = builder.gates(XOR, append_tables(builder, low, inputs), flip)
    return ids


def _cofactors(tables: Tables, k: int) -> tuple[Tables, Tables]:
    """At the highest fanin: where it is 0 and where it is 1."""
    return tables & np.uint64(table_mask(k - 1)), tables >> np.uint64(1 << (k - 1))


def _swap(tables: Tables, fanins: Ids, one: int, other: int) -> tuple[Tables, Ids]:
    """The same functions with two fanins in each other's place."""
    order = list(range(fanins.shape[1]))
    order[one], order[other] = other, one
    return _swapped(tables, one, other), fanins[:, order]


def _swapped(tables: Tables, one: int, other: int) -> Tables:
    """Tables (n,) of at most 6 fanins, two of them swapped."""
    if one == other:
        return tables
    low, high = sorted((one, other))
    shift = np.uint64((1 << high) - (1 << low))
    moved = np.uint64(sum(1 << row for row in range(64) if row >> low & 1 and not row >> high & 1))
    change = (tables >> shift ^ tables) & moved
    swapped: Tables = tables ^ change ^ change << shift
    return swapped
