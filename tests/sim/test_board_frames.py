"""The bench's own frames, held against the protocol's document and the host's codec."""

from __future__ import annotations

from pathlib import Path
from random import Random
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from lgncc.host.frames import Decoder, Frame, FrameError, FrameType, encode
from lgncc.sim import board_frames
from lgncc.sim.uart import byte_levels

BUILD_ID = bytes.fromhex("0123456789abcdef")
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "link-protocol.md"


def read_levels(levels):
    """Bytes of complete frames of ten levels with a start and a stop bit."""
    assert len(levels) % 10 == 0
    rows = [levels[at : at + 10] for at in range(0, len(levels), 10)]
    assert all((row[0], row[9]) == (0, 1) for row in rows)
    return bytes(sum(bit << i for i, bit in enumerate(row[1:9])) for row in rows)


def test_crc_of_the_documents_check_string():
    assert board_frames.crc(b"123456789") == 0xCBF43926


def test_the_handwritten_request_is_the_documents_example():
    assert f"IDENT request, seq 0: {board_frames.IDENT_REQUEST.hex(' ')}" in DOCUMENT.read_text()


def test_the_documents_infer_example():
    sent = board_frames.wire(board_frames.body(1, 84, bytes.fromhex("0bc002")), before=BUILD_ID)
    assert f"INFER, seq 84: {sent.hex(' ')}" in DOCUMENT.read_text()


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40), st.binary(max_size=9))
def test_both_encoders_agree(kind, seq, payload, before):
    ours = board_frames.wire(board_frames.body(kind, seq, payload), before=before)
    assert ours == encode(Frame(kind, seq, payload), crc32(before))


@given(st.binary(min_size=1, max_size=30), st.integers(1, 0xBF), st.sampled_from([1, *range(4, 8)]))
def test_no_damaged_frame_is_a_good_request(payload, seq, kind):
    faults = board_frames.faults(payload, seq, crc32(BUILD_ID), kind)
    assert len({fault.name for fault in faults}) == len(faults) == 21
    for fault in faults[:-1]:
        (found,) = Decoder(lambda found, _: crc32(BUILD_ID) if found == kind else 0).feed(
            read_levels(fault.levels)
        )
        good = isinstance(found, Frame) and (
            (found.type == kind and len(found.payload) == len(payload))
            or (found.type == FrameType.IDENT and not found.payload)
        )
        assert isinstance(found, FrameError) or not good, fault.name


def test_a_byte_without_stop_bit_is_one_low_level_longer():
    payload = b"\x12\x34"
    *_, fault = board_frames.faults(payload, 9, crc32(BUILD_ID))
    plain = byte_levels(board_frames.wire(board_frames.body(1, 9, bytes(2))))
    assert len(fault.levels) == len(plain) + 1
    assert plain[59] == 1
    assert fault.levels[59:61] == [0, 1]
    assert fault.levels[61:] == plain[60:]


def test_random_damage_changes_one_bit():
    frame = board_frames.wire(board_frames.body(1, 9, b"abc"))
    clean = byte_levels(frame)
    for damage in (board_frames.flipped_byte, board_frames.flipped_level):
        for seed in range(50):
            damaged = damage(frame, Random(seed))
            assert sum(a != b for a, b in zip(clean, damaged, strict=True)) == 1
