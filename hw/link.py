"""The board's end of the link protocol: frames in to requests, results out to frames.

Frames arrive as SLIP tokens and are judged as they stream by, so that nothing but the payload is
stored. The first fault decides the error code and the rest of the frame is skipped; a request
is only passed on after its END. docs/reference/link-protocol.md is the specification.
A byte is worked on bit by bit, for the checksum's sake.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import Component, In, Out

from lgncc.host.frames import CRC, ErrorCode, FrameType, bytes_for
from lgncc.hw.checksum import Checksum, register
from lgncc.hw.slip import CheckedToken, Token

# `code` is an ErrorCode or 0; then `infer` tells INFER from IDENT, and `crc` is the register
# that the answer's CRC goes on from.
Request = StructLayout({"seq": 8, "infer": 1, "code": range(max(ErrorCode) + 1), "crc": 32})


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
            # The register after the type, which is a constant, so that the build id costs nothing.
            crc.load.eq(cycle & (state == self.State.TYPE)),
            crc.value.eq(
                Mux(
                    infer,
                    register(self.build_id + bytes([FrameType.INFER])),
                    register(bytes([FrameType.IDENT])),
                )
            ),
            crc.shift.eq(cycle),
            crc.fold.eq(state != self.State.CRC),
            crc.bit.eq(data.bit_select(place, 1)),
        ]
        with m.If(cycle):
            m.d.sync += place.eq(place + 1)

        # What `data` means if it is a byte: the code of its fault, and the next state.
        length = Mux(infer, self.in_bytes, 0)
        known = (data == FrameType.INFER) | (data == FrameType.IDENT)
        fault = _by_state(
            m,
            state,
            {
                self.State.TYPE: Mux(known, 0, ErrorCode.TYPE),
                self.State.LENGTH_LOW: Mux(data == length[:8], 0, ErrorCode.LENGTH),
                self.State.LENGTH_HIGH: Mux(data == length[8:], 0, ErrorCode.LENGTH),
                self.State.PAYLOAD: Mux(self.held, ErrorCode.WIRE, 0),
                self.State.DONE: ErrorCode.LENGTH,
            },
        )
        count = Mux(state == self.State.CRC, CRC.size, self.in_bytes)
        repeats = (state == self.State.PAYLOAD) | (state == self.State.CRC)
        following = Signal(self.State)
        m.d.comb += following.eq(_next(m, state, self.State))
        with m.If((state == self.State.LENGTH_HIGH) & ~infer):
            m.d.comb += following.eq(self.State.CRC)
        more = repeats & (index != (count - 1)[: len(index)])
        with m.If(more):
            m.d.comb += following.eq(state)
        with m.If(byte):
            m.d.sync += index.eq(Mux(more, index + 1, 0))

        with m.If(first & (state == self.State.TYPE)):
            m.d.sync += infer.eq(data == FrameType.INFER)
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
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [state.eq(self.State.TYPE), seq.eq(0), code.eq(0)]

        overrun = first & self.held  # `code` says so from the next cycle on
        m.d.comb += [
            self.begin.eq(crc.load),
            self.bit.eq(crc.bit),
            self.shift.eq(cycle & (state == self.State.PAYLOAD) & (code == 0) & ~overrun),
        ]
        return m

    def _crc_differs(self, crc: Any) -> Any:
        """The received bit is not the register's next, which is sent inverted."""
        return crc.bit == crc.crc[0]


