# amaranth: UnusedElaboratable=no
"""MappedCore: a MappedDesign as a streaming component, registers between its LUT levels.

    i ─▶ [register] ─▶ LUTs ─▶ rank ─▶ LUTs ─▶ ... ─▶ rank ─▶ o

Encoder, network and readout are one netlist of LUTs and registers, Verilog text that the component
instantiates: portable text for simulators and other tools, a family's own cells for its flow.
"""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.emit.families import family_of
from lgncc.emit.luts import luts_verilog
from lgncc.errors import DesignError
from lgncc.hw.fabric import MAX_WIDTH
from lgncc.hw.stall import stall_together
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.stages import Stages

LUTS_MODULE = "lgncc_luts"
"""The text module: one a design. Its cells are found under the core's `luts`."""


class MappedCore(Component):
    """Answers one input vector a clock cycle, `latency_cycles` after it was accepted.

    Ports and behaviour as of lgncc.hw.core.Core: `i`: In(stream of input_width bits), the features
    packed, feature 0 lowest; `o`: Out(stream of the readout's bits). A stall at `o` holds all
    stages. Reset discards what is inside.

    input_register: without it `i.payload` must be a register outside and the latency is one cycle
    less. Raises DesignError for a model with state, or too wide for a wire.
    """

    initiation_interval = 1
    held = True
    """Whether a stall holds the registers, by an enable."""

    def __init__(
        self, design: MappedDesign, stages: Stages, *, input_register: bool = True
    ) -> None:
        luts = design.luts
        if luts.n_state:
            raise DesignError(
                f"the network has {luts.n_state} state bits; the spatial architecture "
                "builds stateless networks only"
            )
        for what, width in (("input", luts.n_inputs), ("output", len(luts.outputs))):
            if not 1 <= width <= MAX_WIDTH:
                raise DesignError(
                    f"the {what} vector has {width:,} bits; 1 to {MAX_WIDTH:,} can be built"
                )
        self.design = design
        self.stages = stages
        self.model = design.model
        self.input_register = input_register
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(luts.n_inputs))),
                "o": Out(stream.Signature(unsigned(len(luts.outputs)))),
            }
        )

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer."""
        return int(self.input_register) + self.stages.ranks

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        luts = self.design.luts
        return f"LUTs: {luts.n_gates} of {luts.k} inputs, {luts.depth} levels"

    def extra_verilog(self) -> str:
        """The portable text of the module that the converted component instantiates."""
        return luts_verilog(self.design.luts, self.stages, LUTS_MODULE, enable=self.held)

    def cells_verilog(self, family: str) -> str:
        """The same module in the cells of an FPGA family. Raises DesignError for unknown ones."""
        return luts_verilog(
            self.design.luts,
            self.stages,
            LUTS_MODULE,
            enable=self.held,
            family=family_of(family),
            part=self.design.part,
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance, vector = stall_together(m, self)
        clocked = {"i_clk": ClockSignal(), "i_enable": advance} if self.stages.registers else {}
        m.submodules.luts = Instance(LUTS_MODULE, i_x=vector, o_y=self.o.payload, **clocked)
        return m
