# amaranth: UnusedElaboratable=no
"""The board's SPI flash, read two bits a pulse of its clock: the reader, the pads, and a simulated
flash.

All pads are registers: what the reader wants in a cycle stands at the pins in the next one, and
what the flash showed there is read in the one after. Where the flash bears the clock of the design,
a pulse is half a cycle long; elsewhere it takes two cycles or more, low and then high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    Const,
    Instance,
    Module,
    Mux,
    Signal,
)
from amaranth.lib import io
from amaranth.lib.wiring import Component, In, Out

from lgncc.hw.pins import PinPorts, has_pads
from lgncc.hw.rom import Rom

WAKE_UP = 0xAB  # release from deep power-down, where an FPGA's own loader may leave the flash
READ_DUAL = 0x3B  # two bits a clock pulse; needs no setting of the flash, as four would
# From 3 us (Winbond W25Q128JV, tRES1) to 8 us (Puya P25Q32) and more, up to 100 MHz.
WAKE_CYCLES = 1 << 12
DUMMY_PULSES = 8
COMMAND_PULSES = 32 + DUMMY_PULSES


@dataclass(frozen=True)
class Flash:
    """A flash and how it is read.

    resource: as amaranth-boards calls it; offset: the first byte that is read; size: bytes of the
    flash; pulse_cycles: clock cycles of a pulse.
    """

    resource: str
    offset: int
    size: int
    pulse_cycles: int

    @property
    def pad_cycles(self) -> int:
        """From the cycle that asks for a pulse to the one that has its bits."""
        return 1 + self.pulse_cycles

    @property
    def seek_cycles(self) -> int:
        """From the cycle of `seek` to that of the first pulse of data."""
        return 1 + (1 + COMMAND_PULSES) * self.pulse_cycles

    @property
    def ready_cycles(self) -> int:
        """From reset to the cycle in which the reader is ready."""
        return 1 + 8 * self.pulse_cycles + WAKE_CYCLES


class FlashReader(Component):
    """Bits of the flash, the highest of a byte first, a pair a pulse.

    Ports: `ready`: Out(1), the flash is awake; `seek`: In(1), only once it is: read from byte
    `address`: In(24) on; `run`: In(1), another pair is wanted, for which `pulse`: Out(1) is 1 in
    the cycle that begins to ask for it; `strobe`: Out(1), `pair`: Out(2) has come, the bit that
    comes first lowest, `pad_cycles` after its pulse; `stop`: In(1), leave the flash alone until the
    next seek. And the pads: `cs`, `copi`, `drive`: Out(1); `clk`: Out(1), the level, or that there
    is a pulse in this cycle where it takes one; `dq`: In(2).
    """

    def __init__(self, pulse_cycles: int) -> None:
        self.pulse_cycles = pulse_cycles
        outputs = ("ready", "pulse", "strobe", "cs", "clk", "copi", "drive")
        inputs = ("seek", "run", "stop")
        ports = dict.fromkeys(outputs, Out(1)) | dict.fromkeys(inputs, In(1))
        super().__init__(ports | {"address": In(24), "pair": Out(2), "dq": In(2)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shift = Signal(32)
        count = Signal(range(max(WAKE_CYCLES, COMMAND_PULSES)))
        asked = Signal(self.pulse_cycles)
        left = Signal(range(self.pulse_cycles))  # cycles of a pulse that are still to come
        begin = Signal()
        last = self._shape_pulse(m, begin, left)
        m.d.comb += [self.copi.eq(shift[-1]), self.pair.eq(Cat(self.dq[1], self.dq[0]))]
        m.d.sync += Cat(asked, self.strobe).eq(Cat(self.pulse, asked))
        with m.If(last):
            m.d.sync += [shift.eq(shift << 1), count.eq(count - 1)]

        def obey() -> None:
            """What the ports ask for in this cycle wins over what the state does next."""
            m.d.comb += self.ready.eq(1)
            with m.If(self.seek | self.stop):
                m.d.sync += [self.cs.eq(0), asked.eq(0), self.strobe.eq(0), left.eq(0)]
                m.d.sync += shift.eq(Cat(self.address, Const(READ_DUAL, 8)))
                m.next = "READY"
            with m.If(self.seek):
                m.d.sync += count.eq(self.pulse_cycles - 1)
                m.next = "START"

        with m.FSM():
            with m.State("WAKE"):
                m.d.sync += [shift.eq(WAKE_UP << 24), count.eq(7), self.cs.eq(1)]
                m.next = "WAKING"
            with m.State("WAKING"):
                m.d.comb += [begin.eq(left == 0), self.drive.eq(1)]
                with m.If(last & (count == 0)):
                    m.d.sync += [self.cs.eq(0), count.eq(WAKE_CYCLES - 1)]
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    m.next = "READY"
            with m.State("READY"):
                obey()
            with m.State("START"):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    m.d.sync += [self.cs.eq(1), count.eq(COMMAND_PULSES - 1)]
                    m.next = "COMMAND"
                obey()
            with m.State("COMMAND"):
                m.d.comb += [begin.eq(left == 0), self.drive.eq(count >= DUMMY_PULSES)]
                with m.If(last & (count == 0)):
                    m.next = "DATA"
                obey()
            with m.State("DATA"):
                m.d.comb += [begin.eq(self.run & (left == 0)), self.pulse.eq(begin)]
                obey()
        return m

    def _shape_pulse(self, m: Module, begin: Signal, left: Signal) -> Any:
        """The clock's pad; whether this is the last cycle of a pulse."""
        if self.pulse_cycles == 1:
            m.d.comb += self.clk.eq(begin)
            return begin
        high = range(1, self.pulse_cycles // 2 + 1)
        m.d.comb += self.clk.eq(left.matches(*high))
        m.d.sync += left.eq(Mux(begin, self.pulse_cycles - 1, Mux(left == 0, 0, left - 1)))
        return left == 1


def connect_flash(
    m: Module, reader: FlashReader, platform: Any, flash: Flash, image: bytes
) -> None:
    """The reader to the board's flash, or to ports in place of its pins; without a platform, to a
    simulated one that holds `image` from byte `offset` on."""
    if not has_pads(platform) and not isinstance(platform, PinPorts):
        m.submodules.flash = simulated = SimulatedFlash(image, flash)
        m.d.comb += [
            simulated.cs.eq(reader.cs),
            simulated.clk.eq(reader.clk),
            simulated.copi.eq(reader.copi),
            reader.dq.eq(simulated.dq),
        ]
        return
    if isinstance(platform, PinPorts):
        platform.connect_flash(m, reader, _clock_level(m, reader))
        return
    wires = [wire.name for wire in platform.lookup(flash.resource).ios]
    pins = platform.request(flash.resource, dir=dict.fromkeys(wires, "-"))
    if "dq" in wires:
        first = pins.dq[0]
        # Both ways, because yosys grounds what nothing drives of a port that goes both ways.
        m.submodules.dq1_pad = dq1 = io.FFBuffer("io", pins.dq[1])
        m.submodules.rest_pads = rest = io.Buffer("o", pins.dq[2:])  # write protect, hold
        m.d.comb += rest.o.eq(~0)
    else:
        # For a platform that names them by what they are in a command, they have one direction.
        first = io.SingleEndedPort(pins.copi.io, invert=pins.copi.invert, direction="io")
        m.submodules.dq1_pad = dq1 = io.FFBuffer("i", pins.cipo)
        for name in ("wp", "hold"):
            if name in wires:
                m.submodules[f"{name}_pad"] = io.Buffer("o", getattr(pins, name))  # 0: not active
    m.submodules.cs_pad = cs = io.FFBuffer("o", pins.cs)
    m.submodules.dq0_pad = dq0 = io.FFBuffer("io", first)
    m.d.comb += [
        cs.o.eq(reader.cs),
        dq0.o.eq(reader.copi),
        dq0.oe.eq(reader.drive),
        reader.dq.eq(Cat(dq0.i, dq1.i)),
    ]
    level = _clock_level(m, reader)
    if "clk" in wires:
        m.submodules.clk_pad = clk = io.Buffer("o", pins.clk)
        m.d.comb += clk.o.eq(level)
    else:  # ECP5: the pin is the configuration's own
        m.submodules.clk_pad = Instance("USRMCLK", i_USRMCLKI=level, i_USRMCLKTS=Const(0, 1))


def _clock_level(m: Module, reader: FlashReader) -> Any:
    """What the flash's clock is in the cycle after the one that says it.

    A pulse of one cycle is high in its second half. Of the two registers that make it, one changes
    in the middle of the cycle and the other at its end, so that no glitch can come between; that
    needs no cell of a family's own, nor one whose delay must be known.
    """
    after = Signal()
    m.d.sync += after.eq(reader.clk)
    if reader.pulse_cycles > 1:
        return after
    m.domains.middle = ClockDomain("middle", clk_edge="neg", reset_less=True, local=True)
    m.d.comb += ClockSignal("middle").eq(ClockSignal())
    rise, fall = Signal(), Signal(reset_less=True)
    m.d.middle += rise.eq(rise ^ after)
    m.d.sync += fall.eq(rise)
    return rise ^ fall


ROW_BITS = 512
FLASH_MODULE = "lgncc_flash"


class SimulatedFlash(Component):
    """An SPI flash behind pads, with `image` from byte `flash.offset` on: asleep until it is woken.

    Ports as the pads of FlashReader, `clk` in its two meanings. The pins follow in the next cycle:
    the flash samples in a pulse and shows the next bits from the pulse's end on.
    """

    def __init__(self, image: bytes, flash: Flash) -> None:
        self.image = image
        self.flash = flash
        super().__init__({"cs": In(1), "clk": In(1), "copi": In(1), "dq": Out(2)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Long rows keep the Verilog short.
        step = ROW_BITS // 8
        filled = self.image.ljust(-(-len(self.image) // step) * step, b"\xff")
        rows = np.frombuffer(filled, np.uint8).reshape(-1, step)
        m.submodules.rom = row = Rom(FLASH_MODULE, rows, ROW_BITS)
        cs, clk, copi = Signal(), Signal(), Signal()  # the pins
        m.d.sync += [cs.eq(self.cs), clk.eq(self.clk), copi.eq(self.copi)]
        ends = Signal()  # with this cycle, a pulse
        m.d.comb += ends.eq(clk if self.flash.pulse_cycles == 1 else clk & ~self.clk)
        awake, reading = Signal(), Signal()
        command = Signal(32)
        count = Signal(range(COMMAND_PULSES + 1))
        position = Signal(27)  # pairs from the start of the image
        following = Signal.like(position)
        m.d.comb += following.eq(position)
        with m.If(~cs):
            m.d.sync += [count.eq(0), reading.eq(0)]
            with m.If((count == 8) & (command[:8] == WAKE_UP)):
                m.d.sync += awake.eq(1)
        with m.Elif(ends):
            with m.If(count < 32):
                m.d.sync += command.eq(Cat(copi, command))
            with m.If(count != COMMAND_PULSES):
                m.d.sync += count.eq(count + 1)
            with m.Else():
                m.d.comb += following.eq(position + 1)
            with m.If(count == COMMAND_PULSES - 1):
                m.d.comb += following.eq((command[:24] - self.flash.offset)[:24] << 2)
                m.d.sync += reading.eq(awake & (command[24:] == READ_DUAL))
        m.d.sync += position.eq(following)
        # The highest pair of a byte comes first, and of a pair the higher bit on the second pin.
        in_row = (ROW_BITS // 2).bit_length() - 1
        pair = Cat(~position[:2], position[2:in_row])
        m.d.comb += row.address.eq(following[in_row:])
        m.d.sync += self.dq.eq(Mux(reading, row.data.word_select(pair, 2), 0b11))
        return m
