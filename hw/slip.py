"""SLIP (RFC 1055): bytes on one side, bytes and end-of-frame marks on the other.

A frame is what stands between two END bytes, and END occurs nowhere else, so that whatever
happens to one frame, the next begins at a known place.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import Component, In, Out

from lgncc.host.frames import END, ESC, ESC_END, ESC_ESC

# `end` set: the frame is over and `data` means nothing.
Token = StructLayout({"data": 8, "end": 1})

# `bad`, with `end`: bytes of the frame that ends here were lost or an escape was malformed.
CheckedToken = StructLayout({"data": 8, "end": 1, "bad": 1})


class SLIPDecoder(Component):
    """Bytes to tokens, through one register; a damaged frame's remaining bytes are swallowed.

    Ports: `i`: In(stream of 8 bits); `lost`: In(1), strobe: a byte was lost after the one now
    offered on `i`, if any; `o`: Out(stream of CheckedToken).
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "lost": In(1),
                "o": Out(stream.Signature(CheckedToken)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        byte = self.i.payload
        escaped = Signal()
        bad = Signal()
        gap = Signal()  # a byte was lost after the one that is still offered

        is_end = byte == END
        is_esc = (byte == ESC) & ~escaped
        malformed = escaped & (byte != ESC_END) & (byte != ESC_ESC)
        swallow = ~is_end & (is_esc | malformed | bad)
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid & ~swallow)
            m.d.sync += [
                self.o.payload.end.eq(is_end),
                self.o.payload.bad.eq(bad | escaped),
                self.o.payload.data.eq(Mux(escaped, Mux(byte == ESC_END, END, ESC), byte)),
            ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                escaped.eq(is_esc),
                bad.eq(Mux(is_end, 0, bad | malformed) | gap | self.lost),
                gap.eq(0),
            ]
        with m.Elif(self.lost):
            with m.If(self.i.valid):
                m.d.sync += gap.eq(1)
            with m.Else():
                m.d.sync += bad.eq(1)
        return m


class SLIPEncoder(Component):
    """Tokens to bytes, combinationally.

    Ports: `i`: In(stream of Token); `o`: Out(stream of 8 bits).
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(Token)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        token = self.i.payload
        escaped = Signal()  # ESC was sent, its code follows
        is_end = token.data == END
        needs_escape = ~token.end & (is_end | (token.data == ESC))
        m.d.comb += self.o.valid.eq(self.i.valid)
        with m.If(needs_escape & ~escaped):
            m.d.comb += self.o.payload.eq(ESC)
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += escaped.eq(1)
        with m.Else():
            m.d.comb += [
                self.o.payload.eq(
                    Mux(token.end, END, Mux(escaped, Mux(is_end, ESC_END, ESC_ESC), token.data))
                ),
                self.i.ready.eq(self.o.ready),
            ]
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += escaped.eq(0)
        return m
