# amaranth: UnusedElaboratable=no
"""The whole shell over its two wires: what it answers, and what it lets through to the core.

`lgncc.host.frames` is trusted here because tests/host/test_frames.py checks it against a naive
second implementation.
"""

from __future__ import annotations

import zlib

import pytest
from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out
from hypothesis import given, settings
from hypothesis import strategies as st
from shell_line import DIVISOR, BadByte, converse

from lgncc.errors import LgnccError
from lgncc.host.frames import END, ESC, ErrorCode, Frame, FrameType, Ident, encode
from lgncc.hw.link import RequestReceiver
from lgncc.hw.shell import Shell

BUILD_ID = bytes.fromhex("c0db0123456789dc")
KEY = zlib.crc32(BUILD_ID)


class Increment(Component):
    """out = in + 1 over `out_width` bits; stalls and latency from an LFSR, or a fixed stall."""

    def __init__(self, in_width=21, out_width=22, *, seed=0, stall=None):
        self.seed, self.stall = seed, stall
        super().__init__(
            {"i": In(stream.Signature(in_width)), "o": Out(stream.Signature(out_width))}
        )

    def elaborate(self, platform):
        m = Module()
        lfsr = Signal(16, init=self.seed or 1)
        m.d.sync += lfsr.eq(Cat(lfsr[15] ^ lfsr[14] ^ lfsr[12] ^ lfsr[3], lfsr))
        waited = Signal(16)
        with m.If(self.i.valid):
            m.d.sync += waited.eq(waited + 1)
        may_take = lfsr[:2].all() if self.stall is None else waited >= self.stall
        full = Signal()
        result = Signal.like(self.o.payload)
        m.d.comb += [
            self.i.ready.eq(may_take & ~full),
            self.o.payload.eq(result),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [full.eq(1), result.eq(self.i.payload + 1), waited.eq(0)]
        with m.If(full & lfsr[5]):
            m.d.sync += self.o.valid.eq(1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), full.eq(0)]
        return m


def starts(script):
    """What answers' CRCs go on from, by seq: the last frame in the script that has the seq."""
    wire = b"".join(
        bytes(i.value if isinstance(i, BadByte) else b"") if isinstance(i, (int, BadByte)) else i
        for i in script
    )
    found = {}
    for piece in wire.split(b"\xc0"):
        raw = piece.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
        if len(raw) >= 8:
            found[raw[1]] = zlib.crc32(raw[:-4], KEY if raw[0] == FrameType.INFER else 0)
    return lambda kind, seq: 0 if kind == FrameType.ERROR else found.get(seq)


def talk(script, core=None, **options):
    """Send the script to a shell around `core`, then listen until it has been quiet."""
    dut = Shell(core or Increment(), divisor=DIVISOR, build_id=BUILD_ID, **options)
    return converse(dut, script, starts(script))


