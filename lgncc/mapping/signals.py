"""What the columns of a readout are made of: bits, leaves, pairs, pieces, carries."""

from __future__ import annotations

from typing import NamedTuple

from lgncc.mapping.cells import PLAIN, SOLID, Element, Item


class Plain(NamedTuple):
    """A logical bit that is a literal; level: LUTs between it and the inputs."""

    level: int
    bit: int
    literal: int

    @property
    def nodes(self) -> frozenset[int]:
        return frozenset((self.literal >> 1,))

    @property
    def element(self) -> Element:
        return PLAIN


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

    @property
    def element(self) -> Element:
        if self.ghost is None:
            return SOLID
        return Element(1, (), (self.ghost.table, len(self.ghost.literals)))


class Piece(NamedTuple):
    """Bits whose nodes are read instead of them; level: of the latest node."""

    level: int
    items: tuple[Term, ...]
    nodes: tuple[int, ...]
    element: Element


def piece(items: tuple[Term, ...]) -> Piece:
    nodes = tuple(sorted(frozenset[int]().union(*(item.nodes for item in items))))
    place = {node: index for index, node in enumerate(nodes)}
    wired: list[Item] = []
    for item in items:
        if isinstance(item, Plain):
            wired.append((0b01 if item.literal & 1 else 0b10, (place[item.literal >> 1],)))
        else:
            reads = tuple(place[literal >> 1] for literal in item.ghost.literals)
            wired.append((item.ghost.table, reads))
    level = max(item.level for item in items)
    return Piece(level, items, nodes, Element(len(nodes), tuple(wired)))


Signal = Plain | Pair
Taken = Plain | Pair | Piece


class Carry(NamedTuple):
    """A carry LUT yet to be written, for a free input may take in a bit of the next column.
    level: what it would have; book: the entry of its cell."""

    level: int
    table: int
    literals: tuple[int, ...]
    book: int


class Book(NamedTuple):
    """What a cell enters in the ledger once its carries are written."""

    inputs: list[int]
    outputs: list[int]
    gates: list[int]
