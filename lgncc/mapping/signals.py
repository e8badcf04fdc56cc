"""What the columns of a readout are made of: bits, leaves, pairs, carries; and small tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple


class Plain(NamedTuple):
    """A logical bit that is a literal; level: LUTs between it and the inputs."""

    level: int
    bit: int
    literal: int

    @property
    def nodes(self) -> frozenset[int]:
        return frozenset((self.literal >> 1,))


class Ghost(NamedTuple):
    """A leaf gate that need not be built: its node in the ledger, its table and fanins."""

    node: int
    table: int
    literals: tuple[int, ...]


class Leaf(NamedTuple):
    """A logical bit that is a ghost; level: of the latest of its fanins."""

    level: int
    bit: int
    ghost: Ghost

    @property
    def nodes(self) -> frozenset[int]:
        return frozenset(literal >> 1 for literal in self.ghost.literals)


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


@dataclass
class Ready:
    """Signals that have arrived, the pairs with an absorbed x apart (`ghosts`); and leaves to be
    absorbed: with a plain bit, two at once (`twos`), with two plain bits (`halves`), as the second
    of a pair (`ones`)."""

    plains: list[Plain] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    ghosts: list[Pair] = field(default_factory=list)
    twos: list[tuple[Leaf, Leaf]] = field(default_factory=list)
    halves: list[Leaf] = field(default_factory=list)
    ones: list[Leaf] = field(default_factory=list)

    @property
    def n_leaves(self) -> int:
        return len(self.twos) + len(self.halves) + len(self.ones)

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


def value(term: Term, nodes: list[int]) -> int:
    """The term as a function of `nodes`, in 64 rows."""
    if isinstance(term, Plain):
        return VARIABLES[nodes.index(term.literal >> 1)] ^ (ALL_ROWS if term.literal & 1 else 0)
    fanins = [VARIABLES[nodes.index(literal >> 1)] for literal in term.ghost.literals]
    return _lookup(term.ghost.table, fanins)


def _lookup(table: int, fanins: list[int]) -> int:
    """A table of fanins that are values of 64 rows: muxes, the highest fanin last."""
    if not fanins:
        return ALL_ROWS if table & 1 else 0
    half = 1 << (len(fanins) - 1)
    low = _lookup(table & ((1 << half) - 1), fanins[:-1])
    high = _lookup(table >> half, fanins[:-1])
    return low ^ ((low ^ high) & fanins[-1])


def over(nodes: list[int], rows: int) -> tuple[int, tuple[int, ...]]:
    """A value of 64 rows as the table of a LUT over `nodes`, and its fanins as literals."""
    return rows & ((1 << (1 << len(nodes))) - 1), tuple(2 * node for node in nodes)
