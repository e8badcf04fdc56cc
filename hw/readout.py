"""Readout: output bits to scores or a class, as popcounts and an argmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import Component, In, Out

from lgncc.arrays import Ids
from lgncc.hw.argmax import Argmax
from lgncc.hw.popcount import Popcount
from lgncc.model import Readout


def score_shape(readout: Readout) -> Shape:
    """The narrowest shape of one score: of the true scores where they are read out,
    else of the scores less the lowest reachable one, which is never negative."""
    low, high = readout.score_range
    if readout.kind == "class":
        low, high = 0, high - low
    return Shape.cast(range(low, high + 1))


class ScoreReadout(Component):
    """Registers after the popcounts and after each level of the argmax.

    Ports: `bits`: In(outputs); `enable`: In(1), clock enable of all registers;
    `payload`: Out(width): the class, or the scores, class 0 lowest. The payload follows
    the bits by `latency` enabled cycles.
    """

    def __init__(self, readout: Readout, n_outputs: int) -> None:
        assert readout.kind != "bits", "raw bits need no readout"
        self.readout = readout
        self.shape = score_shape(readout)
        self.argmax = (
            Argmax(readout.n_classes, self.shape, registered=True)
            if readout.kind == "class"
            else None
        )
        width = len(self.argmax.index) if self.argmax else readout.n_classes * self.shape.width
        super().__init__({"bits": In(n_outputs), "enable": In(1), "payload": Out(max(width, 1))})

    @property
    def latency(self) -> int:
        """Register levels: one after the popcounts, then those of the argmax."""
        return 1 + (self.argmax.latency if self.argmax else 0)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        low, _ = self.readout.score_range
        base = low if self.argmax else 0
        scores = Signal(ArrayLayout(self.shape, self.readout.n_classes), reset_less=True)
        for klass in range(self.readout.n_classes):
            ones, constant = self._count(m, klass)
            with m.If(self.enable):
                m.d.sync += scores[klass].eq(ones + (constant - base))
        if self.argmax is None:
            m.d.comb += self.payload.eq(scores)
            return m
        m.submodules.argmax = self.argmax
        m.d.comb += [
            self.argmax.scores.eq(scores),
            self.argmax.enable.eq(self.enable),
            self.payload.eq(self.argmax.index),
        ]
        return m

    def _count(self, m: Module, klass: int) -> tuple[Any, int]:
        """Ones of a class and the constant to add: a bit of weight -1 is ~bit, less 1."""
        terms = self.readout.klass == klass
        output, weight = self.readout.output[terms], self.readout.weight[terms]
        plain: Ids = np.repeat(output, np.maximum(weight, 0))
        negated: Ids = np.repeat(output, np.maximum(-weight, 0))
        popcount = Popcount(len(plain) + len(negated))
        m.submodules[f"popcount{klass}"] = popcount
        m.d.comb += popcount.bits.eq(Cat(self._slices(plain), ~self._slices(negated)))
        return popcount.count, int(self.readout.bias[klass]) - len(negated)

    def _slices(self, positions: Ids) -> Any:
        """The bits at these positions, as few contiguous slices as they allow."""
        runs = np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
        return Cat(self.bits[int(run[0]) : int(run[-1]) + 1] for run in runs if len(run))
