"""Grouping: which leaves of one class and column share lookup tables.

Leaves are gates that no LUT needs to hold: what reads them can read their fanins instead. Three of
at most k nodes between them are added by two LUTs; two of fewer than k, with any bit. The fewer
nodes a group has, the more of the parity tree it is, so leaves that share a node go first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Groups:
    """Positions of leaves, each once. threes: at most k nodes; twos: fewer than k; ones: rest."""

    threes: list[tuple[int, int, int]] = field(default_factory=list)
    twos: list[tuple[int, int]] = field(default_factory=list)
    ones: list[int] = field(default_factory=list)


class Grouping:
    """Greedy, leaves with the fewest neighbours first. reads: the nodes of each leaf."""

    def __init__(self, reads: Sequence[frozenset[int]], k: int) -> None:
        self._reads = reads
        self._k = k
        self._taken = [False] * len(reads)
        self._touching: defaultdict[int, list[int]] = defaultdict(list)
        for leaf, nodes in enumerate(reads):
            for node in nodes:
                self._touching[node].append(leaf)
        self._degree = [sum(len(self._touching[n]) for n in nodes) for nodes in reads]

    def run(self) -> Groups:
        groups = Groups()
        for leaf in sorted(range(len(self._reads)), key=self._degree.__getitem__):
            if self._taken[leaf]:
                continue
            self._taken[leaf] = True
            nodes = self._reads[leaf]
            second = self._best(nodes)
            if second is None:
                groups.ones.append(leaf)
                continue
            self._taken[second] = True
            nodes |= self._reads[second]
            third = self._best(nodes)
            if third is not None:
                self._taken[third] = True
                groups.threes.append((leaf, second, third))
            elif len(nodes) < self._k:
                groups.twos.append((leaf, second))
            else:
                self._taken[second] = False
                groups.ones.append(leaf)
        self._join(groups)
        return groups

    def _join(self, groups: Groups) -> None:
        """Leaves alone that share nothing, where LUTs are wide enough for three."""
        alone, groups.ones = groups.ones, []
        while len(alone) > 2 and sum(len(self._reads[leaf]) for leaf in alone[-3:]) <= self._k:
            groups.threes.append((alone.pop(), alone.pop(), alone.pop()))
        groups.ones = alone

    def _best(self, nodes: frozenset[int]) -> int | None:
        """Of the leaves left that share a node and fit, the one that adds fewest; of those, the
        one with fewest neighbours."""
        found, least = None, (self._k + 1, 0)
        for node in nodes:
            for leaf in self._touching[node]:
                if not self._taken[leaf]:
                    rank = (len(nodes | self._reads[leaf]), self._degree[leaf])
                    if rank < least:
                        found, least = leaf, rank
        return found
