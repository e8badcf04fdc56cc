# amaranth: UnusedElaboratable=no
"""The loop of a state through a pipeline: what is inside, and where a state waits for its turn."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out


class Occupancy:
    """Follows what is inside a pipeline, whose stages all move in cycles with `advance`.

    accepted: bit j is 1 where a vector was accepted `j + 1` moves ago; answered: and is answered.
    """

    def __init__(self, m: Module, core: Any, advance: Any, length: int) -> None:
        """`core` has the stream `i` and `flags`."""
        self.accept = core.i.valid & core.i.ready
        self.accepted = self.answered = Signal(length, name="accepted")
        with m.If(advance):
            m.d.sync += self.accepted.eq(Cat(self.accept, self.accepted))
        if core.flags.last:
            self.answered = Signal(length, name="answered")
            entering = self.accept & core.flags.answered(core.i.payload)
            with m.If(advance):
                m.d.sync += self.answered.eq(Cat(entering, self.answered))

    def at(self, stage: int) -> Any:
        """Whether a vector was accepted `stage` moves ago, this cycle's at 0."""
        return self.accepted[stage - 1] if stage else self.accept

    def room(self, loop: int, sequences: int) -> Any:
        """Whether a state is there for the next vector: one is away for `loop` moves."""
        if sequences > loop:
            return 1
        return sum(self.accepted[:loop], Const(0)) < sequences


class SlotMemory(Component):
    """The states of all slots, one after the other. Where `take` is 1 the slot of `state` has got
    its vector, where `give` is 1 `next_state` is that of the oldest vector that has not given.

    Ports: `take`, `give`: In(1); `next_state`: In(n_state); `state`: Out(n_state).
    """

    def __init__(self, n_state: int, sequences: int) -> None:
        self.sequences = sequences
        super().__init__(
            {
                "take": In(1),
                "give": In(1),
                "next_state": In(unsigned(n_state)),
                "state": Out(unsigned(n_state)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.state.shape()
        m.submodules.memory = memory = Memory(shape=shape, depth=self.sequences, init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += [
            self.state.eq(read.data),
            write.data.eq(self.next_state),
            write.en.eq(self.give),
        ]
        for port, moves in ((read, self.take), (write, self.give)):
            with m.If(moves):
                last = port.addr == self.sequences - 1
                m.d.sync += port.addr.eq(Mux(last, 0, port.addr + 1))
        return m
