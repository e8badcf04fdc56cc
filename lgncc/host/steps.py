"""The host's side of sequences: what to send next, given what came back. No I/O, no clock.

The CRC of a step goes on from that of the step before. So the board takes each once and in order,
whatever is sent, and the CRC of an answer says that it did. What is left to do is to send
steps again that got lost, and to begin a sequence anew where its answers cannot come any more.
docs/reference/link-protocol.md says what is relied upon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lgncc.host.frames import (
    END,
    Decoder,
    ErrorCode,
    Frame,
    FrameError,
    FrameType,
    checksum,
    encode,
    step_type,
)
from lgncc.host.window import SEQS, Packed, open_requests, pace_bytes

MAX_OPEN = 64
"""Steps: an answer's seq then still tells those to come from those long ago."""
MAX_FAILURES = 32
"""In a row: on a line that loses two of three frames, one step in 400,000 has as many."""


@dataclass(slots=True)
class _Step:
    """begin: where its sequence begins; crc: known once it was sent; answer: as it came."""

    payload: bytes
    begin: int
    first: bool
    last: bool
    crc: int = 0
    answer: bytes | None = None


class StepWindow:
    """Asks steps, in sequences one after another; `add` may be called at any time.

    in_bytes, out_bytes: of a step and its answer; key, core_bytes: as of Window. answers_last: of a
    sequence only the last step is answered. max_open: more than one is quicker, but a lost answer
    then takes its whole sequence again.
    """

    def __init__(
        self,
        in_bytes: int,
        out_bytes: int,
        key: int,
        core_bytes: int = 0,
        *,
        answers_last: bool = False,
        max_open: int = MAX_OPEN,
    ) -> None:
        self.answered = 0
        """Steps before the first that has no answer and needs one."""
        self.sendings = 0
        self.faults = 0
        """Received frames that were no answer: damaged, ERRORs, or answers to nobody."""
        self.restarts = 0
        """How often a sequence was begun anew."""
        self._steps: list[_Step] = []
        self._out_bytes = out_bytes
        self._key = key
        self._answers_last = answers_last
        self._pace = pace_bytes(out_bytes, core_bytes)
        self._most = self.size = min(open_requests(in_bytes, self._pace), max_open)
        self._careful_until = 0  # one at a time, up to this step
        # Of the steps: the board is known to have taken those before, they are sent, they were sent
        # since a sequence was begun anew.
        self._taken = self._sent = self._high = 0
        self._draining = 0  # frames that are still to come before anything is sent
        self._failures = 0
        self._decoder = Decoder(self._start, out_bytes)

    def add(self, payloads: Packed, *, first: bool, last: bool = True) -> None:
        """The next steps of one sequence, uint8 (n, in_bytes): its first, its last, or neither."""
        begin = len(self._steps) if first or not self._steps else self._steps[-1].begin
        n = len(payloads)
        self._steps += [
            _Step(row.tobytes(), begin, first and i == 0, last and i == n - 1)
            for i, row in enumerate(payloads)
        ]

    @property
    def done(self) -> bool:
        return self.answered == len(self._steps)

    @property
    def retries(self) -> int:
        """Steps sent more than once."""
        return max(self.sendings - len(self._steps), 0)

    def __len__(self) -> int:
        return len(self._steps)

    def answers(self, since: int = 0) -> Packed:
        """Answers uint8 (n, out_bytes), of those of the steps from `since` on that are answered."""
        found = [s.answer for s in self._steps[since:] if s.answer]
        return np.frombuffer(b"".join(found), np.uint8).reshape(len(found), self._out_bytes)

    @property
    def waiting(self) -> bool:
        """Nothing can be sent before something has come."""
        full = self._sent - self._taken >= self.size
        return full or self._draining > 0 or self._sent == len(self._steps)

    def to_send(self, limit: int) -> bytes:
        """About `limit` bytes for the line; empty if `waiting`."""
        out = bytearray()
        while len(out) < limit and not self.waiting:
            index = self._sent
            step = self._steps[index]
            start = self._key if step.first else self._steps[index - 1].crc
            kind = step_type(first=step.first, last=self._answers_last and step.last)
            frame = Frame(kind, index % SEQS, step.payload)
            step.crc = checksum(frame, start)
            wire = encode(frame, start)
            out += b"%c" % END * (self._pace - len(wire)) + wire
            self.sendings += 1
            self._sent += 1
            self._high = max(self._high, self._sent)
        return bytes(out)

    def receive(self, data: bytes) -> int:
        """Take what came; how many steps it said were taken."""
        # Frame by frame: what one says may change what step the next one's seq is of.
        pieces = re.findall(b"[^%c]*%c|[^%c]+" % (END, END, END), data)
        return sum(self._receive(frame) for piece in pieces for frame in self._decoder.feed(piece))

    def resend(self) -> None:
        """Take everything that is open for lost."""
        if self._draining:
            self._draining = 0
            self._settle()
        else:
            self._fail()

    def _receive(self, frame: Frame | FrameError) -> bool:
        result = isinstance(frame, Frame) and frame.type == FrameType.RESULT
        taken = isinstance(frame, Frame) and result and self._take(frame)
        self.faults += not result
        if self._draining:
            self._draining -= 1
            if not self._draining:
                self._settle()
        elif isinstance(frame, FrameError):
            self._fail()
        elif self.answered < self._taken:
            self._slow_down(self._sent - self._taken)
        elif not result and not self._taken - self.size <= self._index(frame.seq) < self._taken:
            # Not of one that was taken, and came twice.
            self._fail(lost=frame.payload == bytes([ErrorCode.SEQUENCE]))
        return taken

    def _index(self, seq: int) -> int:
        """The step of this seq that was sent last; negative where there is none."""
        return self._high - 1 - (self._high - 1 - seq) % SEQS

    def _start(self, kind: int, seq: int) -> int | None:
        if kind == FrameType.RESULT and (index := self._index(seq)) >= 0:
            return self._steps[index].crc
        return 0 if kind == FrameType.ERROR else None

    def _is_answered(self, step: _Step) -> bool:
        return step.last or not self._answers_last

    def _take(self, frame: Frame) -> bool:
        """A RESULT whose CRC is right: the board took this step, and all before it, once. Whether
        that is news."""
        index = self._index(frame.seq)
        step = self._steps[index]
        if len(frame.payload) != self._out_bytes * self._is_answered(step):
            return False
        step.answer = frame.payload
        if index < self._taken:  # it was asked for twice
            return False
        self._failures = 0
        self._taken = index + 1
        self._sent = max(self._sent, self._taken)
        while self.answered < self._taken and self._has_what_it_needs(self.answered):
            self.answered += 1
        if self._taken >= self._careful_until:
            self.size = self._most
        return True

    def _has_what_it_needs(self, index: int) -> bool:
        step = self._steps[index]
        return step.answer is not None or not self._is_answered(step)

    def _fail(self, *, lost: bool = False) -> None:
        """What is open must be sent again; where the board has `lost` the sequence, all of it."""
        if self._taken == len(self._steps):
            return
        if self.size > 1:
            self._slow_down(self._sent - self._taken - 1)
            return
        self._failures += 1
        if lost or self._failures > MAX_FAILURES:
            self._begin_anew()
        else:
            self._sent = self._taken

    def _slow_down(self, still_to_come: int) -> None:
        """One at a time up to the end of the sequence, once nothing is on its way any more."""
        following = range(self.answered + 1, len(self._steps))
        self._careful_until = next((i for i in following if self._steps[i].first), len(self._steps))
        self.size = 1
        self._draining = still_to_come
        if not still_to_come:
            self._settle()

    def _settle(self) -> None:
        """An answer that was overtaken comes no more."""
        if self.answered < self._taken:
            self._begin_anew()
        else:
            self._sent = self._taken

    def _begin_anew(self) -> None:
        """The sequence of the first step that lacks an answer."""
        self.restarts += 1
        self._failures = 0
        self._taken = self._sent = self._high = self._steps[self.answered].begin
