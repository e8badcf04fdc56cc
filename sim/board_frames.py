"""Frames made by hand from docs/reference/link-protocol.md, good ones and damaged ones.

Nothing here uses lgncc.host.frames but its names for types and codes, so that a mistake in
its encoder cannot hide the same mistake in the hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from lgncc.host.frames import BITS_A_BYTE, ErrorCode, FrameType
from lgncc.sim.uart import byte_levels

IDENT_REQUEST = bytes.fromhex("c0 02 00 00 00 97 17 4d 8b c0")
"""The protocol's own example: IDENT, seq 0."""


def crc(data: bytes, start: int = 0) -> int:
    """CRC-32/ISO-HDLC bit by bit, as a polynomial division; `start` is that of what came before."""
    register = start ^ 0xFFFF_FFFF
    for byte in data:
        for bit in range(8):
            feedback = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0xEDB88320 if feedback else 0)
    return register ^ 0xFFFF_FFFF


def body(kind: int, seq: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """What stands before the CRC; `length` is what the frame claims."""
    claimed = len(payload) if length is None else length
    return bytes([kind, seq, claimed & 0xFF, claimed >> 8]) + payload


def wire(content: bytes, checksum: int | None = None, before: bytes = b"") -> bytes:
    """The bytes on the line of a content and its CRC, which also covers what came `before`."""
    value = crc(before + content) if checksum is None else checksum
    escapes = {0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}
    plain = content + value.to_bytes(4, "little")
    return b"\xc0" + b"".join(escapes.get(b, bytes([b])) for b in plain) + b"\xc0"


@dataclass(frozen=True)
class Fault:
    """Levels on the line that must be answered with one ERROR of this code and seq."""

    name: str
    levels: list[int]
    code: ErrorCode
    seq: int


def faults(payload: bytes, seq: int, start: int, kind: FrameType = FrameType.INFER) -> list[Fault]:
    """One of each kind of damage to a frame with this payload, whose CRC goes on from `start`: that
    of the design's build id and, of a sequence, of the steps."""
    good = body(kind, seq, payload)
    right, n = crc(good, start), len(payload)
    flipped = body(kind, seq, bytes([payload[0] ^ 1]) + payload[1:])
    longer, shorter = payload + b"\x55", payload[:-1]
    plain = body(kind, seq, bytes(n))  # no byte of it is escaped
    found = [
        ("wrong CRC", wire(good, right ^ 0x0001), ErrorCode.CRC),
        ("wrong CRC in its last bit", wire(good, right ^ 0x8000_0000), ErrorCode.CRC),
        ("inverted CRC", wire(good, right ^ 0xFFFF_FFFF), ErrorCode.CRC),
        ("for another design", wire(good, crc(good, start ^ 0x1234)), ErrorCode.CRC),
        ("for no design", wire(good), ErrorCode.CRC),
        ("payload bit flipped", wire(flipped, right), ErrorCode.CRC),
        ("cut in the payload", b"\xc0" + plain[: 4 + n // 2] + b"\xc0", ErrorCode.LENGTH),
        ("cut before the CRC", b"\xc0" + plain + b"\xc0", ErrorCode.LENGTH),
        ("cut after the type", b"\xc0%c\xc0" % kind, ErrorCode.LENGTH),
        ("payload too long", wire(body(kind, seq, longer)), ErrorCode.LENGTH),
        ("payload too short", wire(body(kind, seq, shorter)), ErrorCode.LENGTH),
        ("length off by 256", wire(body(kind, seq, payload, n + 256)), ErrorCode.LENGTH),
        ("a byte after the CRC", wire(plain, crc(plain, start))[:-1] + b"\0\xc0", ErrorCode.LENGTH),
        ("IDENT with a payload", wire(body(FrameType.IDENT, seq, b"x")), ErrorCode.LENGTH),
        ("type 0", wire(body(0x00, seq, payload)), ErrorCode.TYPE),
        ("type 3", wire(body(0x03, seq)), ErrorCode.TYPE),
        ("a response's type", wire(body(FrameType.RESULT, seq, payload)), ErrorCode.TYPE),
        ("noise", b"\xc0n%cise\xc0" % seq, ErrorCode.TYPE),
        ("malformed escape", b"\xc0" + plain + b"\xdb\x00\xc0", ErrorCode.WIRE),
        ("escape before END", b"\xc0" + plain + b"\xdb\xc0", ErrorCode.WIRE),
    ]
    no_stop_bit = byte_levels(wire(plain))
    at = BITS_A_BYTE * 6 - 1  # of the first payload byte: END, type, seq, length, length, here
    no_stop_bit[at : at + 1] = [0, 1]
    return [
        *(
            Fault(name, byte_levels(sent), code, 0 if name == "cut after the type" else seq)
            for name, sent, code in found
        ),
        Fault("a byte without stop bit", no_stop_bit, ErrorCode.WIRE, seq),
    ]


def flipped_byte(frame: bytes, random: Random) -> list[int]:
    """The frame with one bit of one byte flipped, its ENDs included."""
    damaged = bytearray(frame)
    damaged[random.randrange(len(frame))] ^= 1 << random.randrange(8)
    return byte_levels(damaged)


def flipped_level(frame: bytes, random: Random) -> list[int]:
    """The frame with the line at the wrong level for one bit time, start and stop bits too."""
    levels = byte_levels(frame)
    levels[random.randrange(len(levels))] ^= 1
    return levels
