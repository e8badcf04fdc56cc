# amaranth: UnusedElaboratable=no
"""StreamingCore: a MappedDesign as a pipeline that nothing can hold, and a buffer for its answers.

    i ─▶ [register] ─▶ LUTs ─▶ rank ─▶ LUTs ─▶ ... ─▶ rank ─▶ buffer ─▶ o
    │                                                                   │
    └◀─────────────── a vector only where its answer has room ─────────◀┘

Every register moves in every cycle, so that no enable has to reach all of them within one: on parts
whose enables are wires like any other that is what a fast clock needs. Where answers wait at `o`,
those still inside go to the buffer.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal
from amaranth.lib.fifo import SyncFIFOBuffered

from lgncc.hw.loop import Occupancy
from lgncc.hw.mapped_core import MappedCore
from lgncc.hw.stall import first_stage

BUFFER_CYCLES = 2
"""Cycles from the last rank through the empty buffer."""


class StreamingCore(MappedCore):
    """Answers one input vector a clock cycle, `latency_cycles` after it was accepted, or the cycle
    after the answer before it was taken.

    Ports as of MappedCore. `i.ready` is 1 while fewer than `capacity` vectors are inside, and is a
    register inverted. Reset discards what is inside.
    """

    held = False

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer."""
        return super().latency_cycles + BUFFER_CYCLES

    @property
    def capacity(self) -> int:
        """Vectors inside, those in the buffer among them, beyond which none is accepted: a power of
        two, and enough that the answers of a steady stream make room in time."""
        return 1 << self.latency_cycles.bit_length()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        always = Const(1)
        inside = Occupancy(m, self, always, super().latency_cycles)
        enter = inside.accept & self.flags.answered(self.i.payload)
        take = self.o.valid & self.o.ready
        count = Signal(range(self.capacity + 1))
        with m.If(enter & ~take):
            m.d.sync += count.eq(count + 1)
        with m.Elif(take & ~enter):
            m.d.sync += count.eq(count - 1)
        m.d.comb += self.i.ready.eq(~count[-1] & inside.room(self.loop, self.sequences))
        vector = first_stage(m, self, always)
        answer = self._answer(m, vector, inside, always)

        # One more than can be inside: its memory then has a power of two of rows.
        m.submodules.buffer = buffer = SyncFIFOBuffered(width=len(answer), depth=self.capacity + 1)
        m.d.comb += [
            buffer.w_data.eq(answer),
            buffer.w_en.eq(inside.answered[-1]),
            self.o.payload.eq(buffer.r_data),
            self.o.valid.eq(buffer.r_rdy),
            buffer.r_en.eq(self.o.ready),
        ]
        return m
