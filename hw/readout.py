# amaranth: UnusedElaboratable=no
"""Readout: output bits to scores or a class, as popcounts and an argmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal, unsigned
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
    shape = Shape.cast(range(low, high + 1))
    return shape if shape.width else unsigned(1)  # a payload cannot be of no bits


@dataclass(frozen=True)
class ClassTerms:
    """What one class adds up: score = ones(plain) + ones(~negated) + constant.

    plain, negated: int32, positions in the netlist's outputs, a weight of w listed w
    times. A bit of weight -1 is its complement, less 1.
    """

    plain: Ids
    negated: Ids
    constant: int

    @property
    def positions(self) -> Ids:
        return np.concatenate([self.plain, self.negated])


def class_terms(readout: Readout) -> list[ClassTerms]:
    """The terms of each class, class 0 first."""
    terms = []
    for klass in range(readout.n_classes):
        mine = readout.klass == klass
        output, weight = readout.output[mine], readout.weight[mine]
        plain: Ids = np.repeat(output, np.maximum(weight, 0))
        negated: Ids = np.repeat(output, np.maximum(-weight, 0))
        terms.append(ClassTerms(plain, negated, int(readout.bias[klass]) - len(negated)))
    return terms


class ScoreReadout(Component):
    """Registers after the popcounts and after each level of the argmax.

    Ports: `bits0`, `bits1`, ...: In, the terms of each class in the order of
    `ClassTerms.positions`; `enable`: In(1), clock enable of all registers; `payload`:
    Out(width): the class, or the scores, class 0 lowest. The payload follows the bits
    by `latency` enabled cycles.
    """

    def __init__(self, readout: Readout) -> None:
        assert readout.kind != "bits", "raw bits need no readout"
        self.readout = readout
        self.terms = class_terms(readout)
        self.shape = score_shape(readout)
        self.argmax = (
            Argmax(readout.n_classes, self.shape, registered=True)
            if readout.kind == "class"
            else None
        )
        width = len(self.argmax.index) if self.argmax else readout.n_classes * self.shape.width
        super().__init__(
            {"enable": In(1), "payload": Out(max(width, 1))}
            | {f"bits{i}": In(len(terms.positions)) for i, terms in enumerate(self.terms)}
        )

    @property
    def bits(self) -> list[Any]:
        """The input ports in the order of the classes."""
        return [getattr(self, f"bits{index}") for index in range(len(self.terms))]

    @property
    def latency(self) -> int:
        """Register levels: one after the popcounts, then those of the argmax."""
        return 1 + (self.argmax.latency if self.argmax else 0)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        low, _ = self.readout.score_range
        base = low if self.argmax else 0
        scores = Signal(ArrayLayout(self.shape, self.readout.n_classes), reset_less=True)
        for klass, (terms, bits) in enumerate(zip(self.terms, self.bits, strict=True)):
            m.submodules[f"popcount{klass}"] = popcount = Popcount(len(bits))
            plain = len(terms.plain)
            m.d.comb += popcount.bits.eq(Cat(bits[:plain], ~bits[plain:]))
            with m.If(self.enable):
                m.d.sync += scores[klass].eq(popcount.count + (terms.constant - base))
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
