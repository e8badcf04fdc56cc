"""Shell: a core behind a UART, speaking the link protocol.

    rx ─ uart_rx ─ slip_rx ─ link_rx ─ bits ─▶ received ─▶ core.i
                                │                          core.o
                             request                         │
                                └────────▶ link_tx ◀─────────┘
    tx ◀ uart_tx ◀ slip_tx ◀─────────────────┘

One request is in flight; the next frame may arrive while its response is sent, and waits in
`link_rx` until then. What is received is also the core's input register: it keeps its value
until the core takes it.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, DomainRenamer, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out, connect

from lgncc.forms import Form
from lgncc.host.frames import PROTOCOL_VERSION, Features, Ident, bytes_for
from lgncc.hw.arrival import ArrivalEncoder
from lgncc.hw.crossing import cross
from lgncc.hw.link import RequestReceiver
from lgncc.hw.received import BitMemory, BitRegister
from lgncc.hw.response import ResponseTransmitter
from lgncc.hw.sequence import SequenceFlags
from lgncc.hw.slip import SLIPDecoder, SLIPEncoder
from lgncc.hw.steps import StepReceiver
from lgncc.hw.uart import UARTReceiver, UARTTransmitter

STATELESS = SequenceFlags(first=False, last=False)


class Shell(Component):
    """Wraps `core`; ports `rx`: In(1), `tx`: Out(1).

    `core` has `i`: In(stream of in_width bits, and above them `flags`) and `o`: Out(stream of
    out_width bits) and gives one output for each input that lgncc.hw.sequence says is answered.
    `divisor`: clock cycles a bit, see `lgncc.hw.uart.divisor`. `build_id`: 8 bytes that IDENT
    answers. The core's cells are found under the name `core`.

    answer_register: the answer waits in a register, a cycle more, so that what stalls the core is
    a flip-flop and not the link's logic: fast clocks need that.

    core_domain: the clock domain of the core, where that is not the link's, `sync`; or `sync` for
    all that such a design has, but with one clock.

    form: what is kept of the input vector, where it is not the features as they came.
    """

    def __init__(
        self,
        core: Any,
        *,
        divisor: int,
        build_id: bytes,
        flags: SequenceFlags = STATELESS,
        answer_register: bool = False,
        form: Form | None = None,
        core_domain: str | None = None,
    ) -> None:
        self.core_domain = core_domain
        self.answer_register = answer_register
        self.form = form
        self.flags = flags
        self.core = core
        self.divisor = divisor
        self.build_id = build_id
        self.in_width = len(Value.cast(core.i.payload)) - flags.width
        if form is not None:
            self.in_width = form.whole.encoder.input_width
        self.out_width = len(Value.cast(core.o.payload))
        features = Features.STATE * flags.first | Features.LAST_STEP * flags.last
        self.ident = Ident(
            PROTOCOL_VERSION, build_id, self.in_width, self.out_width, Features(features)
        ).pack()
        super().__init__({"rx": In(1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.uart_rx = uart_rx = UARTReceiver(self.divisor)
        m.submodules.slip_rx = slip_rx = SLIPDecoder()
        m.submodules.link_rx = link_rx = self._receiver(bytes_for(self.in_width))
        core_i, core_o = self.core.i, self.core.o
        if self.core_domain is None:
            m.submodules.core = self.core
        else:
            m.submodules.core = DomainRenamer(self.core_domain)(self.core)
            core_i, core_o = cross(m, self.core, self.core_domain)
        m.submodules.link_tx = link_tx = ResponseTransmitter(self.out_width, self.ident)
        m.submodules.slip_tx = slip_tx = SLIPEncoder()
        m.submodules.uart_tx = uart_tx = UARTTransmitter(self.divisor)

        connect(m, uart_rx.data, slip_rx.i)
        connect(m, slip_rx.o, link_rx.i)
        connect(m, link_rx.request, link_tx.request)
        connect(m, link_tx.o, slip_tx.i)
        connect(m, slip_tx.o, uart_tx.data)

        waiting = Signal()  # the vector was requested and the core has not taken it
        request = link_rx.request.payload
        accepted = link_rx.request.valid & link_rx.request.ready
        asked = accepted & request.infer & (request.code == 0) & ~request.repeat
        above = Signal(self.flags.width, reset_less=True)
        with m.If(asked):
            m.d.sync += [waiting.eq(1), above.eq(Cat(request.first, ~request.silent))]
        with m.Elif(core_i.ready):
            m.d.sync += waiting.eq(0)

        m.d.comb += [
            uart_rx.rx.eq(self.rx),
            self.tx.eq(uart_tx.tx),
            slip_rx.lost.eq(uart_rx.error | uart_rx.overflow),
            link_rx.held.eq(waiting),
            link_tx.held.eq(waiting),
            core_i.payload.eq(Cat(self._vector(m, link_rx), above)),
            core_i.valid.eq(waiting),
        ]
        result = link_tx.result
        # A step may be asked for again: until the next one, its answer stays where it is.
        taken = asked if self.flags.first else result.ready
        if not self.answer_register:
            m.d.comb += [
                result.payload.eq(core_o.payload),
                result.valid.eq(core_o.valid),
                core_o.ready.eq(taken),
            ]
            return m
        full = Signal()
        answer = Signal(self.out_width, reset_less=True)
        m.d.comb += [result.payload.eq(answer), result.valid.eq(full), core_o.ready.eq(~full)]
        with m.If(~full):
            m.d.sync += [answer.eq(core_o.payload), full.eq(core_o.valid)]
        with m.Elif(taken):
            m.d.sync += full.eq(0)
        return m

    def _vector(self, m: Module, link_rx: RequestReceiver) -> Any:
        """What the core takes as its input vector; it stays until then."""
        core, form = self.core, self.form
        n_bits = 8 * bytes_for(self.in_width)
        bit, shift = link_rx.bit, link_rx.shift
        if form is not None and form.table is not None:
            n_bits = form.table.n_bits
            m.submodules.encoder = encoder = ArrivalEncoder(form.table, deep=form.deep)
            m.d.comb += [
                encoder.begin.eq(link_rx.begin),
                encoder.bit.eq(bit),
                encoder.shift.eq(shift),
                link_rx.busy.eq(encoder.busy),
            ]
            bit, shift = encoder.encoded, encoder.emit
        if form is None or not form.in_memory:
            m.submodules.received = register = BitRegister(n_bits)
            m.d.comb += [register.bit.eq(bit), register.shift.eq(shift)]
            return register.vector[: len(Value.cast(core.i.payload)) - self.flags.width]
        m.submodules.received = memory = BitMemory(n_bits)
        m.d.comb += [
            memory.begin.eq(link_rx.begin),
            memory.bit.eq(bit),
            memory.shift.eq(shift),
            memory.keep.eq(core.i.valid & core.i.ready),
            memory.next.eq(core.next),
        ]
        return memory.q

    def _receiver(self, in_bytes: int) -> RequestReceiver:
        if self.flags.first:
            return StepReceiver(in_bytes, self.build_id, self.flags)
        return RequestReceiver(in_bytes, self.build_id)
