"""Grouping: which leaves of one class and column share lookup tables.

Three leaves that read at most k nodes between them need two LUTs, their sum and their carry, and
none of them is built. Leaves that share a node are therefore grouped first; then those that share
nothing are added to two built bits; what is left over becomes pairs. Of bits that have to be built,
one whose LUT has an input free becomes the second of a pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Groups:
    """Positions of leaves: each in a triple, in a pair, or in neither."""

    triples: list[tuple[int, int, int]] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)


class Grouping:
    """Greedy, leaves with the fewest neighbours first.

    reads: the nodes that each leaf reads, where it may be absorbed, else its own node;
    absorbable: which may be; roomy: which have a LUT that can take in one node more; k: fanins of
    a LUT.
    """

    def __init__(
        self,
        reads: Sequence[frozenset[int]],
        absorbable: Sequence[bool],
        roomy: Sequence[bool],
        k: int,
    ) -> None:
        self._reads = reads
        self._k = k
        self._free = [i for i, yes in enumerate(absorbable) if yes]
        self._roomy = roomy
        # Those without room last, for they are taken from the end.
        built = [i for i, yes in enumerate(absorbable) if not yes]
        self._built = sorted(built, key=lambda leaf: not roomy[leaf])
        self._taken = [False] * len(reads)
        self._touching: defaultdict[int, list[int]] = defaultdict(list)
        for leaf in self._free:
            for node in reads[leaf]:
                self._touching[node].append(leaf)

    def run(self) -> Groups:
        groups = Groups()
        alone = []
        for leaf in sorted(self._free, key=self._degree):
            if self._taken[leaf]:
                continue
            self._taken[leaf] = True
            second = self._best(self._reads[leaf])
            if second is None:
                alone.append(leaf)
                self._taken[leaf] = False
                continue
            self._taken[second] = True
            nodes = self._reads[leaf] | self._reads[second]
            third = self._best(nodes)
            if third is None and self._built and len(nodes) < self._k:
                third = self._built.pop()
            if third is None:
                groups.pairs.append((leaf, second))
                continue
            self._taken[third] = True
            groups.triples.append((leaf, second, third))
        alone = [leaf for leaf in alone if not self._taken[leaf]]
        while alone and len(self._built) > 2 and len(self._reads[alone[-1]]) + 2 <= self._k:
            groups.triples.append((alone.pop(), self._built.pop(), self._built.pop()))
        groups.pairs += zip(alone[::2], alone[1::2], strict=False)
        while len(self._built) > 1 and self._roomy[self._built[0]]:
            groups.pairs.append((self._built.pop(), self._built.pop(0)))
        return groups

    def _degree(self, leaf: int) -> int:
        return sum(len(self._touching[node]) for node in self._reads[leaf])

    def _best(self, nodes: Iterable[int]) -> int | None:
        """Of the leaves left that share a node, and fit, the one that adds fewest; of those, the
        one with fewest other neighbours."""
        own = frozenset(nodes)
        found, least = None, (self._k + 1, 0)
        for node in own:
            for leaf in self._touching[node]:
                if not self._taken[leaf]:
                    rank = (len(own | self._reads[leaf]), self._degree(leaf))
                    if rank[0] <= self._k and rank < least:
                        found, least = leaf, rank
        return found
