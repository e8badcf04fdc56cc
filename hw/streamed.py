# amaranth: UnusedElaboratable=no
"""The program of a FoldedCore from the board's SPI flash, anew for every sample.

    flash ─▶ pairs of bits ─▶ words ─▶ block RAM, two chunks ─▶ word
                        └──▶ CRC of the chunk: is it the one that is wanted?

While the core runs a chunk, the next one comes. A chunk is there once its CRC is right; until then
it is read again. So no instruction runs that is not of this program and in its place.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.checksum import Checksum
from lgncc.hw.pace import Fetch
from lgncc.hw.spi_flash import Flash, FlashReader, connect_flash
from lgncc.mapping import flash_image
from lgncc.mapping.flash_image import CHUNK_WORDS, CRC_BYTES
from lgncc.mapping.program import Program

CRC_PAIRS = 4 * CRC_BYTES


def flash_room(program: Program, flash: Flash) -> int:
    """Instructions of this width that the flash holds."""
    return (flash.size - flash.offset) // flash_image.chunk_bytes(program) * CHUNK_WORDS


def fetch_of(program: Program, flash: Flash) -> Fetch:
    """How long a chunk of the program takes."""
    pulses = 4 * flash_image.chunk_bytes(program)
    return Fetch(flash.seek_cycles, pulses * flash.pulse_cycles)


class StreamedProgram(Component):
    """The ports of `lgncc.hw.instructions.BlockProgram`. `restart` begins to read the first chunk;
    `there`: Out(1), the word at `address` can be read; `address` only ever goes up by one.

    Without a platform the flash is a simulated one. Raises DesignError where it is too small.
    """

    place = "from flash, anew for every batch"

    def __init__(self, program: Program, flash: Flash) -> None:
        self.chunk_bytes = flash_image.chunk_bytes(program)
        self.n_chunks = flash_image.n_chunks(program)
        room = flash_room(program, flash)
        if len(program) > room:
            raise DesignError(
                f"folded: the program has {len(program):,} instructions of {program.width} bits; "
                f"the flash holds {room:,} of that width"
            )
        self.program = program
        self.flash = flash
        super().__init__(
            {
                "restart": In(1),
                "address": In(range(max(len(program), 2))),
                "word": Out(program.width),
                "there": Out(1),
                "ready": Out(1),
            }
        )

    @property
    def fetch(self) -> Fetch:
        """How long a chunk takes."""
        return fetch_of(self.program, self.flash)

    @property
    def start_cycles(self) -> int:
        """Cycles from reset to the first in which `ready` is 1."""
        return self.flash.ready_cycles

    def image(self) -> bytes:
        """What stands in the flash at its offset."""
        return flash_image.in_order_of_spi(flash_image.chunked(self.program))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = FlashReader(self.flash.pulse_cycles)
        connect_flash(m, reader, platform, self.flash, self.image())
        m.submodules.crc = crc = Checksum(bits=2)
        wanted = Signal(range(self.n_chunks + 1))  # the chunk that comes next; those before came
        start = Signal(24, init=self.flash.offset)  # of that chunk
        running = self.address[CHUNK_WORDS.bit_length() - 1 :]
        m.d.comb += [
            self.ready.eq(reader.ready),
            self.there.eq(wanted != running),
            reader.address.eq(start),
            crc.value.eq(wanted ^ flash_image.key_of(self.program)),
            crc.fold.eq(1),
            crc.bit.eq(reader.pair),
            crc.shift.eq(reader.strobe),
        ]
        ends_word, ends_chunk = self._ask(m, reader)
        self._store(m, reader, ends_word, wanted)
        came = Signal(self.flash.pad_cycles)  # the last pair of a chunk
        m.d.sync += came.eq(Cat(reader.pulse & ends_chunk, came))
        # Two chunks have room: the one that is run and the next.
        ahead = Cat(wanted, Const(0, 2))[:2] - Cat(running, Const(0, 2))[:2]
        has_room = ahead[:2] != 2

        def restartable() -> None:
            with m.If(self.restart):
                m.d.sync += [wanted.eq(0), start.eq(self.flash.offset)]
                m.next = "SEEK"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += reader.stop.eq(1)
                restartable()
            with m.State("SEEK"):
                m.d.comb += [reader.seek.eq(1), crc.load.eq(1)]
                m.next = "FETCH"
                restartable()
            with m.State("WAIT"):
                m.d.comb += crc.load.eq(1)
                with m.If(has_room):
                    m.next = "FETCH"
                restartable()
            with m.State("FETCH"):
                m.d.comb += reader.run.eq(1)
                with m.If(reader.pulse & ends_chunk):
                    m.next = "END"
                restartable()
            with m.State("END"):
                with m.If(reader.strobe & came[-1]):
                    m.next = "JUDGE"
                restartable()
            with m.State("JUDGE"):
                with m.If(crc.crc != 0):
                    m.next = "SEEK"
                with m.Else():
                    m.d.sync += [wanted.eq(wanted + 1), start.eq(start + self.chunk_bytes)]
                    m.next = "WAIT"
                    with m.If(wanted == self.n_chunks - 1):
                        m.next = "IDLE"
                restartable()
        return m

    def _ask(self, m: Module, reader: FlashReader) -> tuple[Any, Any]:
        """Whether the pair that a pulse asks for is the last of a word, and of the chunk."""
        word_pairs = flash_image.word_pairs(self.program)
        pair = Signal(range(max(word_pairs, CRC_PAIRS)))
        word = Signal(range(CHUNK_WORDS + 1))  # behind the words, the CRC
        in_crc = word == CHUNK_WORDS
        is_last = pair == Mux(in_crc, CRC_PAIRS - 1, word_pairs - 1)
        with m.If(reader.pulse):
            m.d.sync += pair.eq(pair + 1)
            with m.If(is_last):
                m.d.sync += [pair.eq(0), word.eq(Mux(in_crc, 0, word + 1))]
        with m.If(reader.seek):
            m.d.sync += [pair.eq(0), word.eq(0)]
        return is_last & ~in_crc, is_last & in_crc

    def _store(self, m: Module, reader: FlashReader, ends_word: Any, wanted: Signal) -> None:
        """Pairs that come to words, these to the wanted chunk's half of the memory."""
        complete = Signal(self.flash.pad_cycles)
        m.d.sync += complete.eq(Cat(reader.pulse & ends_word, complete))
        m.submodules.memory = memory = Memory(
            shape=unsigned(self.program.width), depth=2 * CHUNK_WORDS, init=[]
        )
        write, read = memory.write_port(), memory.read_port()
        coming = Signal(2 * flash_image.word_pairs(self.program))
        place = Signal(range(CHUNK_WORDS))
        m.d.comb += [
            write.addr.eq(Cat(place, wanted[0])),
            write.data.eq(Cat(coming[2:], reader.pair)),
            write.en.eq(reader.strobe & complete[-1]),
            read.addr.eq(self.address),
            self.word.eq(read.data),
        ]
        with m.If(reader.strobe):
            m.d.sync += coming.eq(Cat(coming[2:], reader.pair))
        with m.If(write.en):
            m.d.sync += place.eq(place + 1)
        with m.If(reader.seek):
            m.d.sync += place.eq(0)
