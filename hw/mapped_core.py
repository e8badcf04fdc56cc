# amaranth: UnusedElaboratable=no
"""MappedCore: a MappedDesign as a streaming component, registers between its LUT levels.

    i ─▶ [register] ─▶ LUTs ─▶ rank ─▶ LUTs ─▶ ... ─▶ rank ─▶ o

Encoder, network and readout are one netlist of LUTs and registers, Verilog text that the component
instantiates: portable text for simulators and other tools, a family's own cells for its flow.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.emit.families import family_of
from lgncc.emit.luts import TextForm, luts_verilog
from lgncc.errors import DesignError
from lgncc.hw.fabric import MAX_WIDTH
from lgncc.hw.loop import Occupancy, SlotMemory
from lgncc.hw.sequence import EACH_STEP, SequenceFlags, Sequencing
from lgncc.hw.stall import first_stage, stall_together
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.stages import Stages

LUTS_MODULE = "lgncc_luts"
"""The text module: one a design. Its cells are found under the core's `luts`."""


class MappedCore(Component):
    """Takes an input vector every `initiation_interval` cycles, without state one a cycle, and
    answers it `latency_cycles` after it was accepted.

    Ports and behaviour as of lgncc.hw.core.Core: `i`: In(stream of input_width bits), the features
    packed, feature 0 lowest, and above them `flags`; `o`: Out(stream of the readout's bits). A
    stall at `o` holds all stages. Reset discards what is inside.

    The state of a sequence is away for `step_cycles`, from the cycle that accepts a vector to the
    one that can accept the next of its sequence. Where several sequences take turns, the others'
    vectors are accepted meanwhile. Before a sequence's first vector its state is anything.

    input_register: without it `i.payload` must be a register outside and the latency is one cycle
    less. Raises DesignError where a vector is too wide for a wire.
    """

    held = True
    """Whether a stall holds the registers, by an enable."""

    def __init__(
        self,
        design: MappedDesign,
        stages: Stages,
        *,
        sequencing: Sequencing = EACH_STEP,
        input_register: bool = True,
    ) -> None:
        luts = design.luts
        self.flags = SequenceFlags.of(design.model, sequencing.answering)
        self.sequences = sequencing.sequences if luts.n_state else 1
        self.loop = stages.loop
        in_width = luts.n_inputs + self.flags.last
        for what, width in (("input", in_width), ("output", len(luts.outputs))):
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
                "i": In(stream.Signature(unsigned(in_width))),
                "o": Out(stream.Signature(unsigned(len(luts.outputs)))),
            }
        )

    @property
    def step_cycles(self) -> int:
        """Cycles from a vector to the next one of its sequence, at the least."""
        return self.loop + 1

    @property
    def initiation_interval(self) -> int:
        """Cycles a vector, on average and rounded up, of a stream that never pauses."""
        return -(-self.step_cycles // self.sequences)

    @property
    def state_outside(self) -> bool:
        """Whether the state is in a memory of slots, and not registers of the text module."""
        return self.sequences > 1

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer."""
        return int(self.input_register) + self.stages.ranks

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        luts = self.design.luts
        return f"LUTs: {luts.n_gates} of {luts.k} inputs, {luts.depth} levels"

    @property
    def form(self) -> TextForm:
        """Of the text module, as lgncc.emit.luts writes it."""
        return {"enable": self.held, "state_outside": self.state_outside}

    def extra_verilog(self) -> str:
        """The portable text of the module that the converted component instantiates."""
        return luts_verilog(self.design.luts, self.stages, LUTS_MODULE, **self.form)

    def cells_verilog(self, family: str) -> str:
        """The same module in the cells of an FPGA family. Raises DesignError for unknown ones."""
        return luts_verilog(
            self.design.luts,
            self.stages,
            LUTS_MODULE,
            **self.form,
            family=family_of(family),
            part=self.design.part,
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance, inside = stall_together(m, self)
        vector = first_stage(m, self, advance)
        m.d.comb += self.o.payload.eq(self._answer(m, vector, inside, advance))
        return m

    def _answer(self, m: Module, vector: Any, inside: Occupancy, advance: Any) -> Any:
        """What the LUTs make of the vector of the first stage; the state, if any, goes around."""
        luts, stages = self.design.luts, self.stages
        answer = Signal(len(luts.outputs))
        ports: dict[str, Any] = {"i_x": vector, "o_y": answer}
        if stages.registers:
            ports["i_clk"] = ClockSignal()
            if self.held:
                ports["i_enable"] = advance
        if luts.n_state:
            entered = int(self.input_register)
            take, give = (advance & inside.at(entered + at) for at in (0, self.loop))
            if self.state_outside:
                m.submodules.slots = slots = SlotMemory(luts.n_state, self.sequences)
                m.d.comb += [slots.take.eq(take), slots.give.eq(give)]
                ports["i_x"] = Cat(vector, slots.state)
                ports["o_y"] = Cat(answer, slots.next_state)
            else:
                ports |= {"i_clk": ClockSignal(), "i_step": give}
        m.submodules.luts = Instance(LUTS_MODULE, **ports)
        return answer
