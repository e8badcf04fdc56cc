"""One column of one class: its bits merged into one, and the carries that this leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lgncc.mapping.grouping import Grouping
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.merge import Start, absorbed, merge
from lgncc.mapping.options import MappingOptions
from lgncc.mapping.signals import (
    CARRY_OF_SUM,
    Book,
    Carry,
    Ghost,
    Leaf,
    Pair,
    Plain,
    Ready,
    Term,
    over,
    value,
)


class Shape(NamedTuple):
    """The signals of a merge: how many plain bits, how many pairs."""

    plains: int
    pairs: int


class Column:
    """Merges until one bit is left: as early as possible, and only full LUTs while signals are
    still to come (`lgncc.mapping.merge` says why full is what counts).

    Afterwards `carries` are for the next column, `books` for the ledger.
    """

    def __init__(
        self,
        luts: LutWriter,
        ledger: Ledger,
        options: MappingOptions,
        klass: int,
        column: int,
    ) -> None:
        self._luts = luts
        self._ledger = ledger
        self._options = options
        self._place = (klass, column)
        self._pending: defaultdict[int, list[Plain | Pair]] = defaultdict(list)
        self._waiting = 0
        self._start: Start = "bit"
        self._constant = -1
        self.carries: list[Carry] = []
        self.books: list[Book] = []

    def reduce(
        self,
        signals: Sequence[Plain | Pair],
        leaves: Sequence[Leaf],
        start: Start,
        constant: int,
    ) -> Plain | None:
        """The column's bit of its word, None where there is none. `start`: a constant that takes
        part, and its logical bit if it is a one; with it the number of bits is odd."""
        self._start, self._constant = start, constant
        ready = Ready()
        for signal in (*signals, *self._group(leaves, signals, ready)):
            self._pending[signal.level].append(signal)
            self._waiting += 1
        now = 0
        while self._waiting or ready.n_pairs or ready.n_leaves or len(ready.plains) > 1:
            arrived = self._pending.pop(now, [])
            self._waiting -= len(arrived)
            for signal in arrived:
                ready.add(signal)
            while (made := self._step(ready)) is not None:
                if made.level <= now:  # of signals that waited
                    ready.add(made)
                else:
                    self._pending[made.level].append(made)
                    self._waiting += 1
            now += 1
        return ready.plains[0] if ready.plains else None

    def _group(
        self, leaves: Sequence[Leaf], signals: Sequence[Plain | Pair], ready: Ready
    ) -> list[Plain | Pair]:
        """Leaves that need no other bit become signals; the others are ready for one.

        The last two kinds use up a plain bit each. Those that would leave too few for the chains
        make do: halves are paired, and of the ones some are built.
        """
        k = self._luts.k
        order = self._options.leaf_order(*self._place, len(leaves))
        leaves = [leaves[leaf] for leaf in order]
        groups = Grouping([leaf.nodes for leaf in leaves], k).run()
        made: list[Plain | Pair] = [
            self.add((leaves[a], leaves[b], leaves[c])) for a, b, c in groups.threes
        ]
        ready.twos = [(leaves[a], leaves[b]) for a, b in groups.twos]
        singles = sorted((leaves[one] for one in groups.ones), key=lambda leaf: -len(leaf.nodes))
        ready.ones = [leaf for leaf in singles if len(leaf.nodes) + 2 > k]
        ready.halves = [leaf for leaf in singles if len(leaf.nodes) + 2 <= k]
        n_plain = sum(isinstance(signal, Plain) for signal in signals)
        n_bits = len(leaves) + 2 * len(signals) - n_plain
        spare = max(n_plain + len(groups.threes) - n_bits // self._options.plain_every, 0)
        wanted = max(spare - len(ready.ones), spare // 2, 1)
        while len(ready.halves) > wanted:
            if len(ready.halves[-1].nodes) + len(ready.halves[-2].nodes) > k:
                break
            made.append(self._couple(ready.halves.pop(), ready.halves.pop()))
        spare = max(spare - len(ready.halves), 0)
        made += [self.build(ready.ones.pop()) for _ in range((len(ready.ones) - spare) // 2)]
        return made

    def _step(self, ready: Ready) -> Plain | Pair | None:
        """One more LUT of the tree, if what it needs has come."""
        plains = ready.plains
        if ready.twos and plains:
            return self.add((*ready.twos.pop(), plains.pop()))
        if ready.halves and len(plains) > 1:
            return self.add((ready.halves.pop(), plains.pop(), plains.pop()))
        if ready.ones and plains:
            return self._sink(ready.ones.pop(), plains.pop())
        if ready.n_leaves and not self._waiting:
            return self._unabsorbed(ready)
        shape = self._choose(ready)
        return None if shape is None else self._merge(ready, shape)

    def _unabsorbed(self, ready: Ready) -> Plain:
        """One of the leaves built, because there is nothing to absorb it in."""
        if ready.ones:
            return self.build(ready.ones.pop())
        if ready.halves:
            return self.build(ready.halves.pop())
        a, b = ready.twos.pop()
        (ready.ones if len(b.nodes) + 2 > self._luts.k else ready.halves).append(b)
        return self.build(a)

    def build(self, leaf: Leaf) -> Plain:
        """A leaf as a LUT."""
        node = self._luts.lut(leaf.ghost.table, leaf.ghost.literals)
        bit = self._ledger.bit(node, 0, *self._place)
        self._ledger.block([leaf.bit], [bit], [node, leaf.ghost.node])
        return Plain(leaf.level + 1, bit, 2 * node)

    def _sink(self, leaf: Leaf, w: Plain) -> Pair:
        """The leaf as the second of a pair with w."""
        nodes = sorted(leaf.nodes | w.nodes)
        raw = Plain(w.level, w.bit, w.literal & ~1)
        node = self._luts.lut(*over(nodes, value(leaf, nodes) ^ value(raw, nodes)))
        bit = self._ledger.bit(node, w.literal >> 1, *self._place)
        self._ledger.block([leaf.bit], [bit], [node, leaf.ghost.node])
        level = max(leaf.level, w.level) + 1
        return Pair(level, (w.bit, bit), 2 * node + (w.literal & 1), w.literal, None)

    def _couple(self, x: Leaf, y: Leaf) -> Pair:
        """Two leaves as a pair whose first is absorbed by its carry."""
        nodes = sorted(x.nodes | y.nodes)
        node = self._luts.lut(*over(nodes, value(x, nodes) ^ value(y, nodes)))
        bit = self._ledger.bit(x.ghost.node, node, *self._place)
        self._ledger.block([y.bit], [bit], [node, x.ghost.node, y.ghost.node])
        return Pair(max(x.level, y.level) + 1, (x.bit, bit), 2 * node, 0, x.ghost)

    def add(self, terms: tuple[Term, Term, Term]) -> Plain:
        """Three bits that read at most k nodes: their sum, a LUT over those; and the carry, which
        may read the sum instead of one of them."""
        nodes = sorted(frozenset[int]().union(*(term.nodes for term in terms)))
        a, b, c = (value(term, nodes) for term in terms)
        total = self._luts.lut(*over(nodes, a ^ b ^ c))
        level = max(term.level for term in terms) + 1
        bit = self._ledger.bit(total, 0, *self._place)
        ghosts = [term.ghost.node for term in terms if isinstance(term, Leaf)]
        self.books.append(Book([term.bit for term in terms], [bit], [total, *ghosts]))
        plains = [term.literal for term in terms if isinstance(term, Plain)]
        book = len(self.books) - 1
        if len(plains) == 2 and len(nodes) > 3:  # x, y and the sum say what the third was
            self.carries.append(Carry(level + 1, CARRY_OF_SUM, (2 * total, *plains), book))
        else:
            self.carries.append(Carry(level, *over(nodes, a & b | a & c | b & c), book))
        return Plain(level, bit, 2 * total)

    def _choose(self, ready: Ready) -> Shape | None:
        plains, pairs, full = len(ready.plains), ready.n_pairs, self._luts.k
        start, waiting = self._start, self._waiting + ready.n_leaves
        if plains + pairs < full:
            lone = pairs == 0 and plains <= (start == "bit")
            return None if waiting or lone else Shape(plains, pairs)
        if start != "bit":
            shapes = (Shape(n, full - n) for n in (*range(0, full + 1, 2), *range(1, full, 2)))
            return next(s for s in shapes if s.plains <= plains and s.pairs <= pairs)
        if not plains:
            return None
        ghosts = len(ready.ghosts)
        if ghosts and full == 4:
            return _with_ghosts(plains, pairs - ghosts, ghosts, self._options.chain)
        used = full - min(pairs, full - 1)
        if used % 2 == 0 and waiting and (plains - used) * (full - 1) < pairs + waiting:
            return None  # every later LUT of the tree wants a plain bit too
        return Shape(used, full - used)

    def _merge(self, ready: Ready, shape: Shape) -> Plain | Pair:
        start, self._start = self._start, "bit"
        plains = [ready.plains.pop() for _ in range(shape.plains)]
        rest = shape.plains - (start == "bit")
        steps = "x" * (rest // 2) + "p" * shape.pairs
        form = merge(start, steps, bool(rest % 2))
        k = self._luts.k
        rooms = [k - carry.n_fanins for carry in form.carries]
        by_room = sorted(range(rest // 2, len(steps)), key=rooms.__getitem__)
        chosen = ready.take_pairs(shape.pairs, sum(rooms[step] > 0 for step in by_room))
        pair_of = dict(zip(by_room, chosen, strict=True))

        w = plains.pop() if rest % 2 else None
        literals, inputs = [p.literal for p in plains], [p.bit for p in plains]
        level = max([p.level for p in plains], default=0)
        own_gates: list[int] = []
        xs: list[int | Ghost] = [*literals[start == "bit" :: 2]]
        for step in range(rest // 2, len(steps)):
            pair = pair_of[step]
            literals.append(pair.p)
            inputs.extend(pair.bits)
            level = max(level, pair.level)
            fits = pair.ghost is not None and len(pair.ghost.literals) - 1 <= rooms[step]
            built = [] if fits else self._built(pair)
            own_gates.extend(built)
            xs.append(pair.ghost if fits and pair.ghost else 2 * built[0] if built else pair.x)
        if start == "one":
            inputs.append(self._constant)
        if w is not None:
            literals.append(w.literal & ~1)  # the node: the pair is of nodes
            level = max(level, w.level)
        total = self._luts.lut(form.sum_table, literals)
        level += 1
        made_bit = self._ledger.bit(total, 0 if w is None else w.literal >> 1, *self._place)
        book = Book(inputs, [made_bit], [total, *own_gates])
        self.books.append(book)
        for carry, x in zip(form.carries, xs, strict=True):
            read = ([2 * total] if carry.reads_sum else []) + [literals[s] for s in carry.slots]
            table = carry.table
            if isinstance(x, Ghost):
                table = absorbed(table, carry.n_fanins, x.table, len(x.literals))
                read.extend(x.literals)
                book.gates.append(x.node)
            else:
                read.append(x)
            self.carries.append(
                Carry(level + carry.reads_sum, table, tuple(read), len(self.books) - 1)
            )
        if w is None:
            return Plain(level, made_bit, 2 * total)
        return Pair(level, (w.bit, made_bit), 2 * total + (w.literal & 1), w.literal, None)

    def _built(self, pair: Pair) -> list[int]:
        """The gates that make x a node, where it is a ghost that finds no room: a LUT, of which
        the ghost is a copy."""
        if pair.ghost is None:
            return []
        return [self._luts.lut(pair.ghost.table, pair.ghost.literals), pair.ghost.node]


def _with_ghosts(plains: int, solid: int, ghosts: int, chain: int) -> Shape:
    """At k = 4: the merge (1, 3) has no room for its second pair's ghost."""
    if plains >= 3 and chain * (plains - 2) > solid + ghosts:
        return Shape(3, 1)
    if solid and solid + ghosts >= 3:
        return Shape(1, 3)
    # A tree LUT of three inputs wastes a third of one; building a ghost would cost one.
    return Shape(1, min(ghosts + solid, 2))
