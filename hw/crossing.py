"""Crossing: a stream from one clock domain to another, an item at a time.

The payload stays where its source holds it, so only two bits cross: `asked` turns around when there
is an item, `taken` when it was taken; each is read in the other domain through two flip-flops.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Component, In, Out, connect


class Crossing(Component):
    """Ports: `i`: In(stream) in the domain `source`, whose payload comes from registers; `o`:
    Out(stream) in the domain `sink`, both of one shape. An item takes some cycles of each clock.
    """

    def __init__(self, shape: Any, *, source: str, sink: str) -> None:
        self.source, self.sink = source, sink
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        busy, asked, taken = Signal(), Signal(), Signal()
        asked_there, taken_here = Signal(), Signal()
        m.submodules.to_sink = FFSynchronizer(asked, asked_there, o_domain=self.sink)
        m.submodules.to_source = FFSynchronizer(taken, taken_here, o_domain=self.source)

        m.d.comb += self.i.ready.eq(busy & (taken_here == asked))
        with m.If(busy):
            m.d[self.source] += busy.eq(taken_here != asked)
        with m.Elif(self.i.valid):
            m.d[self.source] += [busy.eq(1), asked.eq(~asked)]

        m.d.comb += [self.o.valid.eq(asked_there != taken), self.o.payload.eq(self.i.payload)]
        with m.If(self.o.valid & self.o.ready):
            m.d[self.sink] += taken.eq(~taken)
        return m


def cross(m: Module, core: Any, domain: str) -> tuple[Any, Any]:
    """The streams, in `sync`, to `i` and from `o` of a core that runs in another domain."""
    m.submodules.ask = ask = Crossing(core.i.payload.shape(), source="sync", sink=domain)
    m.submodules.answer = answer = Crossing(core.o.payload.shape(), source=domain, sink="sync")
    connect(m, ask.o, core.i)
    connect(m, core.o, answer.i)
    return ask.i, answer.o