def infer(seq, vector, in_width=21):
    payload = vector.to_bytes(-(-in_width // 8), "little")
    return encode(Frame(FrameType.INFER, seq, payload), KEY)


def result(seq, value, out_width=22):
    return Frame(FrameType.RESULT, seq, value.to_bytes(-(-out_width // 8), "little"))


def error(seq, code):
    return Frame(FrameType.ERROR, seq, bytes([code]))


GOOD = infer(9, 0x1234)
GOOD_ANSWER = result(9, 0x1235)


@pytest.mark.parametrize("between", [{}, {"answer_register": True}, {"core_domain": "sync"}])
@pytest.mark.parametrize("seed", [1, 77, 4242])
def test_good_frames_are_answered_in_order_with_their_seq(seed, between):
    vectors = [0, 1, 0x1FFFFF, 0x0DBC0, 0xC0DBC, 0xC0C0C, 0x1BDBDB]
    script = [infer(i, v) for i, v in enumerate(vectors)]
    heard = talk(script, Increment(seed=seed), **between)
    assert heard.frames == [result(i, v + 1) for i, v in enumerate(vectors)]
    assert heard.vectors == vectors


def test_every_payload_byte_value_and_seq_passes_both_ways():
    core = Increment(64, 64)
    script, expected = [], []
    for seq in range(0, 256, 8):
        payload = bytes(range(seq, seq + 8))
        script.append(encode(Frame(FrameType.INFER, seq, payload), KEY))
        value = int.from_bytes(payload, "little") + 1
        expected.append(Frame(FrameType.RESULT, seq, value.to_bytes(8, "little")))
    assert talk(script, core).frames == expected


def test_ident_tells_version_build_id_and_widths():
    (frame,) = talk([encode(Frame(FrameType.IDENT, 0xC0))]).frames
    assert (frame.type, frame.seq) == (FrameType.IDENT_REPLY, 0xC0)
    assert Ident.parse(frame.payload) == Ident(2, BUILD_ID, 21, 22)


@pytest.mark.parametrize(("in_width", "out_width"), [(1, 1), (8, 4), (9, 9), (2056, 65)])
def test_widths_from_one_bit_to_thousands(in_width, out_width):
    vector = (1 << in_width) - 2 if in_width > 1 else 0
    heard = talk([infer(5, vector, in_width)], Increment(in_width, out_width))
    assert heard.vectors == [vector]
    assert heard.frames == [result(5, (vector + 1) % (1 << out_width), out_width)]


def flip(wire, byte, bit):
    return wire[:byte] + bytes([wire[byte] ^ (1 << bit)]) + wire[byte + 1 :]


BAD_CRC = bytes([END, 1, 7, 3, 0, 1, 2, 3, 0x11, 0x22, 0x33, 0x44, END])
FAULTS = {
    "wrong CRC": (BAD_CRC, 7, ErrorCode.CRC),
    "wrong CRC, high byte only": (flip(GOOD, len(GOOD) - 2, 6), 9, ErrorCode.CRC),
    "a payload bit flipped": (flip(GOOD, 6, 0), 9, ErrorCode.CRC),
    "for another build": (encode(Frame(1, 9, bytes(3)), KEY ^ 1), 9, ErrorCode.CRC),
    "for no build": (encode(Frame(1, 9, bytes(3))), 9, ErrorCode.CRC),
    "the seq flipped": (flip(GOOD, 2, 1), 11, ErrorCode.CRC),
    "truncated in the payload": (GOOD[:7] + GOOD[-1:], 9, ErrorCode.LENGTH),
    "truncated in the CRC": (GOOD[:-2] + GOOD[-1:], 9, ErrorCode.LENGTH),
    "only a type": (bytes([END, 1, END]), 0, ErrorCode.LENGTH),
    "payload too long": (encode(Frame(1, 8, bytes(4))), 8, ErrorCode.LENGTH),
    "payload too long by 256": (encode(Frame(1, 8, bytes(259))), 8, ErrorCode.LENGTH),
    "payload too short": (encode(Frame(1, 8, bytes(2))), 8, ErrorCode.LENGTH),
    "no payload": (encode(Frame(1, 8)), 8, ErrorCode.LENGTH),
    "IDENT with a payload": (encode(Frame(2, 8, b"x")), 8, ErrorCode.LENGTH),
    "bytes after the CRC": (GOOD[:-1] + b"more" + GOOD[-1:], 9, ErrorCode.LENGTH),
    "a byte after the CRC": (GOOD[:-1] + b"\0" + GOOD[-1:], 9, ErrorCode.LENGTH),
    "unknown type": (encode(Frame(3, 8)), 8, ErrorCode.TYPE),
    "a response's type": (encode(Frame(0x81, 8, bytes(3))), 8, ErrorCode.TYPE),
    "malformed escape": (GOOD[:6] + bytes([ESC, 0]) + GOOD[6:], 9, ErrorCode.WIRE),
    "escape before END": (GOOD[:-1] + bytes([ESC, END]), 9, ErrorCode.WIRE),
}


def check_fault(wire, seq, code):
    """A faulty frame gets its error, the core sees nothing of it, the next frame is answered."""
    heard = talk([wire, GOOD])
    assert heard.vectors == [0x1234]
    assert heard.frames == [error(seq, code), GOOD_ANSWER]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_frame_is_answered_with_an_error_and_never_reaches_the_core(fault):
    check_fault(*FAULTS[fault])


def test_a_shell_without_crc_check_is_refuted(monkeypatch):
    monkeypatch.setattr(RequestReceiver, "_crc_differs", lambda *_: Const(0))
    with pytest.raises(AssertionError):
        check_fault(*FAULTS["a payload bit flipped"])


def test_a_byte_without_stop_bit_spoils_its_frame_only():
    heard = talk([GOOD[:6], BadByte(GOOD[6]), GOOD[7:], GOOD])
    assert heard.frames == [error(9, ErrorCode.WIRE), GOOD_ANSWER]
    assert heard.vectors == [0x1234]


def test_empty_frames_are_ignored_silently():
    heard = talk([bytes([END] * 5), GOOD, bytes([END] * 3), 40, GOOD[1:]])
    assert heard.frames == [GOOD_ANSWER] * 2


def test_garbage_between_frames_is_one_error_a_piece():
    heard = talk([b"noise", GOOD, b"\x01\x05more noise", GOOD])
    assert [(f.type, f.payload) for f in heard.frames] == [
        (FrameType.ERROR, bytes([ErrorCode.TYPE])),
        (GOOD_ANSWER.type, GOOD_ANSWER.payload),
        (FrameType.ERROR, bytes([ErrorCode.LENGTH])),
        (GOOD_ANSWER.type, GOOD_ANSWER.payload),
    ]


def test_a_frame_that_overruns_a_vector_in_wait_gets_an_error_and_mixes_nothing():
    heard = talk([infer(1, 0x111111), infer(2, 0x122222), 400, GOOD], Increment(stall=1200))
    assert heard.frames == [result(1, 0x111112), error(2, ErrorCode.WIRE), GOOD_ANSWER]
    assert heard.vectors == [0x111111, 0x1234]


def test_a_flood_of_requests_loses_frames_but_never_answers_wrongly():
    reply = Frame(FrameType.IDENT_REPLY, 0, Ident(2, BUILD_ID, 21, 22).pack())
    heard = talk([*(encode(Frame(FrameType.IDENT, i)) for i in range(20)), 600, GOOD])
    *flood, last = heard.frames
    assert last == GOOD_ANSWER
    good = [f for f in flood if f.type != FrameType.ERROR]
    assert all(f == Frame(reply.type, f.seq, reply.payload) for f in good)
    assert good[0].seq == 0
    assert len({f.seq for f in good}) == len(good) < 20
    assert {f.payload for f in flood if f.type == FrameType.ERROR} <= {bytes([ErrorCode.WIRE])}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_single_bits_and_bursts_never_reach_the_core(data):
    """CRC-32 sees every error burst of up to 32 bits; the escapes keep bursts inside the frame."""
    vector = data.draw(st.integers(0, (1 << 21) - 1))
    wire = infer(3, vector)
    start = data.draw(st.integers(0, 8 * len(wire) - 16))
    burst = data.draw(st.integers(1, 0xFFFF))
    broken = (int.from_bytes(wire, "little") ^ (burst << start)).to_bytes(len(wire), "little")
    heard = talk([broken, GOOD])
    assert set(heard.vectors) <= {vector, 0x1234}
    assert all(
        f in (result(3, vector + 1), GOOD_ANSWER) for f in heard.frames if f.type != FrameType.ERROR
    )


@pytest.mark.parametrize(
    ("core", "build_id", "message"),
    [
        ((8, 4), b"short", "has 5 bytes.*exactly 8"),
        ((65_536, 4), BUILD_ID, "input has 65536 bits"),
        ((8, 0), BUILD_ID, "output has 0 bits"),
    ],
)
def test_what_the_link_cannot_carry_is_refused(core, build_id, message):
    with pytest.raises(LgnccError, match=message):
        Shell(Increment(*core), divisor=4, build_id=build_id)
