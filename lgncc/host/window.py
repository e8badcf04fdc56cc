"""The host's side of a conversation: what to send next, given what came back. No I/O, no clock.

A request stays open until the answer to exactly this request has come. The board answers in
order, so an answer tells of each request sent before it and not answered that it, or its answer,
is lost. docs/reference/link-protocol.md says what is relied upon.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lgncc.host.frames import (
    END,
    Decoder,
    Frame,
    FrameError,
    FrameType,
    checksum,
    encode,
    frame_bytes,
)

SEQS = 256
MAX_OPEN = SEQS - 1
OPEN_BYTES = 8192
"""On their way at once: the round trip of slow USB bridges, and less than drivers buffer."""
CLOCK_TOLERANCE = 1.05

Packed = npt.NDArray[np.uint8]


def pace_bytes(out_bytes: int, core_bytes: int) -> int:
    """The least a request takes on the wire, ENDs included, so that the board keeps up."""
    return int(CLOCK_TOLERANCE * (frame_bytes(out_bytes) + core_bytes)) + 1


def open_requests(in_bytes: int, pace: int) -> int:
    """How many fill the round trip of the link."""
    return max(OPEN_BYTES // max(frame_bytes(in_bytes), pace), 2)


@dataclass
class _Request:
    """`sent` is the number of its last sending, -1 before."""

    index: int
    wire: bytes
    crc: int
    sent: int = -1


class Window:
    """Asks all of `payloads`, uint8 (n, in_bytes); `answers`: uint8 (n, out_bytes).

    key: CRC-32 of the build id; core_bytes: the core's latency in byte times of the line.
    """

    def __init__(self, payloads: Packed, out_bytes: int, key: int, core_bytes: int = 0) -> None:
        n, in_bytes = payloads.shape
        self.answers = np.zeros((n, out_bytes), np.uint8)
        self.answered = 0
        self.sendings = 0
        self.faults = 0
        """Received frames that were no answer: damaged, ERRORs, or answers to nobody."""
        self._pace = pace_bytes(out_bytes, core_bytes)
        self.size = min(open_requests(in_bytes, self._pace), MAX_OPEN)
        self._payloads = payloads
        self._key = key
        self._next = 0
        self._seq = 0
        self._open: dict[int, _Request] = {}
        self._line: deque[tuple[int, int]] = deque()  # sendings (number, seq) in their order
        self._again: deque[int] = deque()
        self._decoder = Decoder(self._start, out_bytes)

    @property
    def done(self) -> bool:
        return self.answered == len(self.answers)

    @property
    def retries(self) -> int:
        """Requests sent more than once."""
        return max(self.sendings - len(self.answers), 0)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def waiting(self) -> bool:
        """Nothing can be sent before something has come."""
        return not self._again and (len(self._open) >= self.size or self._next == len(self.answers))

    def to_send(self, limit: int) -> bytes:
        """About `limit` bytes for the line; empty if `waiting`."""
        out = bytearray()
        while len(out) < limit and not self.waiting:
            seq = self._again.popleft() if self._again else self._ask()
            request = self._open.get(seq)
            if request is None:  # it was answered after all
                continue
            request.sent = self.sendings
            self._line.append((self.sendings, seq))
            self.sendings += 1
            out += b"%c" % END * (self._pace - len(request.wire)) + request.wire
        return bytes(out)

    def receive(self, data: bytes) -> int:
        """Take what came; how many samples it answered."""
        before = self.answered
        for frame in self._decoder.feed(data):
            if isinstance(frame, FrameError) or not self._take(frame):
                self.faults += 1
        return self.answered - before

    def resend(self) -> None:
        """Take everything that is open for lost."""
        self._line.clear()
        self._again = deque(self._open)

    def _ask(self) -> int:
        while self._seq in self._open:
            self._seq = (self._seq + 1) % SEQS
        seq = self._seq
        frame = Frame(FrameType.INFER, seq, self._payloads[self._next].tobytes())
        wire = encode(frame, self._key)
        self._open[seq] = _Request(self._next, wire, checksum(frame, self._key))
        self._next += 1
        self._seq = (seq + 1) % SEQS
        return seq

    def _start(self, kind: int, seq: int) -> int | None:
        if kind == FrameType.RESULT and seq in self._open:
            return self._open[seq].crc
        return 0 if kind == FrameType.ERROR else None

    def _take(self, frame: Frame) -> bool:
        """Whether the frame, whose CRC is right, answers an open request."""
        if frame.type != FrameType.RESULT or len(frame.payload) != self.answers.shape[1]:
            return False
        request = self._open.pop(frame.seq, None)
        if request is None:  # twice in what came at once
            return False
        self.answers[request.index] = np.frombuffer(frame.payload, np.uint8)
        self.answered += 1
        while self._line and self._line[0][0] <= request.sent:
            number, seq = self._line.popleft()
            overtaken = self._open.get(seq)
            if overtaken is not None and overtaken.sent == number:
                self._again.append(seq)
        return True
