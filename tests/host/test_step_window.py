"""Sequences against a board in Python at the other end of a line that does what it likes.

The board keeps to the table of docs/reference/link-protocol.md, parses frames by itself, and its
answers tell every step that it ever took since the sequence began: taken twice, left out or
in another order, a step makes all later answers wrong.
"""

from __future__ import annotations

import hashlib
import zlib
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_line import Line, naive_escape

from lgncc.host.steps import MAX_FAILURES, MAX_OPEN, StepWindow

BUILD_ID = b"build id"
KEY = zlib.crc32(BUILD_ID)
IN_BYTES, OUT_BYTES = 3, 2


def after(state, payload):
    return hashlib.sha256(state + payload).digest()


class Board:
    """Bytes in, bytes out. `taken` counts steps; `checks_order` and `knows_repeats` can be off."""

    knows_repeats, checks_order = True, True

    def __init__(self, answers_last):
        self.answers_last, self.taken = answers_last, 0
        self.pending = b""
        self.reset()

    def reset(self):
        self.chain, self.state, self.answer = None, b"", b""

    def feed(self, data):
        *bodies, self.pending = (self.pending + data).split(b"\xc0")
        return b"".join(self.response(body) for body in bodies if body)

    def response(self, body):
        raw = body.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
        code = self.take(raw)
        if code:
            error = bytes([0xFF, raw[1] if len(raw) > 1 else 0, 1, 0, code])
            return naive_escape(error + zlib.crc32(error).to_bytes(4, "little"))
        answer = bytes([0x81, raw[1], len(self.answer), 0]) + self.answer
        return naive_escape(answer + zlib.crc32(answer, self.chain).to_bytes(4, "little"))

    def take(self, raw):
        kinds = (4, 5, 6, 7) if self.answers_last else (4, 5)
        if not raw or raw[0] not in kinds:
            return 3
        if not raw[0] & 1 and self.chain is None:
            return 5
        if len(raw) != 8 + IN_BYTES or raw[2:4] != bytes([IN_BYTES, 0]):
            return 2
        crc, first = int.from_bytes(raw[-4:], "little"), raw[0] & 1
        if not first and self.chain == crc and self.knows_repeats:
            return 0
        chain = zlib.crc32(raw[:-4], KEY if first else self.chain)
        if chain != crc and self.checks_order:
            return 1
        self.chain = chain
        self.state = after(b"" if first else self.state, raw[4:-4])
        self.answer = self.state[:OUT_BYTES] if not self.answers_last or raw[0] & 2 else b""
        self.taken += 1
        return 0


def payloads(lengths, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (n, IN_BYTES), dtype=np.uint8) for n in lengths]


def expected(sequences, answers_last):
    found = []
    for sequence in sequences:
        state = b""
        for index, row in enumerate(sequence):
            state = after(state, row.tobytes())
            if not answers_last or index == len(sequence) - 1:
                found.append(list(state[:OUT_BYTES]))
    return np.array(found, np.uint8).reshape(-1, OUT_BYTES)


def window(sequences, **options):
    asked = StepWindow(IN_BYTES, OUT_BYTES, KEY, **options)
    for sequence in sequences:
        asked.add(sequence, first=True)
    return asked


def talk(asked, board, random, rate=0.0, mishap=lambda: None, rounds=60_000, stale=0.05):
    """Until all is answered; a round in which nothing came counts as a timeout."""
    there, back = (Line(random, rate, stale=stale) for _ in range(2))
    for _ in range(rounds):
        if asked.done:
            return
        mishap()
        request = there.carry(asked.to_send(random.choice([1, 60, 500])))
        answer = back.carry(board.feed(request))
        if not asked.receive(answer) and not answer and asked.waiting:
            asked.resend()
    raise AssertionError(f"{asked.answered} of {len(asked)} answered")


def check(lengths, rate, seed, answers_last, max_open, mishaps=(), board=None):
    """Every answer is right; mishaps: what happens to the board, now and then, one by one."""
    random, board = Random(seed), board or Board(answers_last)
    sequences = payloads(lengths, seed)
    asked = window(sequences, answers_last=answers_last, max_open=max_open)

    left = list(mishaps)

    def mishap():
        if left and random.random() < 0.005:
            left.pop()(board)

    talk(asked, board, random, rate, mishap)
    np.testing.assert_array_equal(asked.answers(), expected(sequences, answers_last))
    return asked, board


