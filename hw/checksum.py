"""CRC-32 (ISO-HDLC, that of zlib), some bits a cycle, the lowest bit of a byte first.

A byte lasts at least forty cycles on the wire. Taking it in eight of them makes the register 32
cells; taking it in at once would make it a hundred.
"""

from __future__ import annotations

from zlib import crc32

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal

POLYNOMIAL = 0xEDB88320  # reflected: the lowest bit is the first on the wire
ONES = 0xFFFF_FFFF


class Checksum(Elaboratable):
    """CRC-32 register: `shift` takes in `bit`, or with `fold` low turns the register around;
    of more than one `bits` the lowest first.

    `load` sets it to `value`, `restart` to its initial value; both come before `shift`.
    """

    def __init__(self, bits: int = 1) -> None:
        self.crc = Signal(32, init=ONES)
        self.value = Signal(32)
        self.bit, self.shift, self.fold = Signal(bits), Signal(), Signal()
        self.load, self.restart = Signal(), Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        after = self.crc
        for index, bit in enumerate(self.bit):
            before, after = after, Signal(32, name=f"after{index}")
            feedback = Signal(name=f"feedback{index}")
            turned = Cat(before[1:], before[0] & ~self.fold)
            m.d.comb += [
                feedback.eq(self.fold & (before[0] ^ bit)),
                after.eq(turned ^ Mux(feedback, POLYNOMIAL, 0)),
            ]
        with m.If(self.load):
            m.d.sync += self.crc.eq(self.value)
        with m.Elif(self.shift):
            m.d.sync += self.crc.eq(after)
        with m.If(self.restart):
            m.d.sync += self.crc.eq(ONES)
        return m


def register(data: bytes) -> int:
    """What the register holds after these bytes, the first of which came first of all."""
    return crc32(data) ^ ONES
