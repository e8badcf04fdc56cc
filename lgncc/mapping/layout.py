"""Layouts: which bit of a cell is first, which is left over, and in what order the others come.

What its gates compute does not matter here, only what they read: a layout is found once for each
shape of cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations
from typing import Literal, NamedTuple

Start = Literal["bit", "zero", "one"]

Steps = tuple[tuple[int, ...], ...]
Shape = tuple[int, tuple[tuple[int, ...], ...], int]
"""Inputs of an element, what each bit of it reads, and how many fanins the x of a pair has."""


class Plan(NamedTuple):
    """w, first: indices into the bits, -1 for none; steps: of two bits, or (pair's element,);
    reads: of each step's carry, variables as bits of an integer, and whether s too."""

    w: int
    first: int
    steps: Steps
    reads: tuple[tuple[int, bool], ...]


@lru_cache(maxsize=1 << 16)
def plan(shapes: tuple[Shape, ...], start: Start, k: int) -> Plan | None:
    """Which bit is first, which is left over and in what order the others come: carries that
    all fit, as many as can be with an input to spare, and no wide gate left over."""
    layout = _Layout(shapes)
    if layout.n_inputs > k:
        return None
    best: tuple[tuple[int, ...], Plan] | None = None
    for w, first, steps in layout.orders(start):
        left = layout.bits[w].bit_count() if w >= 0 else 0
        if left > max(k - 2, 1):
            continue
        reads = layout.reads(w, first, steps, k)
        if reads is None:
            continue
        roomy = sum(mask.bit_count() + by_sum < k for mask, by_sum in reads)
        n_by_sum = sum(by_sum for _, by_sum in reads)
        rank = ((left > 1) - roomy, left, n_by_sum, sum(mask.bit_count() for mask, _ in reads))
        if best is None or rank < best[0]:
            best = rank, Plan(w, first, steps, tuple(reads))
            if roomy == len(steps) and left <= 1 and not n_by_sum:
                break
    return best[1] if best else None


def members(mask: int) -> list[int]:
    return [at for at in range(mask.bit_length()) if mask >> at & 1]


class _Layout:
    """Variables of a shape, and sets of them as bits of an integer: inputs of the tree by element,
    then x of each pair. bits: what each reads; p, pairs: the second of each pair, and all of it."""

    def __init__(self, shapes: tuple[Shape, ...]) -> None:
        self.n_inputs = sum(n_nodes for n_nodes, _, _ in shapes)
        self.bits: list[int] = []
        self.pairs: dict[int, int] = {}
        self.p: dict[int, int] = {}
        # Bits and pairs that can stand for each other.
        self._alike: list[object] = []
        self._alike_pairs: dict[int, int] = {}
        at, x = 0, self.n_inputs
        for index, (n_nodes, items, ghost) in enumerate(shapes):
            for reads in items:
                self._alike.append(0 if n_nodes == 1 and len(items) == 1 else (index, reads))
                self.bits.append(sum(1 << at + node for node in set(reads)))
            if not items:
                self.p[index] = 1 << at
                self.pairs[index] = 1 << at | ((1 << max(ghost, 1)) - 1) << x
                self._alike_pairs[index] = ghost
                x += max(ghost, 1)
            at += n_nodes

    def reads(self, w: int, first: int, steps: Steps, k: int) -> list[tuple[int, bool]] | None:
        """Of each step what its carry reads besides s, and whether that; None where more than k."""
        own = [self._own(step) for step in steps]
        parity = [self._parity(step) for step in steps]
        after = [self.bits[w] if w >= 0 else 0]
        for one in parity[:0:-1]:
            after.append(after[-1] | one)
        after.reverse()
        before = self.bits[first] if first >= 0 else 0
        reads = []
        for index in range(len(steps)):
            low, high = own[index] | before, own[index] | after[index]
            through = high.bit_count() + 1 < low.bit_count()
            one = high if through else low
            if one.bit_count() + through > k:
                return None
            reads.append((one, through))
            before |= parity[index]
        return reads

    def _own(self, step: tuple[int, ...]) -> int:
        if len(step) == 1:
            return self.pairs[step[0]]
        return self.bits[step[0]] | self.bits[step[1]]

    def _parity(self, step: tuple[int, ...]) -> int:
        if len(step) == 1:
            return self.p[step[0]]
        return self.bits[step[0]] | self.bits[step[1]]

    def orders(self, start: Start) -> Iterator[tuple[int, int, Steps]]:
        """Every w, first bit and order of steps; of those that differ in what is alike, one."""
        bits = range(len(self.bits))
        even = len(bits) % 2 == 0
        if start != "bit":
            ends = [(-1, -1)] if even else []
        elif even:
            ends = [(w, first) for w in bits for first in bits if w != first]
        else:
            ends = [(-1, first) for first in bits]
        seen = set()
        pairs = tuple((index,) for index in self.p)
        for w, first in ends:
            rest = tuple(bit for bit in bits if bit not in (w, first))
            for twos in _twos(rest):
                for steps in permutations((*twos, *pairs)):
                    key = (self._class(w), self._class(first), *map(self._class_of, steps))
                    if key not in seen:
                        seen.add(key)
                        yield w, first, steps

    def _class(self, bit: int) -> object:
        return self._alike[bit] if bit >= 0 else None

    def _class_of(self, step: tuple[int, ...]) -> object:
        if len(step) == 1:
            return self._alike_pairs[step[0]]
        return self._alike[step[0]], self._alike[step[1]]


def _twos(bits: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """All ways to make twos of them."""
    if not bits:
        yield ()
        return
    for index in range(1, len(bits)):
        rest = bits[1:index] + bits[index + 1 :]
        for others in _twos(rest):
            yield ((bits[0], bits[index]), *others)
