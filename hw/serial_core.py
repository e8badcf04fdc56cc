# amaranth: UnusedElaboratable=no
"""SerialCore: the `class-serial` architecture, a readout counted out of a shift register.

    i ─▶ [register] ─▶ LUTs ─▶ shift register ─▶ popcount ─▶ score ─▶ best ─▶ o
                                 │         ▲
                                 └─────────┘

The shift register is loaded with the network's outputs, and then moves a row down a cycle; each
row counts for a group of neighbouring classes, the groups in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.emit.families import family_of
from lgncc.emit.luts import luts_verilog
from lgncc.errors import DesignError
from lgncc.hw.fabric import MAX_WIDTH
from lgncc.hw.mapped_core import LUTS_MODULE
from lgncc.hw.row_counter import RowCounter
from lgncc.hw.sequence import Answering, SequenceFlags
from lgncc.mapping.design import PARTS
from lgncc.mapping.parts import of_encoder
from lgncc.mapping.serial import SerialDesign
from lgncc.mapping.stages import Stages


class SerialCore(Component):
    """Answers a vector `latency_cycles` after it was accepted and accepts the next one after
    `initiation_interval` cycles.

    Ports and behaviour as of lgncc.hw.mapped_core.MappedCore, of one sequence. Raises DesignError
    for a vector too wide for a wire.
    """

    sequences = 1

    def __init__(
        self,
        design: SerialDesign,
        *,
        answering: Answering = "each-step",
        input_register: bool = True,
    ) -> None:
        self.design = design
        self.flags = SequenceFlags.of(design.model, answering)
        self.model = design.model
        self.input_register = input_register
        self.readout = RowCounter(design)
        in_width = design.model.step_width + self.flags.last
        out_width = len(self.readout.payload)
        for what, width in (("input", in_width), ("output", out_width)):
            if not 1 <= width <= MAX_WIDTH:
                raise DesignError(
                    f"the {what} vector has {width:,} bits; 1 to {MAX_WIDTH:,} can be built"
                )
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(in_width))),
                "o": Out(stream.Signature(unsigned(out_width))),
            }
        )

    @property
    def initiation_interval(self) -> int:
        """Cycles from a vector's acceptance to the next one's: a row a cycle."""
        return self.design.rows

    step_cycles = initiation_interval

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer."""
        return int(self.input_register) + self.design.rows + self.readout.latency

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        luts, design = self.design.luts, self.design
        return (
            f"LUTs: {luts.n_gates} of {luts.k} inputs, {luts.depth} levels; {len(design.row)} bits "
            f"counted in {design.rows} rows, {design.bits_a_cycle} of {design.classes_a_cycle} "
            f"class{'es' * (design.classes_a_cycle > 1)} in each"
        )

    def extra_verilog(self) -> str:
        """The portable text of the module that the converted component instantiates."""
        return luts_verilog(self.design.luts, self._stages, LUTS_MODULE)

    def cells_verilog(self, family: str) -> str:
        """The same module in the cells of an FPGA family. Raises DesignError for unknown ones."""
        luts = self.design.luts
        part = np.full(luts.n_gates, PARTS.index("network"), np.uint8)
        part[of_encoder(self.model.encoder, luts)] = PARTS.index("encoder")
        return luts_verilog(luts, self._stages, LUTS_MODULE, family=family_of(family), part=part)

    @property
    def _stages(self) -> Stages:
        """No registers but the state."""
        none = np.zeros(self.design.luts.n_nodes, np.int32)
        return Stages(cuts=(), stage=none, hold=none, extra_cells=0)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self.design
        advance, accept = Signal(), Signal()  # everything moves, or nothing does
        m.d.comb += [
            advance.eq(self.o.ready | ~self.o.valid),
            accept.eq(self.i.valid & self.i.ready),
        ]
        row = Signal(range(max(design.rows, 2)))
        active, wanted = Signal(), Signal()
        last = row == design.rows - 1
        m.d.comb += self.i.ready.eq(advance & (~active | last))
        with m.If(accept):
            m.d.sync += [row.eq(0), active.eq(1), wanted.eq(self.flags.answered(self.i.payload))]
        with m.Elif(advance):
            m.d.sync += [row.eq(row + 1), active.eq(active & ~last)]
        counted: Any = active & wanted

        load: Any = accept
        vector: Any = self.i.payload
        if self.input_register:
            before = (self.i.payload, accept, row, counted)
            vector, load, row, counted = (
                Signal(len(value), name=name)
                for name, value in zip(("vector", "load", "row_1", "counted"), before, strict=True)
            )
            with m.If(advance):
                m.d.sync += [
                    after.eq(value)
                    for after, value in zip((vector, load, row, counted), before, strict=True)
                ]
        bits = Signal(len(design.luts.outputs))
        step = vector[: design.model.step_width]
        clocked = {"i_clk": ClockSignal(), "i_step": advance} if design.luts.n_state else {}
        m.submodules.luts = Instance(LUTS_MODULE, i_x=Cat(step, load), o_y=bits, **clocked)
        m.submodules.readout = count = self.readout
        m.d.comb += [
            count.bits.eq(bits),
            count.row.eq(row),
            count.active.eq(counted),
            count.enable.eq(advance),
            self.o.payload.eq(count.payload),
            self.o.valid.eq(count.done),
        ]
        return m
