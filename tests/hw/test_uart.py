"""UART: the divisor, the wire format, tolerance to the other end's clock, and what gets lost."""

from __future__ import annotations

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import InputError
from lgncc.hw.uart import UARTReceiver, UARTTransmitter, divisor


def simulate(dut, *benches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


async def send(ctx, rx, levels, cycles):
    for level in levels:
        ctx.set(rx, level)
        await ctx.tick().repeat(cycles)


def frame(byte, stop=1):
    return [0, *((byte >> i) & 1 for i in range(8)), stop]


@pytest.mark.parametrize(
    ("clock_hz", "baud", "cycles"),
    [(12e6, 115_200, 104), (12e6, 921_600, 13), (48e6, 3e6, 16), (25e6, 9600, 2604)],
)
def test_divisor_is_the_nearest_whole_number(clock_hz, baud, cycles):
    assert divisor(clock_hz, baud) == cycles


@pytest.mark.parametrize(
    ("clock_hz", "baud", "message"),
    [
        (
            12e6,
            2.2e6,
            r"2200000 baud from a 12 MHz clock.*\+9.1% off.*\n.*baud rate to 2400000",
        ),
        (12e6, 6e6, r"2.00 cycles a bit, at least 4.*\n.*3000000 baud or less"),
        (0, 9600, "must be positive"),
    ],
)
def test_divisor_refuses_what_the_clock_cannot_make(clock_hz, baud, message):
    with pytest.raises(InputError, match=message):
        divisor(clock_hz, baud)


@pytest.mark.parametrize("cycles", [4, 7, 16])
def test_transmitter_sends_start_eight_bits_lsb_first_and_stop(cycles):
    dut = UARTTransmitter(cycles)
    data = bytes([0x00, 0xFF, 0xA5, 0xC0, 0x01, 0x80])
    levels = []

    async def feed(ctx):
        ctx.set(dut.data.valid, 1)
        for byte in data:
            ctx.set(dut.data.payload, byte)
            await ctx.tick().until(dut.data.ready)
        ctx.set(dut.data.valid, 0)

    async def watch(ctx):
        for _ in range(cycles * (10 * len(data) + 4)):
            *_, tx = await ctx.tick().sample(dut.tx)
            levels.append(tx)

    simulate(dut, feed, watch)
    start = levels.index(0)
    expected = [level for byte in data for level in frame(byte)]
    assert levels[start::cycles][: len(expected)] == expected
    assert set(levels[:start]) <= {1}
    assert set(levels[start + cycles * len(expected) :]) == {1}


class Loopback(Component):
    """Transmitter and receiver with a divisor each."""

    def __init__(self, tx_cycles, rx_cycles):
        self.transmitter, self.receiver = UARTTransmitter(tx_cycles), UARTReceiver(rx_cycles)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = self.transmitter
        m.submodules.receiver = self.receiver
        m.d.comb += self.receiver.rx.eq(self.transmitter.tx)
        return m


def loop(tx_cycles, rx_cycles, data):
    """Bytes received when `data` is sent without a pause; `error` must stay low."""
    dut = Loopback(tx_cycles, rx_cycles)
    received = bytearray()

    async def feed(ctx):
        stream = dut.transmitter.data
        ctx.set(stream.valid, 1)
        for byte in data:
            ctx.set(stream.payload, byte)
            await ctx.tick().until(stream.ready)
        ctx.set(stream.valid, 0)

    async def drain(ctx):
        stream = dut.receiver.data
        ctx.set(stream.ready, 1)
        for _ in range((10 * len(data) + 15) * max(tx_cycles, rx_cycles)):
            *_, valid, byte, error = await ctx.tick().sample(
                stream.valid, stream.payload, dut.receiver.error
            )
            assert not error
            if valid:
                received.append(byte)

    simulate(dut, feed, drain)
    return bytes(received)


PATTERNS = bytes([0x00, 0xFF, 0x55, 0xAA, 0xC0, 0xDB, 0x01, 0xFE, 0x7F, 0x80])


@pytest.mark.parametrize("rx_cycles", [98, 100, 102])
def test_bytes_survive_two_percent_of_baud_mismatch(rx_cycles):
    assert loop(100, rx_cycles, PATTERNS) == PATTERNS


@pytest.mark.parametrize("rx_cycles", [92, 108])
def test_eight_percent_of_baud_mismatch_is_noticed(rx_cycles):
    with pytest.raises(AssertionError):
        assert loop(100, rx_cycles, PATTERNS) == PATTERNS


@settings(max_examples=10, deadline=None)
@given(st.integers(4, 20), st.binary(min_size=1, max_size=12))
def test_what_is_sent_is_received(cycles, data):
    assert loop(cycles, cycles, data) == data


def receive(levels, cycles=8, ready=lambda time: 1):
    """(bytes with their time, error times, overflow times) of a line; time in bits."""
    dut = UARTReceiver(cycles)
    taken, errors, overflows = [], [], []

    async def drive(ctx):
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(cycles)
        await send(ctx, dut.rx, levels, cycles)
        ctx.set(dut.rx, 1)

    async def watch(ctx):
        held = None
        for time in range(cycles * (len(levels) + 15)):
            ctx.set(dut.data.ready, ready(time // cycles))
            *_, valid, is_ready, byte, error, overflow = await ctx.tick().sample(
                dut.data.valid, dut.data.ready, dut.data.payload, dut.error, dut.overflow
            )
            assert held in (None, byte), "the payload changed before it was taken"
            held = byte if valid and not is_ready else None
            if valid and is_ready:
                taken.append(byte)
            errors.extend([time // cycles] * error)
            overflows.extend([time // cycles] * overflow)

    simulate(dut, drive, watch)
    return taken, errors, overflows


def test_a_byte_without_stop_bit_is_dropped_with_one_error():
    taken, errors, overflows = receive([*frame(0x11), *frame(0x22, stop=0), 1, *frame(0x33)])
    assert taken == [0x11, 0x33]
    assert (len(errors), len(overflows)) == (1, 0)


def test_a_line_held_low_is_one_error():
    taken, errors, _ = receive([0] * 45 + [1, *frame(0x33)])
    assert taken == [0x33]
    assert len(errors) == 1


def test_a_glitch_is_no_start_bit():
    dut = UARTReceiver(16)

    async def bench(ctx):
        ctx.set(dut.data.ready, 1)
        await send(ctx, dut.rx, [1, 0, 1], 6)
        for _ in range(16 * 12):
            *_, valid, error = await ctx.tick().sample(dut.data.valid, dut.error)
            assert (valid, error) == (0, 0)

    simulate(dut, bench)


def test_a_byte_that_finds_the_last_one_not_taken_is_dropped_with_overflow():
    line = [*frame(0x11), *frame(0x22), *frame(0x33), *frame(0x44)]
    taken, errors, overflows = receive(line, ready=lambda time: time >= 27)
    assert taken == [0x11, 0x44]
    assert (len(errors), len(overflows)) == (0, 2)


class SamplesEarly(UARTReceiver):
    """Broken on purpose: believes that the bits are 10 % shorter."""

    def __init__(self, cycles):
        super().__init__(cycles - cycles // 10)


def test_the_checks_refute_a_receiver_with_the_wrong_bit_time(monkeypatch):
    monkeypatch.setitem(loop.__globals__, "UARTReceiver", SamplesEarly)
    with pytest.raises(AssertionError):
        assert loop(100, 100, PATTERNS) == PATTERNS
