"""Frames of the board link: every constant of the protocol, and the host's encoder and decoder.

The hardware (`lgncc.hw.link`, `lgncc.hw.slip`) imports its constants from here. The protocol is
specified in docs/reference/link-protocol.md. Plain Python, no third-party imports.

    END  type seq length(2) payload crc(4)  END        between the ENDs: SLIP-escaped (RFC 1055)

The CRC binds an answer to its question: it goes on from the CRC of what came before, `start`.

    build id ─▶ INFER ─▶ RESULT        (0) ─▶ IDENT ─▶ IDENT reply        (0) ─▶ ERROR

    build id ─▶ STEP_FIRST ─▶ STEP ─▶ STEP ─▶ ...      each ─▶ its RESULT
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from zlib import crc32

from lgncc.errors import InputError

PROTOCOL_VERSION = 2

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD

HEADER = Struct("<BBH")  # type, seq, length of the payload
CRC = Struct("<I")
OVERHEAD = HEADER.size + CRC.size
MAX_PAYLOAD = 0xFFFF
ENDS = 2  # an END before and after a frame
BITS_A_BYTE = 10  # of a UART, 8N1: start, eight data bits, stop

IDENT = Struct("<B8sHHB")  # protocol version, build id, input bits, output bits, `Features`
BUILD_ID_BYTES = 8

Starts = Callable[[int, int], int | None]
"""Of a received frame's type and seq, the CRC that its own goes on from; None: nobody asked."""


class FrameType(IntEnum):
    """First byte of a frame; bit 7 is set in responses."""

    INFER = 0x01
    IDENT = 0x02
    STEP = 0x04  # and its flags: bit 0, it begins a sequence; bit 1, it is the last of one
    STEP_FIRST = 0x05
    STEP_LAST = 0x06
    STEP_ONLY = 0x07
    RESULT = 0x81
    IDENT_REPLY = 0x82
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """The payload of an ERROR frame, and the `code` of a `FrameError`."""

    CRC = 1
    LENGTH = 2
    TYPE = 3
    WIRE = 4
    SEQUENCE = 5


class Features(IntFlag):
    """What a design has besides; a host must refuse a board with one that it does not know."""

    NONE = 0
    STATE = 1
    LAST_STEP = 2
    """Of the steps only the last of a sequence is answered, the others are acknowledged."""


ERROR_CODES: dict[int, str] = {
    ErrorCode.CRC: "bad CRC",
    ErrorCode.LENGTH: "bad length",
    ErrorCode.TYPE: "unknown type",
    ErrorCode.WIRE: "overrun, UART framing error or malformed escape",
    ErrorCode.SEQUENCE: "no sequence was begun since the reset",
}


def frame_bytes(payload_bytes: int) -> int:
    """Bytes of a frame on the wire, without escapes, which random data makes 1 % longer."""
    return ENDS + OVERHEAD + payload_bytes


