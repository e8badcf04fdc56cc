"""The handshake of a pipeline that stalls as a whole."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal


def stall_together(m: Module, core: Any) -> tuple[Any, Any]:
    """`advance`, the clock enable of all of a core's registers, and the vector of its first stage.

    Every stage moves, or none does: there is a vector in each of the core's `latency_cycles`
    stages, or a gap. Drives the handshakes of `core.i` and `core.o`. Without `core.input_register`
    the vector is `core.i.payload` itself.
    """
    advance = Signal()
    valid = Signal(core.latency_cycles)
    m.d.comb += [
        advance.eq(core.o.ready | ~core.o.valid),
        core.i.ready.eq(advance),
        core.o.valid.eq(valid[-1]),
    ]
    with m.If(advance):
        m.d.sync += valid.eq(Cat(core.i.valid, valid))
    if not core.input_register:
        return advance, core.i.payload
    vector = Signal.like(core.i.payload, name="vector", reset_less=True)
    with m.If(advance):
        m.d.sync += vector.eq(core.i.payload)
    return advance, vector
