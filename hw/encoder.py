"""Thermometer encoder: features to network inputs, one comparator a threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.encoder import Encoder


class ThermometerEncoder(Component):
    """Combinational. Ports: `x`: In(input_width), the features packed, feature 0 lowest;
    `bits`: Out(n_bits), bit j is `feature[j] > threshold[j]`.

    A threshold that several bits share is compared once.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        super().__init__({"x": In(encoder.input_width), "bits": Out(encoder.n_bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        encoder = self.encoder
        if encoder.is_identity:
            m.d.comb += self.bits.eq(self.x)
            return m
        start = np.cumsum(encoder.bits) - encoder.bits
        compared: dict[tuple[int, int], Any] = {}
        for pair in zip(encoder.feature.tolist(), encoder.threshold.tolist(), strict=True):
            if pair not in compared:
                compared[pair] = self._compare(m, *pair, int(start[pair[0]]))
        m.d.comb += self.bits.eq(
            Cat(
                compared[pair]
                for pair in zip(encoder.feature.tolist(), encoder.threshold.tolist(), strict=True)
            )
        )
        return m

    def _compare(self, m: Module, feature: int, threshold: int, start: int) -> Any:
        width = int(self.encoder.bits[feature])
        value = self.x[start : start + width]
        if self.encoder.signed[feature]:
            # Two's complement compares as unsigned once the sign bits are inverted.
            value = Cat(value[:-1], ~value[-1])
            threshold += 1 << (width - 1)
        above = Signal(name=f"x{feature}_above_{threshold}")
        m.d.comb += above.eq(greater_than(value, threshold))
        return above


def greater_than(value: Any, threshold: int) -> Any:
    """`value > threshold` for unsigned bits, as a chain of ANDs and ORs from the lowest bit.

    A comparison with a constant is a third of a LUT4 a bit as logic; as arithmetic,
    synthesis makes it a carry chain of a whole cell a bit.
    """
    if threshold < 0:
        return Const(1, 1)
    if threshold >= 1 << len(value):
        return Const(0, 1)
    above: Any = Const(0, 1)
    for index in range(len(value)):
        above = value[index] & above if threshold >> index & 1 else value[index] | above
    return above