class ResponseTransmitter(Component):
    """Requests to response frames: RESULT with the next `result`, IDENT or ERROR.

    Ports: `request`: In(stream of Request), one at a time; `result`: In(stream of out_width
    bits), taken with its last byte, so that no copy is needed; `o`: Out(stream of
    Token). `ident` is the payload of the IDENT reply.
    """

    def __init__(self, out_width: int, ident: bytes) -> None:
        self.out_width = out_width
        self.ident = ident
        super().__init__(
            {
                "request": In(stream.Signature(Request)),
                "result": In(stream.Signature(out_width)),
                "o": Out(stream.Signature(Token)),
            }
        )

    class State(IntEnum):
        """What is sent next, in their order."""

        IDLE, START, TYPE, SEQ, LENGTH_LOW, LENGTH_HIGH, PAYLOAD, CRC, STOP = range(9)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        out_bytes = bytes_for(self.out_width)
        state = Signal(self.State)
        m.submodules.crc = crc = Checksum()
        request = Signal(Request, reset_less=True)
        longest = max(out_bytes, len(self.ident), CRC.size)
        index = Signal(range(longest), reset_less=True)

        kind, length, payload = Signal(8), Signal(16), Signal(8)
        with m.If(request.code != 0):
            m.d.comb += [kind.eq(FrameType.ERROR), length.eq(1), payload.eq(request.code)]
        with m.Elif(request.infer):
            m.d.comb += [
                kind.eq(FrameType.RESULT),
                length.eq(out_bytes),
                payload.eq(_byte(self.result.payload, index)),
            ]
        with m.Else():
            ident = Const(int.from_bytes(self.ident, "little"), 8 * len(self.ident))
            m.d.comb += [
                kind.eq(FrameType.IDENT_REPLY),
                length.eq(len(self.ident)),
                payload.eq(_byte(ident, index)),
            ]

        is_result = kind == FrameType.RESULT
        last_byte = index == (length - 1)[: len(index)]
        fields = {
            self.State.TYPE: kind,
            self.State.SEQ: request.seq,
            self.State.LENGTH_LOW: length[:8],
            self.State.LENGTH_HIGH: length[8:],
            self.State.PAYLOAD: payload,
            self.State.CRC: ~crc.crc[:8],
        }
        # `step` moves the next token into the register `o`; then the checksum takes it from
        # there, bit by bit, or, of the checksum itself, moves its next byte down.
        step, shifting, fold, bit = Signal(), Signal(), Signal(reset_less=True), Signal(3)
        waits = (state == self.State.START) & is_result & ~self.result.valid
        m.d.comb += [
            step.eq((state != self.State.IDLE) & ~waits & ~self.o.valid & ~shifting),
            self.request.ready.eq(state == self.State.IDLE),
            crc.load.eq(state == self.State.IDLE),
            crc.value.eq(self.request.payload.crc),
            crc.restart.eq((state == self.State.IDLE) & (self.request.payload.code != 0)),
            crc.shift.eq(shifting),
            crc.fold.eq(fold),
            crc.bit.eq(self.o.payload.data.bit_select(bit, 1)),
        ]
        with m.If(shifting):
            m.d.sync += [bit.eq(bit + 1), shifting.eq(bit != 7)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(step):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.data.eq(_by_state(m, state, fields)),
                self.o.payload.end.eq((state == self.State.START) | (state == self.State.STOP)),
                shifting.eq((state != self.State.START) & (state != self.State.STOP)),
                fold.eq(state != self.State.CRC),
            ]

        with m.If(step | (self.request.valid & self.request.ready)):
            m.d.sync += state.eq(_next(m, state, self.State))
        with m.If(step & (state == self.State.STOP)):
            m.d.sync += state.eq(self.State.IDLE)
        with m.If(state == self.State.IDLE):
            m.d.sync += [request.eq(self.request.payload), index.eq(0)]
        with m.If(step & (state == self.State.PAYLOAD)):
            with m.If(last_byte):
                m.d.comb += self.result.ready.eq(is_result)
                m.d.sync += index.eq(0)
            with m.Else():
                m.d.sync += [state.eq(self.State.PAYLOAD), index.eq(index + 1)]
        with m.If(step & (state == self.State.CRC) & (index != CRC.size - 1)):
            m.d.sync += [state.eq(self.State.CRC), index.eq(index + 1)]
        return m


def _by_state(m: Module, state: Any, values: dict[Any, Any]) -> Any:
    """The value of the current state, 0 where none is given."""
    chosen = Signal(8)
    with m.Switch(state):
        for case, value in values.items():
            with m.Case(case):
                m.d.comb += chosen.eq(value)
    return chosen


def _next(m: Module, state: Any, states: type[IntEnum]) -> Any:
    """The state after the current one. As a table: `+ 1` would cost a carry chain besides."""
    return _by_state(m, state, {state: state + 1 for state in states})


def _byte(vector: Any, index: Any) -> Any:
    """Byte `index` of `vector`, zero padded; only the index bits that can matter are used."""
    count = bytes_for(len(vector))
    padded = Cat(vector, Const(0, 8 * count - len(vector)))
    return padded.word_select(index[: (count - 1).bit_length()], 8) if count > 1 else padded
