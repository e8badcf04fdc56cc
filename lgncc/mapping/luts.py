"""LutWriter: lookup tables appended to a mapped netlist, a row each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lgncc.arrays import Ids, Integers, Tables
from lgncc.netlist import Netlist, table_mask


class LutWriter:
    """Rows of new LUTs above an existing netlist. Fanins are literals, 2 * node + complement:
    complements move into the tables when the rows become arrays."""

    def __init__(self, below: Netlist) -> None:
        self.below = below
        self.k = below.k
        self._first = below.n_nodes
        self._tables: list[int] = []
        self._fanins: list[int] = []
        self._counts: list[int] = []
        self._level: list[int] = below.level.tolist()

    @property
    def n_nodes(self) -> int:
        return self._first + len(self._tables)

    def lut(self, table: int, literals: Sequence[int]) -> int:
        """Append one LUT; returns its node id. The table is of exactly these fanins."""
        self._tables.append(table)
        self._fanins.extend(literals)
        self._counts.append(len(literals))
        level = self._level
        level.append(1 + max((level[literal >> 1] for literal in literals), default=-1))
        return self._first + len(self._tables) - 1

    def level(self, node: int) -> int:
        return self._level[node]

    def arrays(self) -> tuple[Ids, Tables]:
        """fanin (n, k), unused ones constant 0, and table (n,)."""
        count = np.array(self._counts, np.int64)
        slot = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        literal = np.zeros((len(count), self.k), np.int64)
        literal[np.repeat(np.arange(len(count)), count), slot] = self._fanins
        return absorb_complements(literal, widen(np.array(self._tables, np.uint64), count, self.k))


def widen(table: Tables, count: Integers, k: int) -> Tables:
    """Tables of `count` fanins as tables of k that do not depend on the others."""
    table = table.copy()
    for fewer in range(k):
        short = count <= fewer
        table[short] |= table[short] << np.uint64(1 << fewer)
    return table


def absorb_complements(literal: Integers, table: Tables) -> tuple[Ids, Tables]:
    """Fanins (n, k) as nodes, and the tables that read them so. Constant 1 is node 1."""
    k = literal.shape[1]
    rows = np.arange(1 << k)
    table = table.copy()
    for slot in range(k):
        inverted = literal[:, slot] & 1 == 1
        clear = np.uint64(sum(1 << int(r) for r in rows[rows >> slot & 1 == 0]))
        shift = np.uint64(1 << slot)
        low, high = table & clear, table & ~clear & np.uint64(table_mask(k))
        table = np.where(inverted, low << shift | high >> shift, table)
    return (literal >> 1).astype(np.int32), table
