"""The window against a board in Python at the other end of a line that does what it likes.

The board here parses frames by itself (`naive_*`), answers in order, and its answer is a function
of the vector that no other vector is likely to have.
"""

from __future__ import annotations

import zlib
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_line import Line, naive_escape

from lgncc.host.window import Window

BUILD_ID = b"build id"
KEY = zlib.crc32(BUILD_ID)


def naive_answer(payload):
    return zlib.crc32(b"answer" + payload).to_bytes(4, "little")[:2]


def naive_response(body, build_id=BUILD_ID):
    """The frame that answers what stood between two ENDs."""
    raw = body.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
    good = len(raw) > 8 and raw[0] == 1 and raw[2] + 256 * raw[3] == len(raw) - 8
    if not good or zlib.crc32(build_id + raw[:-4]) != int.from_bytes(raw[-4:], "little"):
        error = bytes([0xFF, raw[1] if len(raw) > 1 else 0, 1, 0, 1])
        return naive_escape(error + zlib.crc32(error).to_bytes(4, "little"))
    answer = bytes([0x81, raw[1], 2, 0]) + naive_answer(raw[4:-4])
    crc = zlib.crc32(build_id + raw[:-4] + answer)
    return naive_escape(answer + crc.to_bytes(4, "little"))


class Board:
    """Bytes in, bytes out."""

    def __init__(self):
        self.pending = b""

    def feed(self, data):
        *bodies, self.pending = (self.pending + data).split(b"\xc0")
        return b"".join(naive_response(body) for body in bodies if body)


def talk(window, random, rate, rounds=20_000):
    """Until all is answered; a round in which nothing came counts as a timeout."""
    board, there, back = Board(), Line(random, rate), Line(random, rate)
    for _ in range(rounds):
        if window.done:
            return
        request = there.carry(window.to_send(random.choice([1, 60, 500])))
        if not window.receive(back.carry(board.feed(request))) and window.waiting:
            window.resend()
    raise AssertionError(f"{window.answered} of {len(window.answers)} answered")


def payloads(n, size, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, size), dtype=np.uint8)


def expected(x):
    return np.array([list(naive_answer(row.tobytes())) for row in x], np.uint8).reshape(-1, 2)


@settings(max_examples=40)
@given(
    st.integers(0, 600),
    st.integers(1, 60),
    st.sampled_from([0, 0.001, 0.01, 0.03]),
    st.integers(0, 1000),
)
def test_every_answer_is_right_whatever_the_line_does(n, size, rate, seed):
    x = payloads(n, size, seed)
    asked = Window(x, 2, KEY)
    talk(asked, Random(seed), rate)
    np.testing.assert_array_equal(asked.answers, expected(x))
    if rate == 0:
        assert (asked.sendings, asked.faults) == (n, 0)


def test_an_answer_from_before_the_seq_came_round_is_not_taken():
    x = payloads(300, 5, 1)
    asked, said = Window(x, 2, KEY), []
    for number in range(270):
        (request,) = filter(None, asked.to_send(1).split(b"\xc0"))
        said.append(naive_response(request))
        if number < 256 + 13:
            assert asked.receive(said[-1]) == 1
    # Seq 13 is open again, for sample 269; the answer to sample 13 comes once more.
    assert asked.receive(said[13]) == 0
    assert asked.faults == 1
    assert asked.receive(said[269]) == 1
    np.testing.assert_array_equal(asked.answers[:270], expected(x)[:270])


def test_an_answer_of_another_build_is_not_taken():
    asked = Window(payloads(3, 5, 1), 2, KEY)
    (request,) = filter(None, asked.to_send(1).split(b"\xc0"))
    raw = request.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
    other = raw[:-4] + zlib.crc32(b"other id" + raw[:-4]).to_bytes(4, "little")
    for body in (request, naive_escape(other)[1:-1]):
        assert asked.receive(naive_response(body, b"other id")) == 0
    assert asked.answered == 0


def test_an_answer_tells_which_requests_before_it_are_lost():
    asked = Window(payloads(9, 5, 1), 2, KEY)
    sent = [asked.to_send(1) for _ in range(5)]
    assert asked.receive(Board().feed(sent[3])) == 1
    again = [asked.to_send(1) for _ in range(3)]
    assert again == sent[:3]
    assert asked.to_send(1) not in sent  # the fifth may still be on its way


@pytest.mark.parametrize(
    ("in_bytes", "out_bytes", "core_bytes", "longest"),
    [(40, 1, 0, 50), (3, 1, 0, 13), (3, 100, 0, 116), (3, 1, 200, 222)],
)
def test_requests_are_as_long_as_their_responses_take(in_bytes, out_bytes, core_bytes, longest):
    x = np.zeros((400, in_bytes), np.uint8)
    asked = Window(x, out_bytes, KEY, core_bytes)
    frames = [asked.to_send(1) for _ in range(asked.size)]
    assert asked.waiting
    assert asked.to_send(1) == b""
    assert min(map(len, frames)) >= longest
    assert max(map(len, frames)) <= longest + 5  # bytes of the CRC and seq may be escaped
    assert asked.size == min(8192 // longest, 255)
    assert all(frame.strip(b"\xc0").count(b"\xc0") == 0 for frame in frames)
