"""FeatureRegister: the packed features of a vector, one after the other."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.encoder import Encoder


class FeatureRegister(Component):
    """Ports: `vector`: In(input_width), the features packed, feature 0 lowest; `load`, `next`:
    In(1); `feature`: Out(the widest), the first one from the cycle after `load` on, the following
    one after each `next`, as an unsigned number."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        width = int(encoder.bits.max(initial=1))
        super().__init__(
            {
                "vector": In(encoder.input_width),
                "load": In(1),
                "next": In(1),
                "feature": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(self.feature)
        packed: list[Any] = []
        start = 0
        for bits, signed in zip(
            self.encoder.bits.tolist(), self.encoder.signed.tolist(), strict=True
        ):
            field = self.vector[start : start + bits]
            # Two's complement compares as unsigned once the sign bit is inverted.
            number = Cat(field[:-1], ~field[-1]) if signed else field
            packed.append(Cat(number, Const(0, width - bits)))
            start += bits
        features = Signal(width * max(len(packed), 1), reset_less=True)
        m.d.comb += self.feature.eq(features[:width])
        with m.If(self.load):
            m.d.sync += features.eq(Cat(packed))
        with m.Elif(self.next):
            m.d.sync += features.eq(features[width:])
        return m
