"""A shell around a core with state: each step is taken once and in order, or not at all."""

from __future__ import annotations

import zlib

import pytest
from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out
from shell_faults import forget_repeats
from shell_line import DIVISOR, converse

from lgncc.host.frames import (
    ErrorCode,
    Features,
    Frame,
    FrameType,
    Ident,
    checksum,
    encode,
)
from lgncc.hw.sequence import SequenceFlags
from lgncc.hw.shell import Shell
from lgncc.hw.steps import StepReceiver

BUILD_ID = bytes.fromhex("c0db0123456789dc")
KEY = zlib.crc32(BUILD_ID)
EACH, LAST = SequenceFlags(first=True, last=False), SequenceFlags(first=True, last=True)
WIDTH = 13


def after(state, x):
    """Taking a step twice, or leaving one out, is seen in all later states."""
    return (5 * state + x + 1) % (1 << WIDTH)


class Accumulate(Component):
    """state = 5 * state + x + 1, from 0 at `first`; it is answered after `busy` cycles."""

    def __init__(self, flags, busy=0):
        self.flags, self.busy = flags, busy
        super().__init__(
            {"i": In(stream.Signature(WIDTH + flags.width)), "o": Out(stream.Signature(WIDTH))}
        )

    def elaborate(self, platform):
        m = Module()
        state, waited = Signal(WIDTH), Signal(16)
        first, answered = self.i.payload[WIDTH], self.flags.answered(self.i.payload)
        m.d.comb += self.i.ready.eq(~self.o.valid & (waited == 0))
        due = Signal()
        with m.If(self.i.valid & self.i.ready):
            before = Mux(first, 0, state)
            m.d.sync += [
                state.eq(5 * before + self.i.payload[:WIDTH] + 1),
                waited.eq(self.busy + 1),
                due.eq(answered),
            ]
        with m.Elif(waited != 0):
            m.d.sync += waited.eq(waited - 1)
            with m.If(waited == 1):
                m.d.sync += self.o.valid.eq(due)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.comb += self.o.payload.eq(state)
        return m


class Sequences:
    """What a host sends and must hear: `wires` and `answers`, by step."""

    def __init__(self, flags=EACH):
        self.flags = flags
        self.wires, self.answers, self.crcs, self.vectors = [], [], {}, []
        self._crc, self._state = KEY, 0

    def step(self, seq, x, *, first=False, last=False):
        kind = 4 + first + 2 * (last and self.flags.last)
        request = Frame(kind, seq, x.to_bytes(2, "little"))
        start = KEY if first else self._crc
        self._crc = checksum(request, start)
        self._state = after(0 if first else self._state, x)
        answered = last or not self.flags.last
        payload = self._state.to_bytes(2, "little") if answered else b""
        self.wires.append(encode(request, start))
        self.answers.append(Frame(FrameType.RESULT, seq, payload))
        self.crcs[seq] = self._crc
        flags = first | answered << 1 if self.flags.last else first
        self.vectors.append(x | flags << WIDTH)
        return self

    def start(self, kind, seq):
        return 0 if kind == FrameType.ERROR else self.crcs.get(seq)


def two_sequences(flags=EACH):
    found = Sequences(flags)
    for seq, x in enumerate((0x1000, 0xDBC, 0xC0, 0xC0DB & 0x1FFF, 7)):
        found.step(seq, x, first=seq == 0, last=seq == 4)
    return found.step(9, 0x1ABC, first=True).step(10, 1, last=True)


def talk(script, sequences, *, busy=0, answer_register=False):
    core = Accumulate(sequences.flags, busy)
    dut = Shell(
        core,
        divisor=DIVISOR,
        build_id=BUILD_ID,
        flags=sequences.flags,
        answer_register=answer_register,
    )
    return converse(dut, script, sequences.start)


def error(seq, code):
    return Frame(FrameType.ERROR, seq, bytes([code]))


@pytest.mark.parametrize(
    ("flags", "busy", "answer_register"),
    [(EACH, 0, False), (EACH, 1500, True), (LAST, 0, True), (LAST, 1500, False)],
)
def test_sequences_are_answered_step_by_step_or_at_their_end(flags, busy, answer_register):
    sequences = two_sequences(flags)
    script = [item for wire in sequences.wires for item in (wire, 400 if busy else 0)]
    heard = talk(script, sequences, busy=busy, answer_register=answer_register)
    assert heard.frames == sequences.answers
    assert heard.vectors == sequences.vectors


@pytest.mark.parametrize("flags", [EACH, LAST])
def test_ident_says_that_there_is_state_and_when_it_answers(flags):
    sequences = two_sequences(flags)
    sequences.crcs[7] = checksum(Frame(FrameType.IDENT, 7))
    (frame,) = talk([encode(Frame(FrameType.IDENT, 7))], sequences).frames
    features = Features.STATE | (Features.LAST_STEP if flags.last else Features(0))
    assert Ident.parse(frame.payload) == Ident(2, BUILD_ID, WIDTH, WIDTH, features)


