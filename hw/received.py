"""Where the bits that a link receives stay until the core takes them: in registers or in a RAM.

Both take a bit a cycle, `shift`, and hold the last `n_bits` of them. A core takes them all at once
from a BitRegister, one after the other from a BitMemory.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.hw.blocks import IN_BLOCKS


class BitRegister(Component):
    """Ports: `bit`, `shift`: In(1); `vector`: Out(n_bits), the one that came first lowest."""

    def __init__(self, n_bits: int) -> None:
        super().__init__({"bit": In(1), "shift": In(1), "vector": Out(n_bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal(len(self.vector), reset_less=True)
        m.d.comb += self.vector.eq(held)
        with m.If(self.shift):
            m.d.sync += held.eq(Cat(held, self.bit)[1:])
        return m


class BitMemory(Component):
    """Room for `n_bits` twice: what the core reads stays while the next ones come.

    Ports: `begin`: In(1), those that came since the last `keep` are forgotten; `bit`, `shift`:
    In(1); `keep`: In(1), those that came are what is read from now on: from the next cycle on `q`:
    Out(1) is the first of them, and after each `next`: In(1) the next one.
    """

    def __init__(self, n_bits: int) -> None:
        self.n_bits = n_bits
        inputs = ("begin", "bit", "shift", "keep", "next")
        super().__init__({**dict.fromkeys(inputs, In(1)), "q": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index_bits = max((self.n_bits - 1).bit_length(), 1)
        m.submodules.memory = memory = Memory(
            shape=unsigned(1), depth=2 << index_bits, init=[], attrs=IN_BLOCKS
        )
        arriving = Signal()  # the half that is written
        came, read = Signal(index_bits), Signal(index_bits)

        write = memory.write_port()
        m.d.comb += [
            write.addr.eq(Cat(came, arriving)),
            write.data.eq(self.bit),
            write.en.eq(self.shift),
        ]
        with m.If(self.begin | self.keep):
            m.d.sync += came.eq(0)
        with m.Elif(self.shift):
            m.d.sync += came.eq(came + 1)

        port = memory.read_port()
        upcoming = Signal(index_bits)
        half = Signal(init=1)
        m.d.comb += [
            upcoming.eq(Mux(self.keep, 0, read + self.next)),
            port.addr.eq(Cat(upcoming, Mux(self.keep, arriving, half))),
            self.q.eq(port.data),
        ]
        m.d.sync += read.eq(upcoming)
        with m.If(self.keep):
            m.d.sync += [half.eq(arriving), arriving.eq(~arriving)]
        return m
