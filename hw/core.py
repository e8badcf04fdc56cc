# amaranth: UnusedElaboratable=no
"""Core: a LogicModel as a streaming component, in the `spatial` architecture.

    i ─▶ [register] ─▶ encoder ─▶ network ─▶ [register] ─▶ popcount ─▶ [register] ─▶ argmax ─▶ o

The encoder and the network are one combinational cloud between two registers; the
readout is registered at each of its stages, which costs few cells and triples Fmax.
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.encoder import ThermometerEncoder
from lgncc.hw.fabric import MAX_WIDTH, Fabric, fabric_text
from lgncc.hw.readout import ScoreReadout
from lgncc.hw.sequence import STATELESS
from lgncc.hw.stall import first_stage, stall_together
from lgncc.model import LogicModel


class Core(Component):
    """Answers one input vector a clock cycle, `latency_cycles` after it was accepted.

    Ports: `i`: In(stream of input_width bits), the features packed, feature 0 lowest;
    `o`: Out(stream of the readout's bits). A stall at `o` holds all stages. Reset
    discards what is inside.

    input_register: without it `i.payload` must be a register outside and the latency is
    one cycle less. Raises DesignError for a model with state, or too wide for a wire.
    """

    initiation_interval = 1
    loop, sequences, step_cycles = 0, 1, 1
    flags = STATELESS

    def __init__(self, model: LogicModel, *, input_register: bool = True) -> None:
        if model.netlist.n_state:
            raise DesignError(
                f"the network has {model.netlist.n_state} state bits; -O 0 and 1 build stateless "
                "networks only: use -O 2, or --arch folded"
            )
        self.model = model
        self.input_register = input_register
        self.encoder = ThermometerEncoder(model.encoder)
        self.readout = None if model.readout.kind == "bits" else ScoreReadout(model.readout)
        if self.readout:
            self.network = Fabric(model.netlist, [t.positions for t in self.readout.terms])
            out_width = len(self.readout.payload)
        else:
            self.network = Fabric(model.netlist)
            out_width = max(len(model.netlist.outputs), 1)
        for what, width in (("input", model.encoder.input_width), ("output", out_width)):
            if not 1 <= width <= MAX_WIDTH:
                raise DesignError(
                    f"the {what} vector has {width:,} bits; 1 to {MAX_WIDTH:,} can be built"
                )
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(model.encoder.input_width))),
                "o": Out(stream.Signature(unsigned(out_width))),
            }
        )

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer."""
        readout = self.readout.latency if self.readout else 0
        return int(self.input_register) + 1 + readout

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        return (
            f"gates: {self.model.netlist.n_gates} of two inputs, {self.model.netlist.depth} levels"
        )

    def extra_verilog(self) -> str | None:
        """Verilog text that the converted component instantiates, if any."""
        return fabric_text(self.network)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.encoder = self.encoder
        m.submodules.network = self.network

        advance, _ = stall_together(m, self)
        vector = first_stage(m, self, advance)
        m.d.comb += [self.encoder.x.eq(vector), self.network.x.eq(self.encoder.bits)]
        bits = []
        for index, port in enumerate(self.network.y):
            bits.append(Signal(len(port), name=f"bits{index}", reset_less=True))
            with m.If(advance):
                m.d.sync += bits[index].eq(port)

        if self.readout is None:
            m.d.comb += self.o.payload.eq(bits[0])
            return m
        m.submodules.readout = self.readout
        m.d.comb += [port.eq(group) for port, group in zip(self.readout.bits, bits, strict=True)]
        m.d.comb += [
            self.readout.enable.eq(advance),
            self.o.payload.eq(self.readout.payload),
        ]
        return m
