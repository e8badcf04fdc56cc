"""EncodedCore: a core of bits behind the comparators that make them, one a threshold."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from lgncc.hw.encoder import ThermometerEncoder
from lgncc.hw.sequence import SequenceFlags
from lgncc.model import LogicModel


class EncodedCore(Component):
    """Ports and behaviour as of `core`, but for the input vector: the features of `model`, packed,
    where `core` has the bits of its encoder; flags above them stay above them."""

    def __init__(self, model: LogicModel, core: Any) -> None:
        self.model = model
        self.core = core
        self.flags: SequenceFlags = core.flags
        self.sequences = int(core.sequences)
        flags = len(Value.cast(core.i.payload)) - model.encoder.n_bits
        super().__init__(
            {
                "i": In(stream.Signature(model.encoder.input_width + flags)),
                "o": Out(core.o.signature),
            }
        )

    @property
    def latency_cycles(self) -> int:
        """As of the core."""
        return int(self.core.latency_cycles)

    @property
    def initiation_interval(self) -> int:
        """As of the core."""
        return int(self.core.initiation_interval)

    @property
    def step_cycles(self) -> int:
        """As of the core."""
        return int(self.core.step_cycles)

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        return f"{self.core.contents}; {self.model.encoder.n_bits} comparators"

    def extra_verilog(self) -> str | None:
        """As of the core."""
        text: str | None = self.core.extra_verilog()
        return text

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.encoder = encoder = ThermometerEncoder(self.model.encoder)
        m.submodules.core = core = self.core
        connect(m, core.o, flipped(self.o))
        width = self.model.encoder.input_width
        m.d.comb += [
            encoder.x.eq(self.i.payload[:width]),
            core.i.payload.eq(Cat(encoder.bits, self.i.payload[width:])),
            core.i.valid.eq(self.i.valid),
            self.i.ready.eq(core.i.ready),
        ]
        return m
