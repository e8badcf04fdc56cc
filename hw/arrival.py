"""ArrivalEncoder: packed features in, bit by bit; the bits that the network reads out.

    bit ─▶ feature ─▶ number >= threshold ─▶ o_bit
                              ▲
             entry ─▶ table ──┘

The table of lgncc.arrival stands in block RAM, and one comparator works through a feature's entries
once the last of the feature's bits is there.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.arrival import ArrivalTable


class ArrivalEncoder(Component):
    """Ports: `begin`: In(1), the next bit is a vector's first, while not `busy`; `bit`, `shift`:
    In(1), the vector's next bit, lowest first, while not `busy`; `busy`: Out(1); `encoded`, `emit`:
    Out(1), the next network input.

    Takes `cycles_an_entry` for each entry of the table. deep: two cycles instead of one, so that
    the table's memory has a cycle of its own: fast clocks need that.
    """

    def __init__(self, table: ArrivalTable, *, deep: bool = False) -> None:
        self.table = table
        self.deep = deep
        inputs, outputs = ("begin", "bit", "shift"), ("busy", "encoded", "emit")
        super().__init__(dict.fromkeys(inputs, In(1)) | dict.fromkeys(outputs, Out(1)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table = self.table
        width = table.feature_bits
        value = Signal(width, reset_less=True)
        count = Signal(range(width))  # of the bits in `value`
        comparing, step = Signal(), Signal()
        full = count == width - 1
        with m.If(self.shift):
            m.d.sync += [value.eq(Cat(value, self.bit)[1:]), count.eq(Mux(full, 0, count + 1))]
        with m.If(self.begin):
            m.d.sync += count.eq(0)

        m.submodules.table = memory = Memory(
            shape=unsigned(table.width), depth=max(len(table), 2), init=table.words.tolist()
        )
        port = memory.read_port()
        entry, upcoming = Signal(range(len(table) + 1)), Signal(range(len(table) + 1))
        m.d.comb += [upcoming.eq(Mux(self.begin, 0, entry + step)), port.addr.eq(upcoming)]
        m.d.sync += entry.eq(upcoming)
        word = port.data
        m.d.comb += step.eq(comparing)
        if self.deep:
            word, waiting = Signal(table.width, reset_less=True), Signal()
            m.d.sync += [word.eq(port.data), waiting.eq(step)]
            m.d.comb += step.eq(comparing & ~waiting)
        last, compared, threshold = word[0], word[1], word[2:]

        m.d.comb += self.busy.eq(comparing)
        with m.If(self.shift & full):
            m.d.sync += comparing.eq(1)
        with m.Elif(step & last):
            m.d.sync += comparing.eq(0)
        # Two's complement compares as unsigned once the sign bit is inverted.
        number = value ^ Const(table.signed << (width - 1), width)
        m.d.sync += [self.encoded.eq(number >= threshold), self.emit.eq(step & compared)]
        return m
