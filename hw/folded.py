# amaranth: UnusedElaboratable=no
"""FoldedCore: a gate processor, a LogicModel as a program that it runs.

    i ─▶ features, in turn ─▶ compare ─┐                    ┌─▶ count ─▶ best ─▶ o
                                       ├─▶ node memory ─▶ gate
           program memory ─▶ decode ───┘        ▲           │
                                                └───────────┘

Instructions of `lgncc.mapping.program` enter a pipeline of three stages, one in each cycle if the
memories can: decode and address the nodes; compute and write; count. A word of the node memory
holds a bit of each of `lanes` samples, which are loaded one after the other and then evaluated
together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.features import FeatureRegister
from lgncc.hw.instructions import BlockProgram, InstructionFields
from lgncc.hw.nodes import BlockNodes
from lgncc.hw.pace import Pace
from lgncc.hw.readout import score_shape
from lgncc.hw.sequence import EACH_STEP, SequenceFlags, Sequencing
from lgncc.mapping.assembler import assemble, first_score
from lgncc.mapping.program import OP_BITS, TABLE_BITS, THEN_NEXT, Op, Program
from lgncc.model import LogicModel


class FoldedCore(Component):
    """Ports: `i`: In(stream of the packed features, and above them `flags`); `o`: Out(stream of the
    readout's bits).

    With one lane a vector is accepted every `initiation_interval` cycles and answered
    `latency_cycles` after; a stall at `o` delays what follows. With more lanes, a batch is
    evaluated once `lanes` vectors are loaded, or when no other is waiting; a model with state
    takes one lane. Raises DesignError for a vector too wide to build.

    bit_serial: for features of one bit. Of the features, `i` shows one: the first of a vector from
    the cycle after it was accepted on, the following one after each `next`: Out(1).
    """

    sequences = 1

    def __init__(
        self,
        model: LogicModel,
        *,
        lanes: int = 1,
        sequencing: Sequencing = EACH_STEP,
        program: Program | None = None,
        memory: Any = None,
        nodes: Any = None,
        bit_serial: bool = False,
    ) -> None:
        if model.netlist.n_state and lanes > 1:
            raise DesignError("folded: a network with state runs in one lane")
        self.flags = SequenceFlags.of(model, sequencing.answering)
        self.model = model
        self.lanes = lanes
        self.program = assemble(model) if program is None else program
        self.memory = BlockProgram(self.program) if memory is None else memory
        self.nodes = BlockNodes(self.program.depth, lanes) if nodes is None else nodes
        readout = model.readout
        if readout.kind == "bits":
            self.score = unsigned(1)
            out_width = max(len(model.netlist.outputs), 1)
        else:
            self.score = Shape(score_shape(readout).width)
            in_class = (readout.n_classes - 1).bit_length()
            in_scores = readout.n_classes * self.score.width
            out_width = max(in_class, 1) if readout.kind == "class" else in_scores
        self.bit_serial = bit_serial
        self.vector_width = 1 if bit_serial else model.encoder.input_width
        in_width = self.vector_width + self.flags.width
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(in_width))),
                "o": Out(stream.Signature(unsigned(out_width))),
            }
            | ({"next": Out(1)} if bit_serial else {})
        )

    @property
    def latency_cycles(self) -> int:
        """Clock edges from the one that accepts a vector to the one that can take its answer;
        of the last vector of a batch, where there are more lanes."""
        return self.pace.latency_cycles

    @property
    def initiation_interval(self) -> int:
        """Cycles a vector, on average and rounded up, of a stream that never pauses."""
        return self.pace.interval(self.lanes)

    @property
    def step_cycles(self) -> int:
        """Cycles from a vector to the next one of its sequence, at the least."""
        return self.initiation_interval

    @property
    def pace(self) -> Pace:
        """When each part of a vector's evaluation is over."""
        return Pace.of(
            self.program,
            issue_cycles=self.nodes.issue_cycles,
            drain_cycles=self.nodes.drain_cycles,
            fetch=self.memory.fetch,
        )

    @property
    def start_cycles(self) -> int:
        """Cycles from reset to the first that can accept a vector."""
        return int(self.memory.start_cycles)

    @property
    def contents(self) -> str:
        """A line on what is inside, for headers."""
        program = self.program
        return (
            f"a gate processor: {len(program)} instructions of {program.width} bits "
            f"{self.memory.place}, {program.depth} words of {self.lanes} bits for the nodes in "
            f"{self.nodes.place}"
        )

    def extra_verilog(self) -> str | None:
        """None: there is no text besides."""
        return None

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.program = self.memory
        program, lanes = self.program, self.lanes
        accept, issue = Signal(), Signal()
        lane = Signal(range(lanes))
        m.d.comb += accept.eq(self.i.valid & self.i.ready)
        answered = self._sequence(m, issue, lane)

        # Stage 1: decode. The word belongs to the instruction issued a cycle ago.
        decoded = Signal()
        m.d.sync += decoded.eq(issue)
        fields = InstructionFields(self.memory.word, program)
        m.submodules.nodes = nodes = self.nodes
        held_op = Signal(OP_BITS)
        table = Signal(TABLE_BITS)
        immediate = Signal(program.immediate_bits)
        m.d.comb += [
            nodes.decoded.eq(decoded),
            nodes.a.eq(fields.a),
            nodes.b.eq(fields.b),
            nodes.dst.eq(fields.dst),
            nodes.modify.eq((fields.op == Op.LOAD) if lanes > 1 else 0),
        ]
        with m.If(decoded):
            m.d.sync += [
                held_op.eq(fields.op),
                table.eq(fields.table),
                immediate.eq(fields.immediate),
            ]

        # Stage 2: compute and write.
        op = Signal(OP_BITS)
        m.d.comb += op.eq(Mux(nodes.valid, held_op, Op.NOP))
        goes_on = (op == Op.NEXT) | ((op == Op.LOAD) & (table == THEN_NEXT))
        feature, first = self._features(m, accept, goes_on)
        value = Signal(lanes)
        for index in range(lanes):
            row = Cat(nodes.data_a[index], nodes.data_b[index])
            m.d.comb += value[index].eq(table.bit_select(row, 1))
        m.d.comb += nodes.data.eq(value)
        everywhere = (1 << lanes) - 1
        with m.Switch(op):
            with m.Case(Op.GATE):
                m.d.comb += nodes.enable.eq(everywhere)
            with m.Case(Op.LOAD):
                loaded = feature > immediate
                m.d.comb += [nodes.data.eq(loaded.replicate(lanes)), nodes.enable.eq(1 << lane)]
            with m.Case(Op.RESET):
                m.d.comb += [
                    nodes.data.eq(immediate[0].replicate(lanes)),
                    nodes.enable.eq(first.replicate(lanes)),
                ]
        self._count(m, op, value, immediate, accept, answered)
        return m

    def _sequence(self, m: Module, issue: Signal, lane: Signal) -> Signal:
        """Accept and load each lane's vector, run the rest of the program, answer."""
        program = self.program
        address = Signal(range(max(len(program), 2)))
        drain_cycles, issue_cycles = self.nodes.drain_cycles, self.nodes.issue_cycles
        drain = Signal(range(drain_cycles))
        accept = self.i.valid & self.i.ready
        wanted = Signal(init=1)  # an answer, of the vector that was accepted last
        with m.If(accept):
            m.d.sync += wanted.eq(self.flags.answered(self.i.payload))
        m.d.comb += [self.memory.address.eq(address), self.memory.restart.eq(accept)]
        answered = Signal()
        count = Signal.like(lane)  # of the answers that are still to be taken, less one
        pause = Signal(range(issue_cycles))
        m.d.sync += pause.eq(Mux(pause == 0, 0, pause - 1))

        def run(last: int, state: str, drained: str) -> None:
            with m.State(state), m.If(self.memory.there & (pause == 0)):
                m.d.comb += issue.eq(1)
                m.d.sync += [address.eq(address + 1), drain.eq(drain_cycles - 1)]
                m.d.sync += pause.eq(issue_cycles - 1)
                with m.If(address == last):
                    m.next = drained

        with m.FSM():
            with m.State("ACCEPT"):
                m.d.comb += self.i.ready.eq(self.memory.ready)
                m.d.sync += [address.eq(0), drain.eq(drain_cycles - 1)]
                with m.If(accept):
                    m.next = "LOAD" if program.n_loads else "LOADED"
            run(program.n_loads - 1, "LOAD", "LOADED")
            with m.State("LOADED"):
                m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.sync += [drain.eq(drain_cycles - 1), count.eq(lane)]
                    with m.If((lane == self.lanes - 1) | ~self.i.valid):
                        m.next = "RUN" if len(program) > program.n_loads else "RUNNING"
                    with m.Else():
                        m.d.sync += lane.eq(lane + 1)
                        m.next = "ACCEPT"
            run(len(program) - 1, "RUN", "RUNNING")
            with m.State("RUNNING"):
                m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.o.valid.eq(wanted)
                m.d.comb += answered.eq(self.o.ready | ~wanted)
                with m.If(answered):
                    m.d.sync += count.eq(count - 1)
                    with m.If(count == 0):
                        m.d.sync += lane.eq(0)
                        m.next = "ACCEPT"
        return answered

    def _features(self, m: Module, accept: Signal, goes_on: Any) -> tuple[Any, Any]:
        """The feature that LOAD compares, as an unsigned number; and `first`."""
        first = Signal()
        with m.If(accept):
            m.d.sync += first.eq(self.flags.first_of(self.i.payload))
        if self.bit_serial:
            m.d.comb += self.next.eq(goes_on)
            return self.i.payload[:1], first
        m.submodules.encoder = features = FeatureRegister(self.model.encoder)
        m.d.comb += [
            features.vector.eq(self.i.payload[: self.vector_width]),
            features.load.eq(accept),
            features.next.eq(goes_on),
        ]
        return features.feature, first

    def _count(
        self, m: Module, op: Signal, value: Signal, immediate: Signal, accept: Signal, answered: Any
    ) -> None:
        """Stage 3, of each lane: the score, the best class so far, the answer."""
        readout = self.model.readout
        counted = Signal(OP_BITS)
        bits = Signal(self.lanes)
        start = Signal.like(immediate)
        m.d.sync += [counted.eq(op), bits.eq(value), start.eq(immediate)]
        out_width = len(self.o.payload)
        answers = [Signal(out_width, name=f"answer{i}", reset_less=True) for i in range(self.lanes)]
        m.d.comb += self.o.payload.eq(answers[0])
        with m.If(answered):
            m.d.sync += [a.eq(b) for a, b in pairwise(answers)]
        if readout.kind == "bits":
            for answer, bit in zip(answers, bits, strict=True):
                with m.If(counted == Op.BIT):
                    m.d.sync += answer.eq(Cat(answer, bit)[1:])
            return
        klass = Signal(range(readout.n_classes))
        with m.If(accept):
            m.d.sync += klass.eq(0)
        with m.Elif(counted == Op.CLASS):
            m.d.sync += klass.eq(klass + 1)
        for answer, bit in zip(answers, bits, strict=True):
            score = Signal(self.score, init=first_score(self.model))
            best = Signal(self.score, reset_less=True)
            with m.If(counted == Op.COUNT):
                m.d.sync += score.eq(score + bit)
            with m.Elif(counted == Op.CLASS):
                m.d.sync += score.eq(start)
                if readout.kind == "scores":
                    m.d.sync += answer.eq(Cat(answer, score)[self.score.width :])
                else:
                    # Strictly greater: at a tie the lower index stays.
                    with m.If((klass == 0) | (score > best)):
                        m.d.sync += [best.eq(score), answer.eq(klass)]
