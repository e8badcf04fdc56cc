# amaranth: UnusedElaboratable=no
"""The board's SPI flash, read two bits a clock cycle: the reader, the pads, and a simulated flash.

The reader's clock pulses are half a cycle long, as a double-data-rate pad makes them, so that the
flash runs at the clock of the design. All pads are registers: what the reader wants in a cycle
stands at the pins in the next one, and what the flash showed there is read in the one after.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import io
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

WAKE_UP = 0xAB  # release from deep power-down, where the FPGA's own loader leaves the flash
READ_DUAL = 0x3B  # two bits a clock pulse; needs no setting of the flash, as four would
WAKE_CYCLES = 1 << 12  # 3 us and more up to 100 MHz (Winbond W25Q128JV, tRES1)
DUMMY_PULSES = 8
COMMAND_PULSES = 32 + DUMMY_PULSES
PAD_CYCLES = 2  # from a pulse asked for to its bits
SEEK_CYCLES = 2 + COMMAND_PULSES
"""From the cycle of `seek` to that of the first pulse of data."""


def ready_cycles() -> int:
    """From reset to the cycle in which the reader is ready."""
    return 1 + 8 + WAKE_CYCLES


class FlashReader(Component):
    """Bits of the flash, the highest of a byte first, a pair a cycle.

    Ports: `ready`: Out(1), the flash is awake; `seek`: In(1), only once it is: read from byte
    `address`: In(24) on; `run`: In(1), another pair is wanted, for which `pulse`: Out(1) is 1 in
    the cycle that asks for it; `strobe`: Out(1), `pair`: Out(2) has come, the bit that comes first
    lowest, PAD_CYCLES after its pulse; `stop`: In(1), leave the flash alone until the next seek.
    And the pads: `cs`, `clk`, `copi`, `drive`: Out(1); `dq`: In(2).
    """

    def __init__(self) -> None:
        outputs = ("ready", "pulse", "strobe", "cs", "clk", "copi", "drive")
        inputs = ("seek", "run", "stop")
        ports = dict.fromkeys(outputs, Out(1)) | dict.fromkeys(inputs, In(1))
        super().__init__(ports | {"address": In(24), "pair": Out(2), "dq": In(2)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shift = Signal(32)
        count = Signal(range(max(WAKE_CYCLES, COMMAND_PULSES)))
        sent = Signal()
        m.d.comb += [self.copi.eq(shift[-1]), self.pair.eq(Cat(self.dq[1], self.dq[0]))]
        m.d.sync += [count.eq(count - 1), sent.eq(self.pulse), self.strobe.eq(sent)]
        with m.If(self.clk):
            m.d.sync += shift.eq(shift << 1)

        def obey() -> None:
            """What the ports ask for in this cycle wins over what the state does next."""
            m.d.comb += self.ready.eq(1)
            with m.If(self.seek | self.stop):
                m.d.sync += [self.cs.eq(0), sent.eq(0), self.strobe.eq(0)]
                m.d.sync += shift.eq(Cat(self.address, Const(READ_DUAL, 8)))
                m.next = "READY"
            with m.If(self.seek):
                m.next = "START"

        with m.FSM():
            with m.State("WAKE"):
                m.d.sync += [shift.eq(WAKE_UP << 24), count.eq(7), self.cs.eq(1)]
                m.next = "WAKING"
            with m.State("WAKING"):
                m.d.comb += [self.clk.eq(1), self.drive.eq(1)]
                with m.If(count == 0):
                    m.d.sync += [self.cs.eq(0), count.eq(WAKE_CYCLES - 1)]
                    m.next = "WAIT"
            with m.State("WAIT"), m.If(count == 0):
                m.next = "READY"
            with m.State("READY"):
                obey()
            with m.State("START"):
                m.d.sync += [self.cs.eq(1), count.eq(COMMAND_PULSES - 1)]
                m.next = "COMMAND"
                obey()
            with m.State("COMMAND"):
                m.d.comb += [self.clk.eq(1), self.drive.eq(count >= DUMMY_PULSES)]
                with m.If(count == 0):
                    m.next = "DATA"
                obey()
            with m.State("DATA"):
                m.d.comb += [self.pulse.eq(self.run), self.clk.eq(self.run)]
                obey()
        return m


def connect_flash(
    m: Module, reader: FlashReader, platform: Any, resource: str, image: bytes, offset: int
) -> None:
    """The reader to the board's flash; without a platform, to a simulated one that holds `image`
    from byte `offset` on."""
    if platform is None:
        m.submodules.flash = flash = SimulatedFlash(image, offset)
        m.d.comb += [
            flash.cs.eq(reader.cs),
            flash.clk.eq(reader.clk),
            flash.copi.eq(reader.copi),
            reader.dq.eq(flash.dq),
        ]
        return
    pins = platform.request(resource, dir={"cs": "-", "clk": "-", "dq": "-"})
    m.submodules.cs_pad = cs = io.FFBuffer("o", pins.cs)
    m.submodules.clk_pad = clk = io.DDRBuffer("o", pins.clk)
    m.submodules.dq0_pad = dq0 = io.FFBuffer("io", pins.dq[0])
    m.submodules.dq1_pad = dq1 = io.FFBuffer("i", pins.dq[1])
    m.submodules.rest_pads = rest = io.Buffer("o", pins.dq[2:])  # write protect, hold: not active
    m.d.comb += [
        cs.o.eq(reader.cs),
        clk.o[0].eq(0),
        clk.o[1].eq(reader.clk),
        dq0.o.eq(reader.copi),
        dq0.oe.eq(reader.drive),
        reader.dq.eq(Cat(dq0.i, dq1.i)),
        rest.o.eq(~0),
    ]


ROW_BITS = 512


class SimulatedFlash(Component):
    """An SPI flash behind pads, with `image` at byte `offset`: asleep until it is woken.

    Ports as the pads of FlashReader. A cycle with `clk` is a pulse at its pins in the next cycle:
    it samples at the rising edge in the middle and shows the next bits from the cycle's end on.
    """

    def __init__(self, image: bytes, offset: int) -> None:
        self.image = image
        self.offset = offset
        super().__init__({"cs": In(1), "clk": In(1), "copi": In(1), "dq": Out(2)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = ROW_BITS // 8
        # Long rows keep the Verilog short.
        rows = [
            int.from_bytes(self.image[at : at + step].ljust(step, b"\xff"), "little")
            for at in range(0, len(self.image), step)
        ]
        m.submodules.memory = memory = Memory(
            shape=unsigned(ROW_BITS), depth=max(len(rows), 2), init=rows
        )
        row = memory.read_port()
        cs, clk, copi = Signal(), Signal(), Signal()  # the pins
        m.d.sync += [cs.eq(self.cs), clk.eq(self.clk), copi.eq(self.copi)]
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
        with m.Elif(clk):
            with m.If(count < 32):
                m.d.sync += command.eq(Cat(copi, command))
            with m.If(count != COMMAND_PULSES):
                m.d.sync += count.eq(count + 1)
            with m.Else():
                m.d.comb += following.eq(position + 1)
            with m.If(count == COMMAND_PULSES - 1):
                m.d.comb += following.eq((command[:24] - self.offset)[:24] << 2)
                m.d.sync += reading.eq(awake & (command[24:] == READ_DUAL))
        m.d.sync += position.eq(following)
        # The highest pair of a byte comes first, and of a pair the higher bit on the second pin.
        in_row = (ROW_BITS // 2).bit_length() - 1
        pair = Cat(~position[:2], position[2:in_row])
        m.d.comb += row.addr.eq(following[in_row:])
        m.d.sync += self.dq.eq(Mux(reading, row.data.word_select(pair, 2), 0b11))
        return m