def check_repeats(flags, answer_register=False):
    """Each step is sent three times, with an IDENT and a damaged frame between."""
    sequences = Sequences(flags).step(7, 0x1000, first=True).step(8, 0xC0)
    sequences.step(9, 5, last=True)
    script, expected = [], []
    ident = encode(Frame(FrameType.IDENT, 99))
    for wire, answer in zip(sequences.wires, sequences.answers, strict=True):
        damaged = bytearray(wire)
        damaged[-2] ^= 1  # of the CRC; it may become an escape, so any ERROR will do
        script += [wire, wire, ident, 200, bytes(damaged), wire, 60]
        expected += [answer] * 3
    heard = talk(script, sequences, answer_register=answer_register)
    assert [f for f in heard.frames if getattr(f, "type", 0) == FrameType.RESULT] == expected
    firsts = [v >> WIDTH & 1 for v in heard.vectors]
    assert [v for v, first in zip(heard.vectors, firsts, strict=True) if not first] == [
        v for v in sequences.vectors if not v >> WIDTH & 1
    ]


@pytest.mark.parametrize(("flags", "answer_register"), [(EACH, False), (LAST, True)])
def test_a_repeated_step_is_answered_again_and_not_taken_again(flags, answer_register):
    check_repeats(flags, answer_register)


def test_a_shell_that_takes_repeated_steps_is_refuted(monkeypatch):
    forget_repeats(monkeypatch)
    with pytest.raises(AssertionError):
        check_repeats(EACH)


def test_a_shell_that_knows_no_repeats_is_refuted(monkeypatch):
    monkeypatch.setattr(StepReceiver, "_is_repeated", lambda *_: Const(0))
    with pytest.raises(AssertionError):
        check_repeats(EACH)


@pytest.mark.parametrize("flags", [EACH, LAST])
def test_a_step_that_is_not_the_next_one_is_refused(flags):
    check_order(flags)


def test_a_shell_that_takes_steps_in_any_order_is_refuted(monkeypatch):
    monkeypatch.setattr(StepReceiver, "_crc_differs", lambda *_: Const(0))
    with pytest.raises(AssertionError):
        check_order(EACH)


def check_order(flags):
    s = two_sequences(flags)
    w, a = s.wires, s.answers
    # Left out, overtaken, from before the last one, of another sequence.
    other = Sequences(flags).step(20, 1, first=True).step(1, 0xDBC)
    script = [w[0], w[2], w[3], w[1], w[2], w[1], w[0], w[2], other.wires[1], w[1], w[2], w[3]]
    expected = [a[0], 2, 3, a[1], a[2], 1, a[0], 2, 1, a[1], a[2], a[3]]
    heard = talk([item for wire in script for item in (wire, 40)], s)
    assert heard.frames == [error(e, ErrorCode.CRC) if isinstance(e, int) else e for e in expected]
    taken = [s.vectors[i] for i in (0, 1, 2, 0, 1, 2, 3)]
    assert heard.vectors == taken


def test_before_any_first_step_there_is_no_sequence():
    s = two_sequences()
    plain = encode(Frame(FrameType.STEP, 1, b"ab"))
    infer = encode(Frame(FrameType.INFER, 1, b"ab"), KEY)
    last = encode(Frame(FrameType.STEP_ONLY, 1, b"ab"), KEY)
    heard = talk([s.wires[1], plain, 40, infer, last, 40, *s.wires[:2], infer, plain], s)
    assert heard.frames == [
        error(1, ErrorCode.SEQUENCE),
        error(1, ErrorCode.SEQUENCE),
        error(1, ErrorCode.TYPE),
        error(1, ErrorCode.TYPE),
        *s.answers[:2],
        error(1, ErrorCode.TYPE),
        error(1, ErrorCode.CRC),
    ]
    assert heard.vectors == s.vectors[:2]


@pytest.mark.parametrize("bit", [*range(8, 24, 4), *range(24, 96, 15)])
def test_no_flipped_bit_of_a_step_or_its_repeat_changes_what_follows(bit):
    """Whatever a damaged frame is taken for, the answers are those of the steps sent."""
    s = Sequences().step(2, 0x111, first=True).step(3, 0x222).step(4, 0x444)
    wires = [bytearray(w) for w in s.wires[:2]]
    assert all(len(w) == 12 for w in wires)
    broken = [bytes(flipped(w, bit)) for w in wires]
    script = [broken[0], 40, s.wires[0], 40, broken[0], 40, s.wires[0], 40]
    script += [broken[1], 40, s.wires[1], 40, broken[1], 40, s.wires[2], 40]
    heard = talk(script, s)
    good = [f for f in heard.frames if isinstance(f, Frame) and f.type == FrameType.RESULT]
    assert {f.seq: f for f in good} == {f.seq: f for f in s.answers}
    assert [v for v in heard.vectors if not v >> WIDTH] == s.vectors[1:]


def flipped(wire, bit):
    damaged = bytearray(wire)
    damaged[bit // 8 % len(wire)] ^= 1 << bit % 8
    return damaged