def another_client(board):
    frame = bytes([5, 9, IN_BYTES, 0, 1, 2, 3])
    board.feed(naive_escape(frame + zlib.crc32(frame, KEY).to_bytes(4, "little")))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 120), max_size=4),
    st.sampled_from([0, 0.001, 0.01, 0.02]),
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from([1, 2, 7, MAX_OPEN]),
)
def test_every_answer_is_right_whatever_the_line_does(lengths, rate, seed, answers_last, max_open):
    asked, board = check(lengths, rate, seed, answers_last, max_open)
    if rate == 0:
        assert (asked.sendings, asked.faults, asked.restarts) == (sum(lengths), 0, 0)
        assert board.taken == sum(lengths)


@pytest.mark.parametrize("answers_last", [False, True])
@pytest.mark.parametrize("max_open", [1, MAX_OPEN])
@pytest.mark.parametrize("rate", [0, 0.01])
def test_a_thousand_steps_come_through_resets_and_other_clients(answers_last, max_open, rate):
    mishaps = [Board.reset, another_client] * 2
    asked, _ = check([1000, 3], rate, 5, answers_last, max_open, mishaps)
    assert asked.restarts > 0


def test_on_a_noisy_line_one_at_a_time_never_begins_anew():
    (sequence,) = payloads([1000], 1)
    asked = window([sequence], max_open=1)
    talk(asked, Board(answers_last=False), Random(1), rate=0.01, stale=0)
    assert asked.faults > 100
    assert asked.restarts == 0
    np.testing.assert_array_equal(asked.answers(), expected([sequence], answers_last=False))


def test_no_answer_of_a_board_that_took_a_step_twice_is_taken(monkeypatch):
    monkeypatch.setattr(Board, "knows_repeats", False)
    monkeypatch.setattr(Board, "checks_order", False)
    (sequence,) = payloads([5], 1)
    asked, board = window([sequence], max_open=1), Board(answers_last=False)
    assert asked.receive(board.feed(asked.to_send(1))) == 1
    board.feed(asked.to_send(1))
    asked.resend()
    assert asked.receive(board.feed(asked.to_send(1))) == 0
    assert (asked.answered, board.taken) == (1, 3)


def test_a_board_elsewhere_is_left_for_a_new_beginning_after_some_failures():
    (sequence,) = payloads([4], 1)
    asked, board = window([sequence], max_open=1), Board(answers_last=False)
    for _ in range(2):
        assert asked.receive(board.feed(asked.to_send(1))) == 1
    another_client(board)
    for _ in range(MAX_FAILURES + 1):
        assert asked.restarts == 0
        assert asked.receive(board.feed(asked.to_send(1))) == 0
    assert asked.restarts == 1
    talk(asked, board, Random(0))
    np.testing.assert_array_equal(asked.answers(), expected([sequence], answers_last=False))


def test_a_lost_answer_is_asked_for_once_more_and_the_step_not_taken_twice():
    (sequence,) = payloads([3], 1)
    asked, board = window([sequence], max_open=1), Board(answers_last=False)
    board.feed(asked.to_send(1))
    asked.resend()
    assert asked.receive(board.feed(asked.to_send(1))) == 1
    board.feed(asked.to_send(1))
    asked.resend()
    assert asked.receive(board.feed(asked.to_send(1))) == 1
    assert board.taken == 3  # the first one, which begins, twice
    talk(asked, board, Random(0))
    np.testing.assert_array_equal(asked.answers(), expected([sequence], answers_last=False))


def test_answers_of_before_a_crash_do_not_fit():
    """The host is back and begins anew; the board's old answers are still in the driver."""
    sequences = payloads([5, 5], 1)
    board = Board(answers_last=False)
    before = window(sequences[:1])
    stale = board.feed(before.to_send(10_000))
    asked = window(sequences[1:])
    request = asked.to_send(10_000)
    assert asked.receive(stale) == 0
    assert asked.answered == 0
    asked.receive(board.feed(request))
    talk(asked, board, Random(0))
    np.testing.assert_array_equal(asked.answers(), expected(sequences[1:], answers_last=False))


def test_steps_may_be_added_one_by_one():
    (sequence,) = payloads([300], 1)
    asked, board = window([], max_open=1), Board(answers_last=False)
    for index, row in enumerate(sequence):
        asked.add(row[None], first=index == 0)
        if index == 200:
            board.reset()
        talk(asked, board, Random(0))
        assert len(asked.answers(index)) == 1
    assert asked.restarts == 1
    np.testing.assert_array_equal(asked.answers(), expected([sequence], answers_last=False))
