"""Frames against a naive second implementation, the published CRC check value and damage.

Also the examples of docs/reference/link-protocol.md: the bytes printed there are the bytes sent.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgncc.errors import InputError
from lgncc.host import frames
from lgncc.host.frames import Decoder, ErrorCode, Frame, FrameError, FrameType, Ident, encode

DOC = Path(__file__).parents[2] / "docs" / "reference" / "link-protocol.md"


def naive_crc(data):
    """Bit by bit, as in the catalogue's definition of CRC-16/IBM-3740."""
    crc = 0xFFFF
    for byte in data:
        for i in range(7, -1, -1):
            top = (crc >> 15) ^ (byte >> i & 1)
            crc = (crc << 1) & 0xFFFF ^ (0x1021 if top else 0)
    return crc


def naive_encode(frame):
    length = len(frame.payload)
    body = [frame.type, frame.seq, length % 256, length // 256, *frame.payload]
    crc = naive_crc(body)
    wire = [0xC0]
    for byte in [*body, crc % 256, crc // 256]:
        wire += {0xC0: [0xDB, 0xDC], 0xDB: [0xDB, 0xDD]}.get(byte, [byte])
    return bytes([*wire, 0xC0])


awkward = st.sampled_from([0x00, 0xC0, 0xDB, 0xDC, 0xDD, 0xFF]) | st.integers(0, 255)
payloads = st.lists(awkward, max_size=40).map(bytes)
any_frame = st.builds(Frame, awkward, awkward, payloads)


def test_crc_has_the_published_check_value():
    assert frames.crc16(b"123456789") == 0x29B1 == naive_crc(b"123456789")


@given(any_frame)
def test_encode_agrees_with_the_naive_encoder(frame):
    assert encode(frame) == naive_encode(frame)


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
def test_no_burst_of_up_to_16_bits_makes_another_frame(frame, data):
    # On the bytes between the ENDs before escaping: a burst there is what CRC-16 promises to see.
    body = bytearray(naive_body(frame))
    start = data.draw(st.integers(0, 8 * len(body) - 1))
    burst = data.draw(st.integers(1, 0xFFFF)) << start
    flipped = int.from_bytes(body, "big") ^ (burst & ((1 << 8 * len(body)) - 1))
    damaged = naive_escape(flipped.to_bytes(len(body), "big"))
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
    return body + naive_crc(body).to_bytes(2, "little")


def naive_escape(body):
    codes = {0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}
    return b"\xc0" + b"".join(codes.get(b, bytes([b])) for b in body) + b"\xc0"


def test_a_decoder_without_crc_is_refuted(monkeypatch):
    monkeypatch.setattr(frames, "crc16", lambda _: 0x1234)
    sent = Frame(1, 7, b"abc")
    damaged = encode(Frame(1, 7, b"abd"))
    with pytest.raises(AssertionError):
        check_damage(sent, damaged, Decoder())


@pytest.mark.parametrize(
    ("between_ends", "code", "text"),
    [
        ("01 05", ErrorCode.LENGTH, "bad length: 2 bytes, a frame has 6"),
        ("01 05 02 00 aa 11 22", ErrorCode.LENGTH, "header says 2 payload bytes, 1 came"),
        ("02 05 00 00 00 00", ErrorCode.CRC, "bad CRC: received 0000, computed"),
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
    st.builds(Ident, st.just(1), st.binary(min_size=8, max_size=8), *[st.integers(1, 65_535)] * 2)
)
def test_ident_comes_back(ident):
    assert Ident.parse(ident.pack()) == ident


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x02" + bytes(12), "speaks link protocol 2, this lgncc speaks 1"),
        (b"\x01" + bytes(3), "IDENT has 4 bytes instead of 13: 01 00 00 00"),
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
        0x82, 0, bytes.fromhex("01 0123456789abcdef") + bytes([64, 1, 4, 0])
    ),
    "INFER, seq 7": Frame(0x01, 7, (0b1011 | 0xC0 << 8 | 0x2 << 16).to_bytes(3, "little")),
    "RESULT, seq 7": Frame(0x81, 7, b"\x05"),
    "ERROR, seq 7": Frame(0xFF, 7, b"\x01"),
}


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_specification_prints_the_bytes_that_are_sent(title):
    printed = dict(re.findall(r"^ {4}([^\n:]+): ((?:[0-9a-f]{2} ?)+)$", DOC.read_text(), re.M))
    assert set(printed) == set(EXAMPLES)
    wire = bytes.fromhex(printed[title])
    assert wire == naive_encode(EXAMPLES[title]) == encode(EXAMPLES[title])
    assert Decoder().feed(wire) == [EXAMPLES[title]]


@pytest.mark.parametrize("table", [FrameType, ErrorCode])
def test_the_specification_lists_every_type_and_code(table):
    numbers = {int(n, 0) for n in re.findall(r"^\| `(0x[0-9a-f]{2}|\d)` \|", DOC.read_text(), re.M)}
    assert set(table) <= numbers
