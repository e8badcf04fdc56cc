"""Packing: which bits of one class and column share the inputs of a lookup table.

The readout's LUTs read the fanins of a leaf rather than the leaf, and what several of them read
is one input where they are in one LUT. A piece is a group of bits of at most k nodes in all; it
saves as many inputs of the tree as its bits read nodes more than once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

MAX_BITS = 5  # of a piece: more share little, and take long to lay out
ROUNDS = 8


class Packing:
    """Greedy, then moves of one bit from piece to piece while that saves. reads: of each bit."""

    def __init__(self, reads: Sequence[frozenset[int]], k: int) -> None:
        self._reads = reads
        self._k = k
        self._touching: defaultdict[int, list[int]] = defaultdict(list)
        for bit, nodes in enumerate(reads):
            for node in nodes:
                self._touching[node].append(bit)
        self._piece = list(range(len(reads)))
        self._members: list[set[int]] = [{bit} for bit in range(len(reads))]
        self._nodes: list[frozenset[int]] = list(reads)

    def run(self) -> list[list[int]]:
        """The pieces, as lists of positions, each once."""
        near = [self._neighbours(bit) for bit in range(len(self._reads))]
        linked = sorted(
            (bit for bit, others in enumerate(near) if others), key=lambda b: len(near[b])
        )
        for bit in linked:
            if len(self._members[self._piece[bit]]) == 1:
                self._grow(bit, near)
        for round_ in range(ROUNDS):
            changed = [self._improve(bit, near[bit], round_) for bit in linked]
            if not any(changed):
                break
        return [sorted(members) for members in self._members if members]

    def _neighbours(self, bit: int) -> list[int]:
        near = {other for node in self._reads[bit] for other in self._touching[node]}
        return sorted(near - {bit})

    def _grow(self, bit: int, near: list[list[int]]) -> None:
        """Take in the free neighbours that add fewest nodes, of those with fewest neighbours."""
        piece = self._piece[bit]
        while len(self._members[piece]) < MAX_BITS:
            nodes, found, least = self._nodes[piece], -1, (self._k + 1, 0)
            for other in sorted({o for member in self._members[piece] for o in near[member]}):
                if len(self._members[self._piece[other]]) == 1 and self._piece[other] != piece:
                    size = len(nodes | self._reads[other])
                    if size - len(nodes) < len(self._reads[other]):
                        rank = (size, len(near[other]))
                        if rank < least:
                            found, least = other, rank
            if found < 0:
                return
            self._move(found, piece)

    def _move(self, bit: int, piece: int) -> None:
        old = self._piece[bit]
        self._members[old].discard(bit)
        self._nodes[old] = self._union(self._members[old])
        self._members[piece].add(bit)
        self._nodes[piece] |= self._reads[bit]
        self._piece[bit] = piece

    def _union(self, members: set[int]) -> frozenset[int]:
        return frozenset[int]().union(*(self._reads[member] for member in members))

    def _improve(self, bit: int, near: list[int], round_: int) -> bool:
        """Move the bit to where it saves most, or, in other rounds, to where it saves as much."""
        old, reads = self._piece[bit], self._reads[bit]
        rest = self._union(self._members[old] - {bit})
        stays = len(reads & rest)
        best, found = stays, -1
        for piece in dict.fromkeys(self._piece[other] for other in near):
            if piece == old or len(self._members[piece]) >= MAX_BITS:
                continue
            nodes = self._nodes[piece]
            if len(nodes | reads) <= self._k:
                saves = len(nodes & reads)
                if saves > best or (saves == best and found < 0 and round_ % 2):
                    best, found = saves, piece
        if found < 0:
            return False
        self._move(bit, found)
        return True
