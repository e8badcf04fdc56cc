"""The sending half of a board's link: requests and results out to frames.

docs/reference/link-protocol.md is the specification. A byte is worked on bit by bit, for the
checksum's sake.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from lgncc.host.frames import CRC, FrameType, bytes_for
from lgncc.hw.checksum import Checksum
from lgncc.hw.link import Request, by_state, next_state
from lgncc.hw.slip import Token


class ResponseTransmitter(Component):
    """Requests to response frames: RESULT with the next `result`, IDENT or ERROR.

    Ports: `request`: In(stream of Request), one at a time; `result`: In(stream of out_width
    bits), taken with its last byte, so that no copy is needed; `held`: In(1), a silent request's
    RESULT, which is empty, has to wait; `o`: Out(stream of Token). `ident` is the payload of the
    IDENT reply.
    """

    def __init__(self, out_width: int, ident: bytes) -> None:
        self.out_width = out_width
        self.ident = ident
        super().__init__(
            {
                "request": In(stream.Signature(Request)),
                "result": In(stream.Signature(out_width)),
                "held": In(1),
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
                length.eq(Mux(request.silent, 0, out_bytes)),
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
        awaited = Mux(request.silent, ~self.held, self.result.valid)
        waits = (state == self.State.START) & is_result & ~awaited
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
                self.o.payload.data.eq(by_state(m, state, fields)),
                self.o.payload.end.eq((state == self.State.START) | (state == self.State.STOP)),
                shifting.eq((state != self.State.START) & (state != self.State.STOP)),
                fold.eq(state != self.State.CRC),
            ]

        with m.If(step | (self.request.valid & self.request.ready)):
            m.d.sync += state.eq(next_state(m, state, self.State))
        with m.If(step & (state == self.State.STOP)):
            m.d.sync += state.eq(self.State.IDLE)
        with m.If(step & (state == self.State.LENGTH_HIGH) & is_result & request.silent):
            m.d.sync += state.eq(self.State.CRC)
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


def _byte(vector: Any, index: Any) -> Any:
    """Byte `index` of `vector`, zero padded; only the index bits that can matter are used."""
    count = bytes_for(len(vector))
    padded = Cat(vector, Const(0, 8 * count - len(vector)))
    return padded.word_select(index[: (count - 1).bit_length()], 8) if count > 1 else padded
