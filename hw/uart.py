"""UART, 8 data bits, no parity, 1 stop bit: a wire on one side, byte streams on the other.

The wire has no back-pressure. A byte that arrives while the last one is not yet taken is dropped
and `overflow` strobes; a byte without its stop bit is dropped and `error` strobes.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Component, In, Out

from lgncc.errors import InputError

MAX_RATE_ERROR = 0.02  # of each end: together below half a bit over the ten bits of a byte
MIN_DIVISOR = 4  # fewer samples a bit and "the middle" may be an edge


def divisor(clock_hz: float, baud: float) -> int:
    """Clock cycles a bit; InputError where the nearest whole number misses the baud rate."""
    where = f"uart: {baud:.0f} baud from a {clock_hz / 1e6:g} MHz clock"
    if not (clock_hz > 0 and baud > 0):
        raise InputError(f"{where}: both must be positive.")
    cycles = round(clock_hz / baud)
    if cycles < MIN_DIVISOR:
        raise InputError(
            f"{where}: {clock_hz / baud:.2f} cycles a bit, at least {MIN_DIVISOR} are needed.\n"
            f"  Choose {clock_hz / MIN_DIVISOR:.0f} baud or less, or a faster clock."
        )
    actual = clock_hz / cycles
    rate_error = actual / baud - 1
    if abs(rate_error) > MAX_RATE_ERROR:
        raise InputError(
            f"{where}: the nearest rate is {actual:.0f} baud, {rate_error:+.1%} off, "
            f"{MAX_RATE_ERROR:.0%} is the limit.\n"
            f"  Set the baud rate to {actual:.0f} on both ends, or change the clock."
        )
    return cycles


class UARTReceiver(Component):
    """Bytes from the wire; each bit is sampled in its middle.

    Ports: `rx`: In(1), asynchronous, idle high; `data`: Out(stream of 8 bits); `error` and
    `overflow`: Out(1), strobes. A held byte must be taken within one bit time of its
    arrival, else the next one on the wire is lost.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__(
            {"rx": In(1), "data": Out(stream.Signature(8)), "error": Out(1), "overflow": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)

        timer = Signal(range(self.divisor))
        sample = Signal()
        m.d.comb += sample.eq(timer == self.divisor // 2)
        m.d.sync += timer.eq(timer + 1)
        with m.If(timer == self.divisor - 1):
            m.d.sync += timer.eq(0)

        # The shift register is also what `data` shows: the bits of an overflowing byte are
        # counted but not shifted in, which saves a holding register.
        shift = Signal(8, reset_less=True)
        index = Signal(3)
        lost = Signal(reset_less=True)
        m.d.comb += self.data.payload.eq(shift)
        with m.If(self.data.ready):
            m.d.sync += self.data.valid.eq(0)

        with m.FSM():
            with m.State("Idle"):
                m.d.sync += timer.eq(0)
                with m.If(~rx):
                    m.next = "Start"
            with m.State("Start"), m.If(sample):
                with m.If(rx):  # a glitch, not a start bit
                    m.next = "Idle"
                with m.Else():
                    m.d.comb += self.overflow.eq(self.data.valid & ~self.data.ready)
                    m.d.sync += lost.eq(self.overflow)
                    m.next = "Data"
            with m.State("Data"), m.If(sample):
                m.d.sync += index.eq(index + 1)
                with m.If(~lost):
                    m.d.sync += shift.eq(Cat(shift[1:], rx))
                with m.If(index == 7):
                    m.next = "Stop"
            with m.State("Stop"), m.If(sample):
                with m.If(rx):
                    with m.If(~lost):
                        m.d.sync += self.data.valid.eq(1)
                    m.next = "Idle"
                with m.Else():
                    m.d.comb += self.error.eq(~lost)
                    m.next = "Break"
            with m.State("Break"), m.If(rx):  # a line held low is one error, not one a byte
                m.next = "Idle"
        return m


class UARTTransmitter(Component):
    """Bytes to the wire, each taken at the edge of a bit time.

    Ports: `data`: In(stream of 8 bits); `tx`: Out(1), idle high, driven by a register.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__({"data": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        timer = Signal(range(self.divisor))
        step = timer == self.divisor - 1
        m.d.sync += timer.eq(Mux(step, 0, timer + 1))
        # Start bit, data, stop bit; zeros follow. When only the stop bit is left the value is 1,
        # which is also the idle state, so that no bit counter is needed.
        shift = Signal(10, init=1)
        is_last = shift[1:] == 0
        m.d.comb += [self.tx.eq(shift[0]), self.data.ready.eq(step & is_last)]
        with m.If(step & ~is_last):
            m.d.sync += shift.eq(shift[1:])
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += shift.eq(Cat(Const(0, 1), self.data.payload, Const(1, 1)))
        return m
