"""The handshake of a pipeline that stalls as a whole."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal

from lgncc.hw.loop import Occupancy


def stall_together(m: Module, core: Any) -> tuple[Any, Occupancy]:
    """`advance`, the clock enable of all of a core's registers, and what is inside.

    Every stage moves, or none does: there is a vector in each of the core's `latency_cycles`
    stages, or a gap. Drives the handshakes of `core.i` and `core.o`.
    """
    advance = Signal()
    inside = Occupancy(m, core, advance, core.latency_cycles)
    m.d.comb += [
        advance.eq(core.o.ready | ~core.o.valid),
        core.i.ready.eq(advance & inside.room(core.loop, core.sequences)),
        core.o.valid.eq(inside.answered[-1]),
    ]
    return advance, inside


def first_stage(m: Module, core: Any, advance: Any) -> Any:
    """The vector of a core's first stage: what was accepted, or without `core.input_register`
    `core.i.payload` itself; without the flag `last`."""
    vector = core.i.payload[:-1] if core.flags.last else core.i.payload
    if not core.input_register:
        return vector
    register = Signal(len(vector), name="vector", reset_less=True)
    with m.If(advance):
        m.d.sync += register.eq(vector)
    return register
