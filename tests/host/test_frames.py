"""Frames against a naive second implementation, the published CRC check value and damage.

Also the examples of docs/reference/link-protocol.md: the bytes printed there are the bytes sent.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgncc.errors import InputError
from lgncc.host import frames
from lgncc.host.frames import (
    Decoder,
    ErrorCode,
    Features,
    Frame,
    FrameError,
    FrameType,
    Ident,
    checksum,
    encode,
)

DOC = Path(__file__).parents[2] / "docs" / "reference" / "link-protocol.md"


def naive_crc(data):
    """Bit by bit, as in the catalogue's definition of CRC-32/ISO-HDLC."""
    crc = 0xFFFFFFFF
    for byte in data:
        for i in range(8):
            odd = (crc ^ byte >> i) & 1
            crc = crc >> 1 ^ (0xEDB88320 if odd else 0)
    return crc ^ 0xFFFFFFFF


def naive_encode(frame, before=b""):
    length = len(frame.payload)
    body = bytes([frame.type, frame.seq, length % 256, length // 256, *frame.payload])
    return naive_escape(body + naive_crc(before + body).to_bytes(4, "little"))


awkward = st.sampled_from([0x00, 0xC0, 0xDB, 0xDC, 0xDD, 0xFF]) | st.integers(0, 255)
payloads = st.lists(awkward, max_size=40).map(bytes)
any_frame = st.builds(Frame, awkward, awkward, payloads)


def test_crc_has_the_published_check_value():
    assert naive_crc(b"123456789") == 0xCBF43926 == zlib.crc32(b"123456789")


@given(any_frame, st.binary(max_size=20))
def test_encode_agrees_with_the_naive_encoder(frame, before):
    assert encode(frame, zlib.crc32(before)) == naive_encode(frame, before)


@given(any_frame, any_frame)
def test_an_answer_fits_no_question_but_its_own(question, other):
    answer = Frame(FrameType.RESULT, question.seq, b"answer")
    wire = encode(answer, checksum(question))
    assert Decoder(lambda *_: checksum(question)).feed(wire) == [answer]
    if other != question:
        (fault,) = Decoder(lambda *_: checksum(other)).feed(wire)
        assert fault.code == ErrorCode.CRC


def test_an_answer_that_nobody_asked_for_is_no_frame():
    (fault,) = Decoder(lambda *_: None).feed(encode(Frame(0x81, 9, b"\0")))
    assert str(fault) == "bad CRC: type 0x81, seq 9 answers no open request"


@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_a_decoder_holds_no_more_than_a_frame_however_long_no_end_comes(size):
    decoder = Decoder(max_payload=10)
    for _ in range(100_000 // size):
        assert decoder.feed(b"x" * size) == []
        assert len(decoder._pending) <= 2 * 18 + 1
    last = Frame(1, 2, b"\xc0" * 10)
    first, second = decoder.feed(encode(last))
    assert str(first) == "bad length: more than 36 bytes"
    assert second == last


@given(st.lists(any_frame), st.data())
def test_frames_come_back_however_the_bytes_are_cut(sent, data):
    wire = b"".join(map(encode, sent))
    decoder, received = Decoder(), []
    while wire:
        size = data.draw(st.integers(1, len(wire)))
        received += decoder.feed(wire[:size])
        wire = wire[size:]
    assert received == sent


def test_the_longest_payload_comes_back():
    frame = Frame(1, 2, bytes([0xC0]) * frames.MAX_PAYLOAD)
    assert Decoder().feed(encode(frame)) == [frame]


def check_damage(sent, damaged, decoder):
    """Whatever a damaged frame decodes to, it is no frame that was not sent, and it ends there."""
    after = Frame(0x55, 0xAA, b"after")
    received = decoder.feed(damaged + encode(after))
    assert received[-1] == after
    assert all(isinstance(f, FrameError) or f == sent for f in received[:-1])


@given(any_frame, st.data())
def test_no_burst_of_up_to_32_bits_makes_another_frame(frame, data):
    # On the bytes between the ENDs before escaping: a burst there is what CRC-32 promises to see.
    body = bytearray(naive_body(frame))
    start = data.draw(st.integers(0, 8 * len(body) - 1))
    burst = data.draw(st.integers(1, 0xFFFFFFFF)) << start
    flipped = int.from_bytes(body, "little") ^ (burst & ((1 << 8 * len(body)) - 1))
    damaged = naive_escape(flipped.to_bytes(len(body), "little"))
    check_damage(frame, damaged, Decoder())


@given(any_frame, st.data())
def test_no_flipped_bit_on_the_wire_makes_another_frame(frame, data):
    wire = bytearray(encode(frame))
    bit = data.draw(st.integers(0, 8 * len(wire) - 1))
    wire[bit // 8] ^= 1 << bit % 8
    check_damage(frame, bytes(wire) + b"\xc0", Decoder())


def naive_body(frame):
    length = len(frame.payload)
    body = bytes([frame.type, frame.seq, length % 256, length // 256]) + frame.payload
    return body + naive_crc(body).to_bytes(4, "little")


def naive_escape(body):
    codes = {0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}
    return b"\xc0" + b"".join(codes.get(b, bytes([b])) for b in body) + b"\xc0"


def test_a_decoder_without_crc_is_refuted(monkeypatch):
    monkeypatch.setattr(frames, "crc32", lambda *_: 0x12345678)
    sent = Frame(1, 7, b"abc")
    damaged = encode(Frame(1, 7, b"abd"))
    with pytest.raises(AssertionError):
        check_damage(sent, damaged, Decoder())


@pytest.mark.parametrize(
    ("between_ends", "code", "text"),
    [
        ("01 05", ErrorCode.LENGTH, "bad length: 2 bytes, a frame has 8"),
        ("01 05 02 00 aa 11 22 33 44", ErrorCode.LENGTH, "header says 2 payload bytes, 1 came"),
        ("02 05 00 00 00 00 00 00", ErrorCode.CRC, "bad CRC: received 00000000, computed"),
        ("02 05 db 00", ErrorCode.WIRE, "an ESC is not followed by"),
        ("02 05 db", ErrorCode.WIRE, "an ESC is not followed by"),
    ],
)
def test_what_is_not_a_frame_says_why(between_ends, code, text):
    (fault,) = Decoder().feed(b"\xc0" + bytes.fromhex(between_ends) + b"\xc0")
    assert isinstance(fault, FrameError)
    assert fault.code == code
    assert text in str(fault)


def test_empty_frames_are_skipped():
    assert Decoder().feed(b"\xc0" * 7) == []


def test_every_error_code_has_a_name():
    assert set(frames.ERROR_CODES) == set(ErrorCode)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (Frame(256, 0), "type 256 does not fit one byte"),
        (Frame(1, -1), "seq -1 does not fit one byte"),
        (Frame(1, 0, bytes(65_536)), "65,536 bytes does not fit one frame"),
    ],
)
def test_encode_refuses_what_no_frame_can_carry(frame, message):
    with pytest.raises(InputError, match=message):
        encode(frame)


@given(
    st.builds(
        Ident,
        st.just(2),
        st.binary(min_size=8, max_size=8),
        *[st.integers(1, 65_535)] * 2,
        st.sampled_from([Features(0), Features.STATE, Features.STATE | Features.LAST_STEP]),
    )
)
def test_ident_comes_back(ident):
    assert Ident.parse(ident.pack()) == ident


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x01" + bytes(12), "speaks link protocol 1, this lgncc speaks 2"),
        (b"\x02" + bytes(3), "IDENT has 4 bytes instead of 14: 02 00 00 00"),
        (b"\x02" + bytes(12) + b"\x04", "features 0x04, some of which this lgncc does"),
        (b"", "has 0 bytes"),
    ],
)
def test_an_ident_that_cannot_be_read_says_why(payload, message):
    with pytest.raises(InputError, match=message):
        Ident.parse(payload)


@pytest.mark.parametrize(("bits", "size"), [(0, 0), (1, 1), (8, 1), (9, 2), (320, 40)])
def test_bits_are_packed_eight_a_byte(bits, size):
    assert frames.bytes_for(bits) == size


# What the specification's examples say in words, written down here independently of them.
EXAMPLES = {
    "IDENT request, seq 0": Frame(0x02, 0),
    "IDENT reply, seq 0": Frame(
        0x82, 0, bytes.fromhex("02 0123456789abcdef") + bytes([64, 1, 4, 0, 0])
    ),
    "INFER, seq 84": Frame(0x01, 84, (0b1011 | 0xC0 << 8 | 0x2 << 16).to_bytes(3, "little")),
    "RESULT, seq 84": Frame(0x81, 84, b"\x05"),
    "STEP, first, seq 7": Frame(0x05, 7, b"\x03"),
    "STEP, seq 8": Frame(0x04, 8, b"\x06"),
    "RESULT, seq 8": Frame(0x81, 8, b"\x01"),
    "ERROR, seq 7": Frame(0xFF, 7, b"\x01"),
}

BUILD_ID = bytes.fromhex("0123456789abcdef")
STEPS = BUILD_ID + bytes([0x05, 7, 1, 0, 0x03])
BEFORE = {
    "IDENT reply, seq 0": bytes([0x02, 0, 0, 0]),
    "INFER, seq 84": BUILD_ID,
    "RESULT, seq 84": BUILD_ID + bytes([0x01, 84, 3, 0, 0x0B, 0xC0, 0x02]),
    "STEP, first, seq 7": BUILD_ID,
    "STEP, seq 8": STEPS,
    "RESULT, seq 8": STEPS + bytes([0x04, 8, 1, 0, 0x06]),
}


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_specification_prints_the_bytes_that_are_sent(title):
    printed = dict(re.findall(r"^ {4}([^\n:]+): ((?:[0-9a-f]{2} ?)+)$", DOC.read_text(), re.M))
    assert set(printed) == set(EXAMPLES)
    wire = bytes.fromhex(printed[title])
    before = BEFORE.get(title, b"")
    assert wire == naive_encode(EXAMPLES[title], before)
    assert wire == encode(EXAMPLES[title], zlib.crc32(before))
    assert Decoder(lambda *_: zlib.crc32(before)).feed(wire) == [EXAMPLES[title]]


@pytest.mark.parametrize("table", [FrameType, ErrorCode])
def test_the_specification_lists_every_type_and_code(table):
    numbers = {int(n, 0) for n in re.findall(r"^\| `(0x[0-9a-f]{2}|\d)` \|", DOC.read_text(), re.M)}
    assert set(table) <= numbers
