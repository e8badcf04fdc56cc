"""Cells: the compressors that a readout is made of, for lookup tables of k inputs.

A column of a popcount is a parity tree with a carry for every two bits that it takes in. Its
elements are plain bits, pairs (x, p = x ^ y), which are one input of the tree and two bits of the
count, and pieces: some leaves and bits that share nodes, which need no LUT of their own. A cell is
one LUT of the tree, s = the parity of elements of up to k inputs in all, and one LUT a carry:
running from a first bit through the steps (two bits x, y of their own, or an encoded pair x, p),

    carry = majority(parity so far, x, y)   or   p ? parity so far : x

and "parity so far" comes from what is before the step, or from s and what is after it, whichever
takes fewer inputs. With all LUTs of the tree full, elements of n inputs take (n - 1) / (k - 1) of
them, and N bits take (N - 1) / 2 carries: at k = 4, 5/3 LUTs a bit removed of plain bits, 4/3 of
pairs, where a full adder takes 2.

Of an even number of bits one, w, is left over: s ^ w is then the second signal of the pair
(w, s ^ w), so that nothing is lost. The first bit may be a constant, at no input.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from lgncc.mapping.layout import Plan, Shape, Start, members, plan

# The values of each of six variables, in the rows of a table.
VARIABLES = tuple(sum(1 << row for row in range(64) if row >> i & 1) for i in range(6))
ALL_ROWS = (1 << 64) - 1

Item = tuple[int, tuple[int, ...]]
"""One bit of a piece: its table and which nodes of the piece it reads."""


class Element(NamedTuple):
    """What a cell takes in, in names of its own. A plain bit is a piece of one item that is a
    wire. n_nodes: inputs of the tree; items: of a piece; ghost: of a pair, how many fanins its x
    has that is a gate without a LUT, 0 where x is a node."""

    n_nodes: int
    items: tuple[Item, ...]
    ghost: tuple[int, int] = (0, 0)  # table and fanins

    @property
    def n_bits(self) -> int:
        return len(self.items) or 2


WIRE: Item = (0b10, (0,))
PLAIN = Element(1, (WIRE,))
SOLID = Element(1, ())


class Carry(NamedTuple):
    """A carry LUT. reads: its fanins in order, as indices into the cell's variables (the inputs of
    the tree by element, then x or the fanins of x of each pair), -1 for s."""

    table: int
    reads: tuple[int, ...]


class Cell(NamedTuple):
    """table: of s ^ w where there is w, of s otherwise; w: element and item."""

    table: int
    n_inputs: int
    w: tuple[int, int] | None
    carries: tuple[Carry, ...]


@lru_cache(maxsize=1 << 16)
def cell(elements: tuple[Element, ...], start: Start, k: int) -> Cell | None:
    """The cell of these elements; None where a LUT of k inputs is too small for some carry."""
    found = plan(tuple(_shape(element) for element in elements), start, k)
    if found is None:
        return None
    return _Tables(elements, start).cell(found)


def fits(elements: tuple[Element, ...], start: Start, k: int) -> bool:
    return plan(tuple(_shape(element) for element in elements), start, k) is not None


def _shape(element: Element) -> Shape:
    return element.n_nodes, tuple(reads for _, reads in element.items), element.ghost[1]


class _Tables:
    """The tables of a cell's LUTs, by the values of its variables."""

    def __init__(self, elements: tuple[Element, ...], start: Start) -> None:
        self.one = ALL_ROWS if start == "one" else 0
        self.bits: list[tuple[int, int, int, tuple[int, ...]]] = []
        self.pairs: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        self.n_inputs = at = 0
        x = sum(element.n_nodes for element in elements)
        self.n_inputs = x
        for index, element in enumerate(elements):
            for item, (table, reads) in enumerate(element.items):
                self.bits.append((index, item, table, tuple(at + node for node in reads)))
            if not element.items:
                table, count = element.ghost if element.ghost[1] else (0b10, 1)
                self.pairs[index] = (at, table, tuple(range(x, x + count)))
                x += count
            at += element.n_nodes

    def cell(self, plan: Plan) -> Cell:
        every = {variable: VARIABLES[variable] for variable in range(self.n_inputs)}
        total = self.one
        for index in range(len(self.bits)):
            total ^= self._bit(index, every)
        for p, _, _ in self.pairs.values():
            total ^= every[p]
        carries = []
        for index, step in enumerate(plan.steps):
            mask, by_sum = plan.reads[index]
            reads = (*([-1] if by_sum else []), *members(mask))
            value = {v: VARIABLES[i] for i, v in enumerate(reads)}
            if by_sum:
                end, others = plan.w, plan.steps[index + 1 :]
                parity = value[-1]
            else:
                end, others = plan.first, plan.steps[:index]
                parity = self.one
            if end >= 0:
                parity ^= self._bit(end, value)
            for other in others:
                parity ^= self._parity(other, value)
            own = self._parity(step, value)
            if by_sum:
                parity ^= own
            if len(step) == 1:
                x = _lookup(self.pairs[step[0]][1], [value[v] for v in self.pairs[step[0]][2]])
            else:
                x = self._bit(step[0], value)
            carries.append(Carry(_table(x ^ own & (x ^ parity), len(value)), reads))
        w = self.bits[plan.w][:2] if plan.w >= 0 else None
        return Cell(_table(total, self.n_inputs), self.n_inputs, w, tuple(carries))

    def _bit(self, bit: int, value: dict[int, int]) -> int:
        _, _, table, reads = self.bits[bit]
        return _lookup(table, [value[variable] for variable in reads])

    def _parity(self, step: tuple[int, ...], value: dict[int, int]) -> int:
        if len(step) == 1:
            return value[self.pairs[step[0]][0]]
        return self._bit(step[0], value) ^ self._bit(step[1], value)


def _table(rows: int, n: int) -> int:
    return rows & ((1 << (1 << n)) - 1)


def _lookup(table: int, fanins: list[int]) -> int:
    """A table of fanins that are values of 64 rows: muxes, the highest fanin last."""
    if not fanins:
        return ALL_ROWS if table & 1 else 0
    half = 1 << (len(fanins) - 1)
    low = _lookup(table & ((1 << half) - 1), fanins[:-1])
    high = _lookup(table >> half, fanins[:-1])
    return low ^ ((low ^ high) & fanins[-1])


@lru_cache(maxsize=1 << 12)
def exclusive_or(table: int, n: int) -> int:
    """The table of n fanins as one of n + 1: its exclusive or with the last."""
    ones = (1 << (1 << n)) - 1
    return table | (table ^ ones) << (1 << n)
