# amaranth: UnusedElaboratable=no
"""The program of a FoldedCore from the board's SPI flash, loaded into single-port RAM at start.

iCE40 UltraPlus has a megabit of RAM that a bitstream cannot initialise (SPRAM). The program stands
in the flash behind the bitstream. What is read is only run if its CRC-32 is the one that the
bitstream was built with, so that a bitstream never runs another one's program.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import io
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.checksum import Checksum, register
from lgncc.mapping.program import Program

WAKE_UP = 0xAB  # release from deep power-down, where the FPGA's own loader leaves the flash
READ = 0x03
WAKE_CYCLES = 1 << 12  # 3 us and more up to 100 MHz (Winbond W25Q128JV, tRES1)

RAM_DEPTH = 1 << 14  # SB_SPRAM256KA is 16,384 words of 16 bits
RAM_BITS = 16
RAMS = 4


class FlashReader(Component):
    """The flash's bits from byte `offset` on, one every other cycle, each byte's highest first.

    Ports: `bit`: Out(1), new where `strobe`: Out(1) is 1; `stop`: In(1), no more are wanted; the
    four pins of the flash.
    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        outputs = ("bit", "strobe", "cs", "clk", "copi")
        super().__init__(dict.fromkeys(outputs, Out(1)) | {"stop": In(1), "cipo": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shift = Signal(32)
        count = Signal(range(WAKE_CYCLES))
        m.d.comb += [self.copi.eq(shift[-1]), self.bit.eq(self.cipo)]
        with m.If(self.cs):
            m.d.sync += self.clk.eq(~self.clk)
            with m.If(self.clk):
                m.d.sync += [shift.eq(shift << 1), count.eq(count - 1)]
        with m.FSM():
            with m.State("WAKE"):
                m.d.sync += [shift.eq(WAKE_UP << 24), count.eq(7), self.cs.eq(1)]
                m.next = "WAKING"
            with m.State("WAKING"), m.If(self.clk & (count == 0)):
                m.d.sync += [self.cs.eq(0), count.eq(WAKE_CYCLES - 1)]
                m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    m.d.sync += [shift.eq(READ << 24 | self.offset), count.eq(31), self.cs.eq(1)]
                    m.next = "COMMAND"
            with m.State("COMMAND"), m.If(self.clk & (count == 0)):
                m.next = "DATA"
            with m.State("DATA"):
                # The flash moves on at the falling edge and we read before the rising one.
                m.d.comb += self.strobe.eq(self.cs & ~self.clk)
                with m.If(self.stop):
                    m.d.sync += [self.cs.eq(0), self.clk.eq(0)]
        return m


class FlashProgram(Component):
    """The ports of `lgncc.hw.instructions.BlockProgram`; `ready` comes once the program is loaded.

    Without a platform the flash is a simulated one. Raises DesignError where the program is larger
    than the RAM.
    """

    def __init__(self, program: Program, offset: int) -> None:
        self.program = program
        self.offset = offset
        self.columns, self.banks = require_room(program)
        super().__init__(
            {
                "address": In(range(max(len(program), 2))),
                "word": Out(program.width),
                "ready": Out(1),
            }
        )

    def image(self) -> bytes:
        """What stands in the flash at `offset`. SPI sends the highest bit of a byte first; the
        lowest is wanted first."""
        octets = np.frombuffer(self._octets(), np.uint8)
        return np.packbits(np.unpackbits(octets, bitorder="little")).tobytes()

    def _octets(self) -> bytes:
        words = self.program.words.astype("<u8").view(np.uint8).reshape(-1, 8)
        return words[:, : 2 * self.columns].tobytes()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = FlashReader(self.offset)
        flash = self._flash(m, platform)
        m.d.comb += [
            flash.cs.eq(reader.cs),
            flash.clk.eq(reader.clk),
            flash.copi.eq(reader.copi),
            reader.cipo.eq(flash.cipo),
        ]

        half = Signal(RAM_BITS)
        bit = Signal(range(RAM_BITS))
        column = Signal(range(max(self.columns, 2)))
        write_address = Signal(range(self.banks * RAM_DEPTH))
        full, write, done = Signal(), Signal(), Signal()
        m.submodules.crc = crc = Checksum()
        m.d.comb += [crc.bit.eq(reader.bit), crc.fold.eq(1), reader.stop.eq(done)]
        m.d.comb += crc.shift.eq(reader.strobe & ~done)
        with m.If(reader.strobe & ~done):
            m.d.sync += [half.eq(Cat(half[1:], reader.bit)), bit.eq(bit + 1)]
            m.d.comb += full.eq(bit == RAM_BITS - 1)
        m.d.sync += write.eq(full)
        with m.If(write):
            m.d.sync += column.eq(column + 1)
            with m.If(column == self.columns - 1):
                m.d.sync += [column.eq(0), write_address.eq(write_address + 1)]
                with m.If(write_address == len(self.program) - 1):
                    m.d.sync += done.eq(1)
        m.d.sync += self.ready.eq(done & (crc.crc == register(self._octets())))

        address = Mux(done, self.address, write_address)
        address = Cat(address, Const(0, 16))[:16]
        bank = Signal(2)
        m.d.sync += bank.eq(address[14:])
        rows = []
        for b in range(self.banks):
            row = []
            for c in range(self.columns):
                m.submodules[f"ram{b}_{c}"] = ram = SinglePortRam()
                m.d.comb += [
                    ram.address.eq(address),
                    ram.data.eq(half),
                    ram.write.eq(write & (column == c) & (address[14:] == b)),
                ]
                row.append(ram.out)
            rows.append(Cat(row))
        with m.Switch(bank):
            for b, row in enumerate(rows):
                with m.Case(b):
                    m.d.comb += self.word.eq(row)
        return m

    def _flash(self, m: Module, platform: Any) -> Any:
        """The pins of the flash; without a platform, those of a simulated one."""
        if platform is None:
            m.submodules.flash = simulated = SimulatedFlash(self.image(), self.offset)
            return simulated
        names = ("cs", "clk", "copi", "cipo", "wp", "hold")
        pins = platform.request("spi_flash_1x", dir=dict.fromkeys(names, "-"))
        flash = SimpleNamespace()
        for name in names:
            direction = "i" if name == "cipo" else "o"
            m.submodules[f"{name}_pin"] = pin = io.Buffer(direction, getattr(pins, name))
            setattr(flash, name, getattr(pin, direction))
        m.d.comb += [flash.wp.eq(0), flash.hold.eq(0)]
        return flash


def require_room(program: Program) -> tuple[int, int]:
    """RAMs side by side and RAMs behind each other that hold the program.

    Raises DesignError where there are not as many.
    """
    columns = 1 << (-(-program.width // RAM_BITS) - 1).bit_length()  # 1, 2 or 4
    banks = RAMS // columns
    capacity = banks * RAM_DEPTH
    if len(program) > capacity:
        raise DesignError(
            f"folded: the program has {len(program):,} instructions of {program.width} bits; "
            f"the single-port RAM holds {capacity:,} of that width"
        )
    return columns, banks


class SinglePortRam(Component):
    """SB_SPRAM256KA; without a platform, a memory that does the same.

    Ports: `address`: In(14), `data`: In(16), `write`: In(1); `out`: Out(16), a cycle later.
    """

    def __init__(self) -> None:
        super().__init__(
            {"address": In(14), "data": In(RAM_BITS), "write": In(1), "out": Out(RAM_BITS)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform is None:
            m.submodules.memory = memory = Memory(shape=RAM_BITS, depth=RAM_DEPTH, init=[])
            read, write = memory.read_port(), memory.write_port()
            m.d.comb += [read.addr.eq(self.address), self.out.eq(read.data)]
            m.d.comb += [
                write.addr.eq(self.address),
                write.data.eq(self.data),
                write.en.eq(self.write),
            ]
            return m
        m.submodules.ram = Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(),
            i_ADDRESS=self.address,
            i_DATAIN=self.data,
            i_MASKWREN=Const(0xF, 4),
            i_WREN=self.write,
            i_CHIPSELECT=Const(1, 1),
            i_STANDBY=Const(0, 1),
            i_SLEEP=Const(0, 1),
            i_POWEROFF=Const(1, 1),  # active low
            o_DATAOUT=self.out,
        )
        return m


class SimulatedFlash(Component):
    """An SPI flash with `image` at byte `offset`, for simulation: asleep until it is woken.

    Clocked by the clock of who reads it, which must hold `clk` for whole cycles.
    """

    def __init__(self, image: bytes, offset: int) -> None:
        self.image = image
        self.offset = offset
        super().__init__({"cs": In(1), "clk": In(1), "copi": In(1), "cipo": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=8, depth=max(len(self.image), 2), init=self.image
        )
        octet = memory.read_port()
        awake, reading, before = Signal(), Signal(), Signal()
        command = Signal(32)
        count = Signal(range(33))
        position = Signal(27)  # bits from the start of the image
        following = Signal.like(position)
        m.d.comb += following.eq(position)
        m.d.sync += before.eq(self.clk)
        with m.If(~self.cs):
            m.d.sync += [count.eq(0), reading.eq(0)]
            with m.If((count == 8) & (command[:8] == WAKE_UP)):
                m.d.sync += awake.eq(1)
        with m.Elif(self.clk & ~before):
            with m.If(count != 32):
                m.d.sync += [count.eq(count + 1), command.eq(Cat(self.copi, command))]
            with m.Else():
                m.d.comb += following.eq(position + 1)
            with m.If(count == 31):
                address = Cat(self.copi, command[:23])
                m.d.comb += following.eq((address - self.offset) << 3)
                m.d.sync += reading.eq(awake & (command[23:31] == READ))
        m.d.sync += position.eq(following)
        m.d.comb += [
            octet.addr.eq(following[3:]),
            self.cipo.eq(~reading | Cat(octet.data[::-1]).bit_select(position[:3], 1)),
        ]
        return m
