"""The receiving half of a board's link: frames in to requests.

Frames arrive as SLIP tokens and are judged as they stream by, so that nothing but the payload is
stored. The first fault decides the error code and the rest of the frame is skipped; a request
is only passed on after its END. docs/reference/link-protocol.md is the specification.
A byte is worked on bit by bit, for the checksum's sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import Component, In, Out

from lgncc.host.frames import CRC, ErrorCode, FrameType
from lgncc.hw.checksum import Checksum, register
from lgncc.hw.slip import CheckedToken

# `code` is an ErrorCode or 0; then `infer` tells a vector from IDENT, and `crc` is the register
# that the answer's CRC goes on from. Of designs with state only: `first` of a sequence; `repeat` of
# the step before; `silent`, it is not answered but acknowledged.
Request = StructLayout(
    {
        "seq": 8,
        "infer": 1,
        "code": range(max(ErrorCode) + 1),
        "crc": 32,
        "first": 1,
        "repeat": 1,
        "silent": 1,
    }
)


@dataclass(frozen=True)
class Incoming:
    """A frame on its way in, as a receiver's rules see it.

    byte, first: the last and the first cycle of `data`, of which in_type and its like say what it
    is; accepted: the request is. The rules drive `infer`, and what loads the CRC register.
    """

    data: Any
    cycle: Any
    first: Any
    byte: Any
    in_type: Any
    in_seq: Any
    in_payload: Any
    accepted: Any
    infer: Any
    crc: Checksum


class RequestReceiver(Component):
    """Frames to requests; the payload of INFER leaves bit by bit. A byte takes eight cycles.

    Ports: `i`: In(stream of CheckedToken); `request`: Out(stream of Request), not taking further
    tokens until it is accepted; `begin`: Out(1), a frame begins; `bit`, `shift`: Out(1), the
    payload's next bit, the lowest of the first byte first, is there; `busy`: In(1), no bit may come
    now; `held`: In(1), the last payload is still wanted: a payload byte arriving now
    is an overrun and is not passed on. Of a good request all bits have come, of another some.
    """

    def __init__(self, in_bytes: int, build_id: bytes) -> None:
        self.in_bytes = in_bytes
        self.build_id = build_id
        super().__init__(
            {
                "i": In(stream.Signature(CheckedToken)),
                "request": Out(stream.Signature(Request)),
                "begin": Out(1),
                "bit": Out(1),
                "shift": Out(1),
                "busy": In(1),
                "held": In(1),
            }
        )

    class State(IntEnum):
        """The byte of the frame that is expected next, in their order."""

        TYPE, SEQ, LENGTH_LOW, LENGTH_HIGH, PAYLOAD, CRC, DONE, REQUEST = range(8)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cycle, first, byte, end = Signal(), Signal(), Signal(), Signal()
        state = Signal(self.State)
        infer = Signal(reset_less=True)
        seq = Signal(8)
        code = Signal(Request["code"].shape)
        place = Signal(3)  # in the byte, of the bit that is worked on; the lowest first
        index = Signal(range(max(self.in_bytes, CRC.size)), reset_less=True)
        token, data = self.i.payload, self.i.payload.data
        is_request = state == self.State.REQUEST
        m.submodules.crc = crc = Checksum()
        m.d.comb += [
            # While a request waits, the ENDs with which a host paces itself pass by.
            self.i.ready.eq(Mux(is_request, token.end & ~token.bad, token.end | byte)),
            end.eq(self.i.valid & ~is_request & token.end),
            cycle.eq(self.i.valid & ~is_request & ~token.end & ~self.busy),
            first.eq(cycle & (place == 0)),
            byte.eq(cycle & (place == 7)),
            self.request.valid.eq(is_request),
            self.request.payload.seq.eq(seq),
            self.request.payload.infer.eq(infer),
            self.request.payload.code.eq(code),
            self.request.payload.crc.eq(crc.crc),
            crc.shift.eq(cycle),
            crc.fold.eq(state != self.State.CRC),
            crc.bit.eq(data.bit_select(place, 1)),
        ]
        with m.If(cycle):
            m.d.sync += place.eq(place + 1)

        # What `data` means if it is a byte: the code of its fault, and the next state.
        length = Mux(infer, self.in_bytes, 0)
        accepted = Signal()
        m.d.comb += accepted.eq(self.request.valid & self.request.ready)
        type_fault = self._rules(
            m,
            Incoming(
                data=data,
                cycle=cycle,
                first=first,
                byte=byte,
                in_type=state == self.State.TYPE,
                in_seq=state == self.State.SEQ,
                in_payload=state == self.State.PAYLOAD,
                accepted=accepted,
                infer=infer,
                crc=crc,
            ),
        )
        fault = by_state(
            m,
            state,
            {
                self.State.TYPE: type_fault,
                self.State.LENGTH_LOW: Mux(data == length[:8], 0, ErrorCode.LENGTH),
                self.State.LENGTH_HIGH: Mux(data == length[8:], 0, ErrorCode.LENGTH),
                self.State.PAYLOAD: Mux(self.held, ErrorCode.WIRE, 0),
                self.State.DONE: ErrorCode.LENGTH,
            },
        )
        count = Mux(state == self.State.CRC, CRC.size, self.in_bytes)
        repeats = (state == self.State.PAYLOAD) | (state == self.State.CRC)
        following = Signal(self.State)
        m.d.comb += following.eq(next_state(m, state, self.State))
        with m.If((state == self.State.LENGTH_HIGH) & ~infer):
            m.d.comb += following.eq(self.State.CRC)
        more = repeats & (index != (count - 1)[: len(index)])
        with m.If(more):
            m.d.comb += following.eq(state)
        with m.If(byte):
            m.d.sync += index.eq(Mux(more, index + 1, 0))

        with m.If(first & (code == 0)):
            m.d.sync += code.eq(fault)
        with m.If(cycle & (state == self.State.CRC) & (code == 0) & self._crc_differs(crc)):
            m.d.sync += code.eq(ErrorCode.CRC)
        # The seq of an unknown type is echoed, too; else a faulty frame stays where it is.
        with m.If(byte & ((state <= self.State.SEQ) | (code == 0))):
            m.d.sync += state.eq(following)
        with m.If(byte & (state == self.State.SEQ)):
            m.d.sync += seq.eq(data)
        with m.If(end & (token.bad | (state != self.State.TYPE))):  # an empty frame is none
            m.d.sync += state.eq(self.State.REQUEST)
            with m.If(token.bad):
                m.d.sync += code.eq(ErrorCode.WIRE)
            with m.Elif((code == 0) & (state != self.State.DONE)):
                m.d.sync += code.eq(ErrorCode.LENGTH)
        with m.If(accepted):
            m.d.sync += [state.eq(self.State.TYPE), seq.eq(0), code.eq(0)]

        overrun = first & self.held  # `code` says so from the next cycle on
        m.d.comb += [
            self.begin.eq(cycle & (state == self.State.TYPE)),
            self.bit.eq(crc.bit),
            self.shift.eq(cycle & (state == self.State.PAYLOAD) & (code == 0) & ~overrun),
        ]
        return m

    def _rules(self, m: Module, at: Incoming) -> Any:
        """What types there are and what their CRCs go on from; the code of a type's fault."""
        with m.If(at.first & at.in_type):
            m.d.sync += at.infer.eq(at.data == FrameType.INFER)
        # The register after the type, which is a constant, so that the build id costs nothing.
        infer = register(self.build_id + bytes([FrameType.INFER]))
        ident = register(bytes([FrameType.IDENT]))
        m.d.comb += [
            at.crc.load.eq(at.cycle & at.in_type),
            at.crc.value.eq(Mux(at.infer, infer, ident)),
        ]
        known = (at.data == FrameType.INFER) | (at.data == FrameType.IDENT)
        return Mux(known, 0, ErrorCode.TYPE)

    def _crc_differs(self, crc: Any) -> Any:
        """The received bit is not the register's next, which is sent inverted."""
        return crc.bit == crc.crc[0]


def by_state(m: Module, state: Any, values: dict[Any, Any]) -> Any:
    """The value of the current state, 0 where none is given."""
    chosen = Signal(8)
    with m.Switch(state):
        for case, value in values.items():
            with m.Case(case):
                m.d.comb += chosen.eq(value)
    return chosen


def next_state(m: Module, state: Any, states: type[IntEnum]) -> Any:
    """The state after the current one. As a table: `+ 1` would cost a carry chain besides."""
    return by_state(m, state, {state: state + 1 for state in states})
