"""Argmax: the index and the value of the largest of `n` scores.

A balanced tree of comparisons over neighbours, with an optional register after each level.
When several scores are the largest, **the lowest index wins**; `Argmax._upper_wins` is the one
place where that rule is implemented.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import Component, In, Out
from amaranth.utils import ceil_log2

from lgncc.errors import DesignError


class Argmax(Component):
    """Index and value of the largest score; see the module for the tie rule.

    Ports: `scores`: In(ArrayLayout(score_shape, n)); `enable`: In(1), the clock enable of all
    registers; `index`: Out(range(n)); `score`: Out(score_shape). The outputs follow `scores` by
    `latency` enabled clock cycles.
    """

    def __init__(self, n: int, score_shape: Any, registered: bool = False) -> None:
        if n < 1:
            raise DesignError(f"Argmax: n is {n}, but the largest of nothing is undefined: n >= 1.")
        self.n = n
        self.score_shape = score_shape
        self.registered = registered
        super().__init__(
            {
                "scores": In(ArrayLayout(score_shape, n)),
                "enable": In(1),
                "index": Out(range(n)),
                "score": Out(score_shape),
            }
        )

    @property
    def latency(self) -> int:
        """Register levels, in enabled clock cycles."""
        return ceil_log2(self.n) if self.registered else 0

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # A candidate is the winner of a group of 2**level neighbours: its score, and its index
        # within the group. A group cut short by n keeps its index and gains a high zero.
        candidates = [(self.scores[i], Const(0, 0)) for i in range(self.n)]
        level = 0
        while len(candidates) > 1:
            level += 1
            candidates = [
                self._winner(m, candidates[i : i + 2], f"level{level}_{i // 2}")
                for i in range(0, len(candidates), 2)
            ]
        [(score, index)] = candidates
        m.d.comb += [self.score.eq(score), self.index.eq(index)]
        return m

    def _winner(self, m: Module, group: list[tuple[Any, Any]], name: str) -> tuple[Any, Any]:
        (lower, lower_index), (upper, upper_index) = group[0], group[-1]
        upper_wins = Signal(name=f"{name}_upper_wins")
        if len(group) == 2:
            m.d.comb += upper_wins.eq(self._upper_wins(lower, upper))
        score = Signal(self.score_shape, name=f"{name}_score", reset_less=True)
        index = Signal(len(lower_index) + 1, name=f"{name}_index", reset_less=True)
        result = [
            score.eq(Mux(upper_wins, upper, lower)),
            index.eq(Cat(Mux(upper_wins, upper_index, lower_index), upper_wins)),
        ]
        if self.registered:
            with m.If(self.enable):
                m.d.sync += result
        else:
            m.d.comb += result
        return score, index

    def _upper_wins(self, lower: Any, upper: Any) -> Any:
        """Strictly greater: at a tie the lower index stays."""
        return upper > lower
