"""One column of one class: its bits merged into one, and the carries that this leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from lgncc.mapping.cells import cell, fits
from lgncc.mapping.layout import Start
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.packing import Packing
from lgncc.mapping.pool import Pool
from lgncc.mapping.signals import Book, Carry, Leaf, Pair, Piece, Plain, Signal, Taken, Term, piece


class Column:
    """Merges until one bit is left: as early as possible, and only full LUTs while signals are
    still to come (`lgncc.mapping.cells` says why full is what counts).

    Afterwards `carries` are for the next column, `books` for the ledger.
    """

    def __init__(self, luts: LutWriter, ledger: Ledger, klass: int, column: int) -> None:
        self._luts = luts
        self._ledger = ledger
        self._place = (klass, column)
        self._pending: defaultdict[int, list[Taken]] = defaultdict(list)
        self._waiting = 0
        self._coming = 0  # signals of those
        self.carries: list[Carry] = []
        self.books: list[Book] = []

    def reduce(
        self, signals: Sequence[Signal], terms: Sequence[Term], start: Start, constant: int
    ) -> Plain | None:
        """The column's bit of its word, None where there is none. `start`: a constant that takes
        part, and its logical bit if it is a one; with it the number of bits is odd."""
        pool = Pool(self._luts.k, start)
        for one in (*signals, *self._packed(terms)):
            self._wait(one)
        now = 0
        while True:
            for one in self._pending.pop(now, ()):
                self._waiting -= 1
                self._coming -= not isinstance(one, Piece)
                pool.add(one)
            while (chosen := pool.next(self._waiting, self._coming)) is not None:
                made = self._write(*chosen, constant)
                if made.level <= now:  # of signals that waited
                    pool.add(made)
                else:
                    self._wait(made)
            if not self._waiting:
                return pool.last()
            now += 1

    def build(self, leaf: Leaf) -> Plain:
        """A leaf as a LUT."""
        made = self._write([piece((leaf,))], "bit", -1)
        assert isinstance(made, Plain), "of one bit"
        return made

    def _wait(self, one: Taken) -> None:
        self._pending[one.level].append(one)
        self._waiting += 1
        self._coming += not isinstance(one, Piece)

    def _packed(self, terms: Sequence[Term]) -> Iterator[Plain | Piece]:
        k = self._luts.k
        for members in Packing([term.nodes for term in terms], k).run():
            items = [terms[index] for index in members]
            # What is left over of an even number of bits must fit into the LUT of a carry.
            while len(items) > 1 and not fits((piece(tuple(items)).element,), "bit", k):
                widest = max(range(len(items)), key=lambda index: len(items[index].nodes))
                yield _single(items.pop(widest))
            yield _single(items[0]) if len(items) == 1 else piece(tuple(items))

    def _write(self, taken: list[Taken], start: Start, constant: int) -> Signal:
        """The LUT of a cell's sum; its carries are noted."""
        made = cell(tuple(one.element for one in taken), start, self._luts.k)
        assert made is not None, "what is taken fits"
        w = _left_over(taken, made.w)
        literals: list[int] = []  # inputs of the tree
        behind: list[int] = []  # x of pairs
        inputs = [constant] if start == "one" else []
        ghosts: list[int] = []
        for one in taken:
            if isinstance(one, Piece):
                literals += [2 * node for node in one.nodes]
                inputs += [item.bit for item in one.items if item is not w]
                ghosts += [item.ghost.node for item in one.items if isinstance(item, Leaf)]
            elif isinstance(one, Plain):
                literals.append(one.literal)
                inputs += [one.bit] if one is not w else []
            else:
                literals.append(one.p)
                inputs += one.bits
                behind += [one.x] if one.ghost is None else one.ghost.literals
                ghosts += [] if one.ghost is None else [one.ghost.node]
        # The certificate's bit is this LUT's or that and w's node: then a complement of w is in it.
        flip = w.literal & 1 if isinstance(w, Plain) else 0
        if made.n_inputs == 1 and w is None:
            total, gates = literals[0] ^ (made.table == 0b01), ghosts
        else:
            table = made.table ^ ((1 << (1 << made.n_inputs)) - 1 if flip else 0)
            node = self._luts.lut(table, literals)
            total, gates = 2 * node + flip, [node, *ghosts]
        second = total & 1 if w is None else _node(w)
        bit = self._ledger.bit(total >> 1, second, *self._place)
        self.books.append(Book(inputs, [bit], gates))
        self._note(made.carries, [*literals, *behind, total])  # -1 is the sum
        level = self._luts.level(total >> 1)
        if w is None:
            return Plain(level, bit, total)
        if isinstance(w, Plain):
            return Pair(max(level, w.level), (w.bit, bit), total, w.literal, None)
        return Pair(level, (w.bit, bit), total, 0, w.ghost)

    def _note(self, carries: Sequence[tuple[int, tuple[int, ...]]], known: list[int]) -> None:
        for table, reads in carries:
            read = tuple(known[variable] for variable in reads)
            level = 1 + max(self._luts.level(literal >> 1) for literal in read)
            self.carries.append(Carry(level, table, read, len(self.books) - 1))


def _single(term: Term) -> Plain | Piece:
    return term if isinstance(term, Plain) else piece((term,))


def _node(term: Term) -> int:
    return term.literal >> 1 if isinstance(term, Plain) else term.ghost.node


def _left_over(taken: list[Taken], w: tuple[int, int] | None) -> Term | None:
    if w is None:
        return None
    one = taken[w[0]]
    assert not isinstance(one, Pair), "a bit of its own is left over"
    return one.items[w[1]] if isinstance(one, Piece) else one
