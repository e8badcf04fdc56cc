# amaranth: UnusedElaboratable=no
"""The program of a FoldedCore from the board's SPI flash, loaded into single-port RAM at start.

What is read is only run if its CRC-32 is the one that the bitstream was built with, so that a
bitstream never runs another one's program; until then it is read again.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.checksum import Checksum, register
from lgncc.hw.single_port import RAM_BITS, SinglePortMemory, columns_for, room_for
from lgncc.hw.spi_flash import Flash, FlashReader, connect_flash
from lgncc.mapping.flash_image import in_order_of_spi, word_octets
from lgncc.mapping.program import Program

PAIRS = RAM_BITS // 2


class FlashProgram(Component):
    """The ports of `lgncc.hw.instructions.BlockProgram`; `ready` comes once the program is loaded.

    Without a platform the flash is a simulated one. Raises DesignError where the program is larger
    than the RAM.
    """

    fetch = None
    place = "in single-port RAM, from flash at start"

    def __init__(self, program: Program, flash: Flash) -> None:
        if len(program) > room_for(program.width):
            raise DesignError(
                f"folded: the program has {len(program):,} instructions of {program.width} bits; "
                f"the single-port RAM holds {room_for(program.width):,} of that width"
            )
        self.program = program
        self.flash = flash
        self.columns = columns_for(program.width)
        super().__init__(
            {
                "restart": In(1),
                "address": In(range(max(len(program), 2))),
                "word": Out(program.width),
                "there": Out(1, init=1),
                "ready": Out(1),
            }
        )

    @property
    def start_cycles(self) -> int:
        """Cycles from reset to the first in which `ready` is 1."""
        flash = self.flash
        pulses = PAIRS * self.columns * len(self.program) * flash.pulse_cycles
        return flash.ready_cycles + flash.seek_cycles + pulses + 4

    def image(self) -> bytes:
        """What stands in the flash at its offset."""
        return in_order_of_spi(self._octets())

    def _octets(self) -> bytes:
        return word_octets(self.program, RAM_BITS // 8 * self.columns)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = FlashReader(self.flash.pulse_cycles)
        connect_flash(m, reader, platform, self.flash, self.image())
        m.submodules.memory = memory = SinglePortMemory(RAM_BITS * self.columns, len(self.program))
        m.submodules.crc = crc = Checksum(bits=2)

        half = Signal(RAM_BITS)
        pair = Signal(range(PAIRS))
        column = Signal(self.columns, init=1)
        address = Signal.like(self.address)
        sought, done, write = Signal(), Signal(), Signal()
        taken = reader.strobe & ~done
        m.d.sync += [sought.eq(sought | reader.ready), write.eq(taken & (pair == PAIRS - 1))]
        m.d.comb += [
            reader.address.eq(self.flash.offset),
            reader.seek.eq(reader.ready & ~sought),
            reader.run.eq(1),
            reader.stop.eq(done),
            crc.bit.eq(reader.pair),
            crc.fold.eq(1),
            crc.shift.eq(taken),
        ]
        with m.If(taken):
            m.d.sync += [half.eq(Cat(half[2:], reader.pair)), pair.eq(pair + 1)]
        with m.If(write & ~done):
            m.d.sync += column.eq(column.rotate_left(1))
            with m.If(column[-1]):
                m.d.sync += address.eq(address + 1)
                with m.If(address == len(self.program) - 1):
                    m.d.sync += done.eq(1)
        m.d.comb += [
            memory.address.eq(Mux(done, self.address, address)),
            memory.data.eq(half.replicate(self.columns)),
            memory.write.eq(Mux(write & ~done, column, 0)),
            self.word.eq(memory.out),
        ]
        # In the cycle of the last write the CRC is complete; after it, the reader may still send.
        loaded = Signal()
        with m.If(write & ~done):
            m.d.sync += loaded.eq(crc.crc == register(self._octets()))
        m.d.sync += self.ready.eq(done & loaded)
        with m.If(done & ~loaded):
            m.d.comb += crc.restart.eq(1)
            m.d.sync += [done.eq(0), sought.eq(0), pair.eq(0), address.eq(0)]
        return m