def bytes_for(bits: int) -> int:
    """Bytes of a bit-packed vector: bit i is bit i % 8 of byte i // 8, the rest is zero."""
    return -(-bits // 8)


@dataclass(frozen=True)
class Frame:
    """One frame; `type` stays a plain int so that unknown types can be carried and reported."""

    type: int
    seq: int
    payload: bytes = b""


@dataclass(frozen=True)
class FrameError:
    """A received frame that is not one. `raw` is what stood between the ENDs, unescaped."""

    code: ErrorCode
    detail: str
    raw: bytes

    def __str__(self) -> str:
        return f"{ERROR_CODES[self.code]}: {self.detail}"


@dataclass(frozen=True)
class Ident:
    """What a board says of itself."""

    version: int
    build_id: bytes
    in_width: int
    out_width: int
    features: Features = Features.NONE

    def pack(self) -> bytes:
        """The payload of an IDENT reply."""
        if len(self.build_id) != BUILD_ID_BYTES:
            raise InputError(
                f"build id {self.build_id.hex()} has {len(self.build_id)} bytes, "
                f"the link carries exactly {BUILD_ID_BYTES}."
            )
        for name, width in (("input", self.in_width), ("output", self.out_width)):
            if not 1 <= width <= 0xFFFF:
                raise InputError(f"the {name} has {width} bits, the link carries 1 to 65,535.")
        return IDENT.pack(self.version, self.build_id, self.in_width, self.out_width, self.features)

    @classmethod
    def parse(cls, payload: bytes) -> Ident:
        """From the payload of an IDENT reply; InputError where this host cannot read it."""
        if payload[:1] and payload[0] != PROTOCOL_VERSION:
            raise InputError(
                f"the board speaks link protocol {payload[0]}, this lgncc speaks "
                f"{PROTOCOL_VERSION}.\n  Program it with a bitstream of this version."
            )
        if len(payload) != IDENT.size:
            raise InputError(
                f"the board's IDENT has {len(payload)} bytes instead of {IDENT.size}: "
                f"{payload.hex(' ')}\n  Is this port an lgncc board?"
            )
        version, build_id, in_width, out_width, features = IDENT.unpack(payload)
        if features & ~int(Features.STATE | Features.LAST_STEP):
            raise InputError(
                f"the board's design has features {features:#04x}, some of which this lgncc does "
                "not know.\n  Use the lgncc that built it."
            )
        return cls(version, build_id, in_width, out_width, Features(features))


def step_type(*, first: bool, last: bool) -> FrameType:
    """The type of a step. `last` is for designs with Features.LAST_STEP only."""
    return FrameType(FrameType.STEP | first | last << 1)


def checksum(frame: Frame, start: int = 0) -> int:
    """CRC-32 (ISO-HDLC, that of zlib) of the frame, going on from `start`."""
    header = HEADER.pack(frame.type, frame.seq, len(frame.payload))
    return crc32(header + frame.payload, start)


def encode(frame: Frame, start: int = 0) -> bytes:
    """The bytes on the wire, with an END before and after."""
    for name, value in (("type", frame.type), ("seq", frame.seq)):
        if not 0 <= value <= 0xFF:
            raise InputError(f"frame {name} {value} does not fit one byte (0 to 255).")
    if len(frame.payload) > MAX_PAYLOAD:
        raise InputError(
            f"a payload of {len(frame.payload):,} bytes does not fit one frame "
            f"({MAX_PAYLOAD:,} at most)."
        )
    body = HEADER.pack(frame.type, frame.seq, len(frame.payload)) + frame.payload
    return b"%c%b%c" % (END, _escape(body + CRC.pack(crc32(body, start))), END)


def plain_starts(kind: int, seq: int) -> int:
    """`Starts` of frames that nothing came before."""
    return 0


class Decoder:
    """Incremental: feed whatever arrived, get the frames that became complete.

    Whatever stands between two ENDs is one `Frame` or one `FrameError`; nothing at all is
    skipped. An error never reaches beyond its END. No more than a frame of `max_payload` is
    ever held, however long no END comes.
    """

    def __init__(self, starts: Starts = plain_starts, max_payload: int = MAX_PAYLOAD) -> None:
        self._starts = starts
        self._limit = 2 * (OVERHEAD + max_payload)  # each byte may be escaped
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame | FrameError]:
        """Frames and errors in the order in which their closing ENDs arrived."""
        *bodies, rest = data.split(b"%c" % END)
        frames = []
        for body in bodies:
            self._hold(body)
            if self._pending:
                frames.append(self._decode(bytes(self._pending)))
            self._pending.clear()
        self._hold(rest)
        return frames

    def _hold(self, data: bytes) -> None:
        """One byte above the limit tells that there were more."""
        self._pending += data[: self._limit + 1 - len(self._pending)]

    def _decode(self, body: bytes) -> Frame | FrameError:
        if len(body) > self._limit:
            return FrameError(ErrorCode.LENGTH, f"more than {self._limit:,} bytes", body)
        found = _parse(body)
        if isinstance(found, FrameError):
            return found
        frame, received, raw = found
        start = self._starts(frame.type, frame.seq)
        if start is None:
            detail = f"type {frame.type:#04x}, seq {frame.seq} answers no open request"
            return FrameError(ErrorCode.CRC, detail, raw)
        computed = checksum(frame, start)
        if received != computed:
            detail = f"received {received:08x}, computed {computed:08x}"
            return FrameError(ErrorCode.CRC, detail, raw)
        return frame


def _parse(body: bytes) -> tuple[Frame, int, bytes] | FrameError:
    """The frame, its CRC, not yet checked, and the bytes without escapes."""
    raw = _unescape(body)
    if raw is None:
        return FrameError(ErrorCode.WIRE, "an ESC is not followed by ESC_END or ESC_ESC", body)
    if len(raw) < OVERHEAD:
        return FrameError(ErrorCode.LENGTH, f"{len(raw)} bytes, a frame has {OVERHEAD}", raw)
    kind, seq, length = HEADER.unpack_from(raw)
    payload = raw[HEADER.size : -CRC.size]
    if length != len(payload):
        detail = f"the header says {length} payload bytes, {len(payload)} came"
        return FrameError(ErrorCode.LENGTH, detail, raw)
    (received,) = CRC.unpack(raw[-CRC.size :])
    return Frame(kind, seq, payload), received, raw


def _escape(body: bytes) -> bytes:
    body = body.replace(b"%c" % ESC, b"%c%c" % (ESC, ESC_ESC))  # first: the next line adds ESCs
    return body.replace(b"%c" % END, b"%c%c" % (ESC, ESC_END))


def _unescape(body: bytes) -> bytes | None:
    """None if an ESC is not followed by one of its two codes."""
    first, *escaped = body.split(b"%c" % ESC)
    plain = {ESC_END: b"%c" % END, ESC_ESC: b"%c" % ESC}
    if not all(part and part[0] in plain for part in escaped):
        return None
    return first + b"".join(plain[part[0]] + part[1:] for part in escaped)
