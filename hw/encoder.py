"""Thermometer encoder: features to network inputs, one comparator a threshold."""

# Amaranth ships no types, so its Component is Any to mypy.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.model import Encoder


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
        raw = self.x[start : start + int(self.encoder.bits[feature])]
        value = raw.as_signed() if self.encoder.signed[feature] else raw
        above = Signal(name=f"x{feature}_above_{threshold}".replace("-", "m"))
        m.d.comb += above.eq(value > threshold)
        return above
