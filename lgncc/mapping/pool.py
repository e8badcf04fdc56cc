"""Pool: the elements of a column that have arrived, and which of them make the next cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from lgncc.mapping.cells import fits
from lgncc.mapping.layout import Start
from lgncc.mapping.signals import Pair, Piece, Plain, Signal, Taken

PIECES_A_CHAIN = 4
"""Pieces for a signal, above which one more piece is made a signal by a LUT of its own: chains of
this many LUTs, where there are so few signals."""

GHOSTS = 0.5
"""Pairs whose x is a gate for each other signal, above which they are spent first: cells of no
other pairs have no room for them."""


class Shape(NamedTuple):
    """So many signals: plain bits, pairs of two nodes, and pairs whose x is a gate."""

    plains: int
    solids: int
    ghosts: int


class Pool:
    """start: a constant that is the first bit of some cell yet to come, else "bit".

    All LUTs full is what counts: pieces that fill one alone go first, then those that signals
    fill, then signals by themselves, as many pairs as there are for a plain bit.
    """

    def __init__(self, k: int, start: Start) -> None:
        self._k = k
        self.start: Start = start
        self._plains: list[Plain] = []
        self._solids: list[Pair] = []
        self._ghosts: list[Pair] = []
        self._pieces: list[list[Piece]] = [[] for _ in range(k + 1)]  # by inputs

    def add(self, one: Taken) -> None:
        if isinstance(one, Piece):
            self._pieces[len(one.nodes)].append(one)
        elif isinstance(one, Plain):
            self._plains.append(one)
        else:
            (self._solids if one.ghost is None else self._ghosts).append(one)

    def last(self) -> Plain | None:
        """The bit that is left when all is done."""
        assert not any(self._pieces)
        assert self._n_signals == len(self._plains) <= 1
        return self._plains[0] if self._plains else None

    def next(self, waiting: int, coming: int) -> tuple[list[Taken], Start] | None:
        """The elements of one more cell and its first bit, if it is time for one; they are taken
        out. waiting: elements still to come; coming: the signals of those."""
        if self._pieces[self._k]:
            return [self._pieces[self._k].pop()], "bit"
        left = sum(map(len, self._pieces))
        if left:
            # Pieces whose LUT is filled with signals use up more of those than they make.
            supply = self._n_signals + coming
            demand = sum(len(self._pieces[n]) * (self._k - n - 1) for n in range(1, self._k))
            short = demand + (self.start == "bit") > supply
            if short or left // PIECES_A_CHAIN > supply:
                return self._together(waiting), "bit"
            filled = self._filled()
            if filled is not None:
                return filled, "bit"
        if self._n_signals >= self._k or not (waiting or left):
            shape = self._signals(waiting + left)
            if shape is not None:
                start = self._start_of(shape)
                self.start = "bit" if start != "bit" else self.start
                return self._take(shape), start
        return (self._together(waiting), "bit") if left and not waiting else None

    @property
    def _n_signals(self) -> int:
        return len(self._plains) + len(self._solids) + len(self._ghosts)

    def _look(self, shape: Shape) -> list[Signal]:
        """What `_take` would take."""
        return [
            *self._plains[len(self._plains) - shape.plains :],
            *self._solids[len(self._solids) - shape.solids :],
            *self._ghosts[len(self._ghosts) - shape.ghosts :],
        ]

    def _take(self, shape: Shape) -> list[Taken]:
        taken: list[Taken] = [*self._look(shape)]
        del self._plains[len(self._plains) - shape.plains :]
        del self._solids[len(self._solids) - shape.solids :]
        del self._ghosts[len(self._ghosts) - shape.ghosts :]
        return taken

    def _fits(self, taken: Sequence[Taken], start: Start = "bit") -> bool:
        return fits(tuple(one.element for one in taken), start, self._k)

    def _filled(self) -> list[Taken] | None:
        """The widest piece whose LUT signals can fill, and those."""
        for n in range(self._k - 1, 0, -1):
            if self._pieces[n]:
                for shape in self._shapes(self._k - n):
                    if self._fits([self._pieces[n][-1], *self._look(shape)]):
                        return [self._pieces[n].pop(), *self._take(shape)]
        return None

    def _together(self, waiting: int) -> list[Taken]:
        """Pieces that fill a LUT, and signals only if they fill it up, or nothing else is left."""
        taken: list[Taken] = []
        room = self._k
        for n in range(self._k - 1, 0, -1):
            while n <= room and self._pieces[n]:
                if taken and not self._fits([*taken, self._pieces[n][-1]]):
                    break
                taken.append(self._pieces[n].pop())
                room -= n
        last = not waiting and not any(self._pieces)
        for count in range(room, 0, -1) if last else (room,):
            for shape in self._shapes(count):
                if self._fits([*taken, *self._look(shape)]):
                    return [*taken, *self._take(shape)]
        return taken

    def _shapes(self, count: int) -> list[Shape]:
        """The ways to take so many signals, best first."""
        plains, solids, ghosts = len(self._plains), len(self._solids), len(self._ghosts)
        found = [
            Shape(a, b, count - a - b)
            for a, b in product(range(count, -1, -1), repeat=2)
            if a <= plains and b <= solids and 0 <= count - a - b <= ghosts
        ]
        # Plain bits where they abound: cells of pairs want one each.
        many = plains * (self._k - 1) > solids + ghosts
        sign = -1 if ghosts > GHOSTS * (plains + solids) else 1
        return sorted(
            found, key=lambda s: (sign * s.ghosts, -s.plains if many else abs(s.plains - 1))
        )

    def _signals(self, waiting: int) -> Shape | None:
        """Signals alone: a full LUT of them, or of the last ones any."""
        k = self._k
        plains, pairs = len(self._plains), len(self._solids) + len(self._ghosts)
        if plains + pairs < k:
            alone = pairs == 0 and plains <= (self.start == "bit")
            return None if alone else self._largest(plains + pairs)
        numbers: Sequence[int] = range(k - min(pairs, k - 1), k + 1)
        if self.start != "bit":
            numbers = (*range(0, k + 1, 2), *range(1, k, 2))
        elif not plains:
            return None if waiting else self._largest(k - 1)
        elif numbers[0] % 2 == 0 and waiting and (plains - numbers[0]) * (k - 1) < pairs + waiting:
            return None  # every later LUT of the tree wants a plain bit too
        found = (self._of(n, k - n) for n in numbers)
        return next((shape for shape in found if shape is not None), None) or self._largest(k - 1)

    def _of(self, plains: int, pairs: int) -> Shape | None:
        """So many plain bits and pairs, as many of those with a gate as fit."""
        if plains > len(self._plains):
            return None
        for ghosts in range(min(pairs, len(self._ghosts)), -1, -1):
            shape = Shape(plains, pairs - ghosts, ghosts)
            if shape.solids > len(self._solids):
                return None
            if self._fits(self._look(shape), self._start_of(shape)):
                return shape
        return None

    def _start_of(self, shape: Shape) -> Start:
        return self.start if shape.plains % 2 == 0 else "bit"

    def _largest(self, count: int) -> Shape | None:
        """As many signals as fit, up to a count; a plain bit alone is no cell."""
        for n in range(count, 0, -1):
            for plains in range(min(n, len(self._plains)) if n > 1 else 0, -1, -1):
                found = self._of(plains, n - plains)
                if found is not None:
                    return found
        return None
