# amaranth: UnusedElaboratable=no
"""The node memory of a FoldedCore: a word a live value, in it a bit of each lane's sample.

Two forms with the same ports. `decoded`: In(1), an instruction's addresses `a`, `b`, `dst`: In are
there, and `modify`: In(1), it writes into some lanes only. Then `valid`: Out(1), its operands
`data_a`, `data_b`: Out(lanes) are there; in that cycle `enable`, `data`: In(lanes) are written.
`issue_cycles`: from an instruction to the next; `drain_cycles`: from the issue of one, the cycle
before `decoded`, until all of it has happened.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import DesignError
from lgncc.hw.blocks import IN_BLOCKS
from lgncc.hw.single_port import SinglePortMemory, room_for


def _ports(depth: int, lanes: int) -> dict[str, Any]:
    address = range(max(depth, 2))
    return {
        "decoded": In(1),
        **dict.fromkeys(("a", "b", "dst"), In(address)),
        "modify": In(1),
        "valid": Out(1),
        "data_a": Out(lanes),
        "data_b": Out(lanes),
        "enable": In(lanes),
        "data": In(lanes),
    }


class BlockNodes(Component):
    """Twice in block RAM, for two reads and a write a cycle."""

    issue_cycles = 1
    drain_cycles = 3
    place = "block RAM"

    def __init__(self, depth: int, lanes: int) -> None:
        self.depth, self.lanes = depth, lanes
        super().__init__(_ports(depth, lanes))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.nodes = nodes = Memory(
            shape=unsigned(self.lanes), depth=max(self.depth, 2), init=[], attrs=IN_BLOCKS
        )
        read_a, read_b = nodes.read_port(), nodes.read_port()
        write = nodes.write_port(granularity=1 if self.lanes > 1 else None)
        dst = Signal.like(self.dst)
        m.d.sync += [self.valid.eq(self.decoded), dst.eq(self.dst)]
        m.d.comb += [
            read_a.addr.eq(self.a),
            read_b.addr.eq(self.b),
            self.data_a.eq(read_a.data),
            self.data_b.eq(read_b.data),
            write.addr.eq(dst),
            write.data.eq(self.data),
            write.en.eq(self.enable),
        ]
        return m


class SinglePortNodes(Component):
    """In single-port RAM: `a`, or `dst` where its other lanes stay, then `b`, then the write.

    Raises DesignError where it is too small.
    """

    issue_cycles = 4
    drain_cycles = 4
    place = "single-port RAM"

    def __init__(self, depth: int, lanes: int) -> None:
        if depth > room_for(lanes):
            raise DesignError(
                f"folded: the network has {depth:,} live values; the single-port RAM holds "
                f"{room_for(lanes):,} in {lanes} lane{'s' * (lanes > 1)}"
            )
        self.depth, self.lanes = depth, lanes
        super().__init__(_ports(depth, lanes))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = SinglePortMemory(self.lanes, self.depth)
        second, write = Signal(), Signal()
        b, dst = Signal.like(self.b), Signal.like(self.dst)
        held = Signal(self.lanes)
        data = Signal(self.lanes)
        everything = self.enable.all()
        first = Mux(self.modify, self.dst, self.a)
        m.d.sync += [second.eq(self.decoded), self.valid.eq(second)]
        m.d.sync += [write.eq(self.enable.any()), data.eq(self.data)]
        with m.If(self.decoded):
            m.d.sync += [b.eq(self.b), dst.eq(self.dst)]
        with m.If(second):
            m.d.sync += held.eq(memory.out)
        with m.If(~everything):
            m.d.sync += data.eq((self.data & self.enable) | (held & ~self.enable))
        m.d.comb += [
            self.data_a.eq(held),
            self.data_b.eq(memory.out),
            memory.address.eq(Mux(self.decoded, first, Mux(write, dst, b))),
            memory.write.eq(write.replicate(memory.columns)),
            memory.data.eq(data),
        ]
        return m
