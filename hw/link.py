"""The board's end of the link protocol: frames in to requests, results out to frames.

Frames arrive as SLIP tokens and are judged as they stream by, so that nothing but the payload is
stored. The first fault decides the error code and the rest of the frame is skipped; a request
is only passed on after its END. docs/reference/link-protocol.md is the specification.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream
from amaranth.lib.crc import catalog
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import Component, In, Out

from lgncc.host.frames import ErrorCode, FrameType, bytes_for
from lgncc.hw.slip import CheckedToken, Token

# `code` is an ErrorCode or 0; then `infer` tells INFER from IDENT.
Request = StructLayout({"seq": 8, "infer": 1, "code": range(max(ErrorCode) + 1)})


class RequestReceiver(Component):
    """Frames to requests; the payload of INFER stays in `vector`.

    Ports: `i`: In(stream of CheckedToken); `request`: Out(stream of Request), not taking further
    tokens until it is accepted; `vector`: Out(8 * in_bytes), the payload, first byte lowest,
    stable from its request until the next INFER frame's payload; `held`: In(1), `vector`
    is still wanted: a payload byte arriving now is an overrun and is not written.
    """

    def __init__(self, in_bytes: int) -> None:
        self.in_bytes = in_bytes
        super().__init__(
            {
                "i": In(stream.Signature(CheckedToken)),
                "request": Out(stream.Signature(Request)),
                "vector": Out(8 * in_bytes),
                "held": In(1),
            }
        )

    class State(IntEnum):
        """The byte of the frame that is expected next, in their order."""

        TYPE, SEQ, LENGTH_LOW, LENGTH_HIGH, PAYLOAD, CRC_LOW, CRC_HIGH, DONE, REQUEST = range(9)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        byte = Signal()
        end = Signal()
        state = Signal(self.State)
        infer = Signal(reset_less=True)
        seq = Signal(8)
        code = Signal(Request["code"].shape)
        index = Signal(range(self.in_bytes), reset_less=True)
        token, data = self.i.payload, self.i.payload.data
        is_request = state == self.State.REQUEST
        m.submodules.crc = crc = _Checksum(data, byte & (state <= self.State.PAYLOAD), is_request)
        m.d.comb += [
            self.i.ready.eq(~is_request),
            end.eq(self.i.valid & self.i.ready & token.end),
            byte.eq(self.i.valid & self.i.ready & ~token.end),
            self.request.valid.eq(is_request),
            self.request.payload.seq.eq(seq),
            self.request.payload.infer.eq(infer),
            self.request.payload.code.eq(code),
        ]

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
                self.State.CRC_LOW: Mux(self._crc_differs(data, crc.crc[:8]), ErrorCode.CRC, 0),
                self.State.CRC_HIGH: Mux(self._crc_differs(data, crc.crc[8:]), ErrorCode.CRC, 0),
                self.State.DONE: ErrorCode.LENGTH,
            },
        )
        following = Signal(self.State)
        m.d.comb += following.eq(_next(m, state, self.State))
        with m.If((state == self.State.LENGTH_HIGH) & ~infer):
            m.d.comb += following.eq(self.State.CRC_LOW)
        with m.If((state == self.State.PAYLOAD) & (index != self.in_bytes - 1)):
            m.d.comb += following.eq(self.State.PAYLOAD)

        with m.If(byte & (state == self.State.TYPE)):
            m.d.sync += [infer.eq(data == FrameType.INFER), index.eq(0)]
        with m.If(byte & (state == self.State.SEQ)):  # even of an unknown type: to be echoed
            m.d.sync += [seq.eq(data), state.eq(following)]
        with m.Elif(byte & (code == 0)):
            m.d.sync += [code.eq(fault), state.eq(following)]
        with m.If(end & (token.bad | (state != self.State.TYPE))):  # an empty frame is none
            m.d.sync += state.eq(self.State.REQUEST)
            with m.If(token.bad):
                m.d.sync += code.eq(ErrorCode.WIRE)
            with m.Elif((code == 0) & (state != self.State.DONE)):
                m.d.sync += code.eq(ErrorCode.LENGTH)
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [state.eq(self.State.TYPE), seq.eq(0), code.eq(0)]

        vector = Signal(8 * self.in_bytes, reset_less=True)
        m.d.comb += self.vector.eq(vector)
        with m.If(byte & (state == self.State.PAYLOAD) & (code == 0) & ~self.held):
            m.d.sync += [vector.eq(Cat(vector[8:], data)), index.eq(index + 1)]
        return m

    def _crc_differs(self, received: Any, expected: Any) -> Any:
        return received != expected


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

        IDLE, START, TYPE, SEQ, LENGTH_LOW, LENGTH_HIGH, PAYLOAD, CRC_LOW, CRC_HIGH, STOP = range(
            10
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        out_bytes = bytes_for(self.out_width)
        state = Signal(self.State)
        covered = Signal()
        m.submodules.crc = crc = _Checksum(
            self.o.payload.data,
            self.o.valid & self.o.ready & covered,
            state == self.State.START,
        )
        request = Signal(Request, reset_less=True)
        index = Signal(range(max(out_bytes, len(self.ident))), reset_less=True)

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
            self.State.CRC_LOW: crc.crc[:8],
            self.State.CRC_HIGH: crc.crc[8:],
        }
        # `step` moves the next token into the register `o`. That it waits for `o` to be empty
        # costs a cycle a byte, and lets the checksum be taken of `o`: `state` is one ahead there.
        step = Signal()
        waits = (state == self.State.START) & is_result & ~self.result.valid
        m.d.comb += [
            step.eq((state != self.State.IDLE) & ~waits & ~self.o.valid),
            covered.eq((state > self.State.TYPE) & (state <= self.State.CRC_LOW)),
            self.request.ready.eq(state == self.State.IDLE),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(step):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.data.eq(_by_state(m, state, fields)),
                self.o.payload.end.eq((state == self.State.START) | (state == self.State.STOP)),
            ]

        with m.If(step | (self.request.valid & self.request.ready)):
            m.d.sync += state.eq(_next(m, state, self.State))
        with m.If(step & (state == self.State.STOP)):
            m.d.sync += state.eq(self.State.IDLE)
        with m.If(state == self.State.IDLE):
            m.d.sync += [request.eq(self.request.payload), index.eq(0)]
        with m.If(step & (state == self.State.PAYLOAD)):
            m.d.sync += index.eq(index + 1)
            with m.If(last_byte):
                m.d.comb += self.result.ready.eq(is_result)
            with m.Else():
                m.d.sync += state.eq(self.State.PAYLOAD)
        return m


class _Checksum(Elaboratable):
    """CRC-16/IBM-3740 of the `data` at every `valid`, one cycle later in `crc`.

    The restart is a reset around Amaranth's processor: its own `start` puts a multiplexer in
    front of each bit, 50 LUT4 instead of half of that.
    """

    def __init__(self, data: Any, valid: Any, restart: Any) -> None:
        self.data, self.valid, self.restart = data, valid, restart
        self.crc = Signal(16)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        processor = catalog.CRC16_IBM_3740(data_width=8).create()
        m.submodules.processor = ResetInserter(self.restart)(processor)
        m.d.comb += [
            processor.data.eq(self.data),
            processor.valid.eq(self.valid),
            self.crc.eq(processor.crc),
        ]
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
