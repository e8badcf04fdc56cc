"""A shell's two wires: bytes put on `rx` and read off `tx` by a few lines of Python that share
nothing with the hardware."""

from __future__ import annotations

from dataclasses import dataclass, field

from amaranth.sim import Simulator

from lgncc.host.frames import Decoder

DIVISOR = 4


@dataclass(frozen=True)
class BadByte:
    """On the wire: a byte whose stop bit is low."""

    value: int


@dataclass
class Heard:
    """What a conversation left: decoded responses and the vectors that the core took."""

    frames: list = field(default_factory=list)
    vectors: list = field(default_factory=list)


def wire_bits(script):
    """Line levels, one a bit time, of bytes, BadBytes and pauses (ints, in bit times)."""
    for item in script:
        if isinstance(item, int):
            yield from [1] * item
            continue
        values = [item.value] if isinstance(item, BadByte) else item
        for value in values:
            yield from [
                0,
                *((value >> i) & 1 for i in range(8)),
                int(not isinstance(item, BadByte)),
            ]
        if isinstance(item, BadByte):
            yield 1


def read_wire(levels):
    """Bytes from one line level a clock cycle."""
    found, at = bytearray(), 0
    while 0 in levels[at:]:
        at = levels.index(0, at) + DIVISOR // 2
        bits = levels[at : at + 10 * DIVISOR : DIVISOR]
        assert (bits[0], bits[9]) == (0, 1)
        found.append(sum(bit << i for i, bit in enumerate(bits[1:9])))
        at += 9 * DIVISOR
    return bytes(found)


def converse(dut, script, starts):
    """Send the script to a shell, then listen until it has been quiet; `starts`: a Decoder's."""
    core = dut.core
    heard, levels = Heard(), []

    async def bench(ctx):
        held = None
        quiet = 0
        bits = wire_bits(script)
        level = 1
        while quiet < 60 * DIVISOR:
            if len(levels) % DIVISOR == 0:
                level = next(bits, None)
                ctx.set(dut.rx, 1 if level is None else level)
            *_, tx, valid, ready, vector = await ctx.tick().sample(
                dut.tx, core.i.valid, core.i.ready, core.i.payload
            )
            levels.append(tx)
            quiet = quiet + 1 if level is None and tx and not valid else 0
            assert held in (None, vector), "a vector changed while the core was not ready"
            held = vector if valid and not ready else None
            if valid and ready:
                heard.vectors.append(vector)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    heard.frames = Decoder(starts).feed(read_wire(levels))
    return heard
