"""One column of one class: its bits merged into one, and the carries that this leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.merge import Start, absorbed, merge


class Plain(NamedTuple):
    """A logical bit that is a literal; level: LUTs between it and the inputs."""

    level: int
    bit: int
    literal: int


class Ghost(NamedTuple):
    """A leaf gate that need not be built: its node in the ledger, its table and fanins."""

    node: int
    table: int
    literals: tuple[int, ...]


class Leaf(NamedTuple):
    """A logical bit that is a ghost; level: of the later of its fanins."""

    level: int
    bit: int
    ghost: Ghost


Term = Plain | Leaf


class Pair(NamedTuple):
    """Two logical bits (x, x ^ p) as literals, or x a ghost; level: of the later of x and p."""

    level: int
    bits: tuple[int, int]
    p: int
    x: int
    ghost: Ghost | None


class Carry(NamedTuple):
    """A carry LUT yet to be written, for a free input may take in a bit of the next column.
    level: what it would have; book: the entry of its merge."""

    level: int
    table: int
    literals: tuple[int, ...]
    book: int


class Book(NamedTuple):
    """What a merge enters in the ledger once its carries are written."""

    inputs: list[int]
    outputs: list[int]
    gates: list[int]


class Shape(NamedTuple):
    """The signals of a merge: how many plain bits, how many pairs."""

    plains: int
    pairs: int


@dataclass
class _Ready:
    """Signals that have arrived."""

    plains: list[Plain] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    ghosts: list[Pair] = field(default_factory=list)

    @property
    def n_pairs(self) -> int:
        return len(self.pairs) + len(self.ghosts)

    def add(self, signal: Plain | Pair) -> None:
        if isinstance(signal, Plain):
            self.plains.append(signal)
        else:
            (self.pairs if signal.ghost is None else self.ghosts).append(signal)

    def take_pairs(self, count: int, roomy: int) -> list[Pair]:
        """Ghosts last, as many as there is room for; more only where pairs run out."""
        n_ghosts = min(len(self.ghosts), roomy)
        n_ghosts = max(n_ghosts, count - len(self.pairs))
        solid = [self.pairs.pop() for _ in range(count - n_ghosts)]
        return solid + [self.ghosts.pop() for _ in range(n_ghosts)]


# Sum, x, y to the carry of x, y and a third bit.
CARRY_OF_SUM = sum(
    (x if x == y else s ^ x ^ y) << (s + 2 * x + 4 * y) for s, x, y in product((0, 1), repeat=3)
)

# The values of each of six variables, in the rows of a table.
VARIABLES = tuple(sum(1 << row for row in range(64) if row >> i & 1) for i in range(6))
ALL_ROWS = (1 << 64) - 1


def _value(term: Term, nodes: list[int]) -> int:
    """The term as a table over `nodes`, of 64 rows."""
    if isinstance(term, Plain):
        return VARIABLES[nodes.index(term.literal >> 1)] ^ (ALL_ROWS if term.literal & 1 else 0)
    value = 0
    variables = [VARIABLES[nodes.index(one >> 1)] for one in term.ghost.literals]
    for row in range(1 << len(variables)):
        if term.ghost.table >> row & 1:
            product_ = ALL_ROWS
            for index, variable in enumerate(variables):
                product_ &= variable if row >> index & 1 else ~variable
            value |= product_ & ALL_ROWS
    return value


class Column:
    """Merges until one bit is left: as early as possible, and only full LUTs while signals are
    still to come (`lgncc.mapping.merge` says why full is what counts).

    Afterwards `carries` are for the next column, `books` for the ledger.
    """

    def __init__(self, luts: LutWriter, ledger: Ledger, klass: int, column: int) -> None:
        self._luts = luts
        self._ledger = ledger
        self._place = (klass, column)
        self.carries: list[Carry] = []
        self.books: list[Book] = []

    def reduce(self, signals: Sequence[Plain | Pair], start: Start, constant: int) -> Plain | None:
        """The column's bit of its word, None where there is none. `start`: a constant that
        takes part, and its logical bit if it is a one; with it the number of bits is odd."""
        pending: defaultdict[int, list[Plain | Pair]] = defaultdict(list)
        for signal in signals:
            pending[signal.level].append(signal)
        ready = _Ready()
        now, waiting = 0, len(signals)
        while waiting or ready.n_pairs or len(ready.plains) > 1:
            for signal in pending.pop(now, ()):
                ready.add(signal)
                waiting -= 1
            while shape := self._choose(ready, waiting, start):
                made = self._merge(ready, shape, start, constant)
                start = "bit"
                if made.level <= now:  # of signals that waited
                    ready.add(made)
                else:
                    pending[made.level].append(made)
                    waiting += 1
            now += 1
        return ready.plains[0] if ready.plains else None

    def add(self, terms: tuple[Term, Term, Term]) -> Plain:
        """Three leaves that read at most k nodes: their sum, a LUT over those; and the carry,
        which may read the sum instead of one of them."""
        nodes: list[int] = []
        for term in terms:
            read = (term.literal,) if isinstance(term, Plain) else term.ghost.literals
            nodes += [one >> 1 for one in read if one >> 1 not in nodes]
        values = [_value(term, nodes) for term in terms]
        ones = (1 << (1 << len(nodes))) - 1
        a, b, c = values
        total = self._luts.lut((a ^ b ^ c) & ones, [2 * node for node in nodes])
        level = max(term.level for term in terms) + 1
        bit = self._ledger.bit(total, 0, *self._place)
        ghosts = [term.ghost.node for term in terms if isinstance(term, Leaf)]
        self.books.append(Book([term.bit for term in terms], [bit], [total, *ghosts]))
        plains = [term.literal for term in terms if isinstance(term, Plain)]
        if len(plains) == 2 and len(nodes) > 3:  # x, y and the sum say what the third was
            carry = Carry(level + 1, CARRY_OF_SUM, (2 * total, *plains), len(self.books) - 1)
        else:
            table = (a & b | a & c | b & c) & ones
            carry = Carry(level, table, tuple(2 * node for node in nodes), len(self.books) - 1)
        self.carries.append(carry)
        return Plain(level, bit, 2 * total)

    def _choose(self, ready: _Ready, waiting: int, start: Start) -> Shape | None:
        plains, pairs, full = len(ready.plains), ready.n_pairs, self._luts.k
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
            return _with_ghosts(plains, pairs - ghosts, ghosts, waiting)
        used = full - min(pairs, full - 1)
        if used % 2 == 0 and waiting and (plains - used) * (full - 1) < pairs + waiting:
            return None  # every later LUT of the tree wants a plain bit too
        return Shape(used, full - used)

    def _merge(self, ready: _Ready, shape: Shape, start: Start, constant: int) -> Plain | Pair:
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
            inputs.append(constant)
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


def _with_ghosts(plains: int, solid: int, ghosts: int, waiting: int) -> Shape | None:
    """At k = 4: the merge (1, 3) has no room for its second pair's ghost."""
    if plains >= 3:
        return Shape(3, 1)
    if solid and solid + ghosts >= 3:
        return Shape(1, 3)
    # A tree LUT of three inputs wastes a third of one; building a ghost would cost one.
    return Shape(1, min(ghosts + solid, 2))
