# amaranth: UnusedElaboratable=no
"""iCE40 UltraPlus' four single-port RAMs, which a bitstream cannot initialise, as one memory."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.hw.pins import has_pads

RAM_DEPTH = 1 << 14  # SB_SPRAM256KA is 16,384 words of 16 bits
RAM_BITS = 16
RAMS = 4


def columns_for(width: int) -> int:
    """RAMs side by side for words of `width` bits: 1, 2 or 4; more than there are where it is
    wider."""
    return 1 << (-(-width // RAM_BITS) - 1).bit_length()


def room_for(width: int) -> int:
    """Words of `width` bits that fit into all of them; 0 where it is wider."""
    return RAMS // columns_for(width) * RAM_DEPTH


class SinglePortMemory(Component):
    """`depth` words of `width` bits in RAMs side by side and behind each other.

    Ports: `address`: In, `data`: In(width), `write`: In(RAMs side by side), for each its 16 bits;
    `out`: Out(width), a cycle later.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.columns = -(-width // RAM_BITS)
        self.banks = -(-depth // RAM_DEPTH)
        super().__init__(
            {
                "address": In(range(max(depth, 2))),
                "data": In(width),
                "write": In(self.columns),
                "out": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        address = Cat(self.address, Const(0, RAM_BITS))[:RAM_BITS]
        within, bank = address[: RAM_DEPTH.bit_length() - 1], address[RAM_DEPTH.bit_length() - 1 :]
        read_bank = Signal.like(bank)
        m.d.sync += read_bank.eq(bank)
        data = Cat(self.data, Const(0, RAM_BITS))
        rows = []
        for b in range(self.banks):
            row = []
            for c in range(self.columns):
                m.submodules[f"ram{b}_{c}"] = ram = SinglePortRam()
                m.d.comb += [
                    ram.address.eq(within),
                    ram.data.eq(data[c * RAM_BITS : (c + 1) * RAM_BITS]),
                    ram.write.eq(self.write[c] & (bank == b)),
                ]
                row.append(ram.out)
            rows.append(Cat(row))
        with m.Switch(read_bank):
            for b, row in enumerate(rows):
                with m.Case(b):
                    m.d.comb += self.out.eq(row)
        return m


class SinglePortRam(Component):
    """SB_SPRAM256KA; where there are no cells of a family, a memory that does the same.

    Ports: `address`: In(14), `data`: In(16), `write`: In(1); `out`: Out(16), a cycle later.
    """

    def __init__(self) -> None:
        super().__init__(
            {"address": In(14), "data": In(RAM_BITS), "write": In(1), "out": Out(RAM_BITS)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not has_pads(platform):
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
