"""Popcount: how many bits of a vector are one, as a compressor tree.

A column holds the bits of one weight (column `k` weighs `2**k`) in one wide signal. A level
of the tree cuts each column into thirds and adds them with one row of full adders, written as
one wide XOR and one wide majority, so that the number of Amaranth expressions grows with
columns x levels (both logarithmic) and never with the number of bits. Once no column holds
more than two bits, one carry-propagate addition finishes.

A full adder is two LUT4 and removes a bit. A half adder costs the same and removes none, so
there are none; what they would shorten, the final addition does on the carry chain at one
logic cell a bit.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out
from amaranth.utils import bits_for

from lgncc.errors import DesignError

# Amaranth numbers the bits of a cell's output in 16 bits and the top-level ports share theirs with
# two constants; beyond, conversion dies with an empty AssertionError.
MAX_WIDTH = 65_534


class Popcount(Component):
    """Combinational: `count` = number of ones in `bits`.

    Ports: `bits`: In(width), `count`: Out(bits_for(width)).
    """

    def __init__(self, width: int) -> None:
        if not 0 <= width <= MAX_WIDTH:
            raise DesignError(
                f"Popcount: {width:,} bits do not fit one wire, the limit is {MAX_WIDTH:,}.\n"
                "  Count parts of the vector in several Popcounts and add their counts."
            )
        self.width = width
        super().__init__({"bits": In(width), "count": Out(bits_for(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        columns = [self.bits]
        while max(len(column) for column in columns) > 2:
            columns = self._level(m, columns)
        m.d.comb += self.count.eq(self._final_sum(columns))
        return m

    def _level(self, m: Module, columns: list[Any]) -> list[Any]:
        """One level: every three bits of a column become a sum bit here and a carry bit above."""
        reduced = []
        carry = Const(0, 0)
        for weight, column in enumerate([*columns, Const(0, 0)]):
            adders = len(column) // 3
            a, b, c = (column[i * adders : (i + 1) * adders] for i in range(3))
            left_over = column[3 * adders :]
            height = adders + len(left_over) + len(carry)
            if height == 0:
                break
            bits = Signal(height, name=f"weight{weight}")
            m.d.comb += bits.eq(Cat(a ^ b ^ c, left_over, carry))
            reduced.append(bits)
            carry = (a & b) | (c & (a | b))
        return reduced

    def _final_sum(self, columns: list[Any]) -> Any:
        """Add the two rows that are left; columns below the first pair are already the result."""
        pairs = [weight for weight, column in enumerate(columns) if len(column) == 2]
        low = pairs[0] if pairs else len(columns)
        rows = (Cat(*(Cat(c, Const(0, 2))[row] for c in columns[low:])) for row in range(2))
        return Cat(*columns[:low], sum(rows, Const(0, 0)))
