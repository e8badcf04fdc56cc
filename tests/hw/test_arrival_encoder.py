# amaranth: UnusedElaboratable=no
"""Encoding on arrival in hardware, against Python's own `>`; and the memory that keeps the bits."""

from __future__ import annotations

import naive
import numpy as np
import pytest
import strategies
from amaranth.hdl import Module
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.arrival import ArrivalTable
from lgncc.encoder import Encoder
from lgncc.hw.arrival import ArrivalEncoder
from lgncc.hw.received import BitMemory, BitRegister


def uniform(width, signed, n_features, feature, threshold):
    order = np.lexsort([threshold, feature])
    shape = np.full(n_features, width), np.full(n_features, signed), np.zeros(n_features)
    return Encoder(*shape, np.asarray(feature)[order], np.asarray(threshold)[order])


def wire_bits(encoder, sample):
    """The bits of a vector as they come, its last byte filled with ones."""
    bits = [
        int(value) >> place & 1
        for value, width in zip(sample, encoder.bits.tolist(), strict=True)
        for place in range(width)
    ]
    return bits + [1] * (-len(bits) % 8)


def encoded(encoder, samples, *, deep, cut=None):
    """The vector behind the encoder after each sample, as bits, and the cycles it took.

    cut: before each sample this many bits of a vector that is then given up.
    """
    dut = Module()
    dut.submodules.encoder = arrival = ArrivalEncoder(ArrivalTable.of(encoder), deep=deep)
    dut.submodules.register = register = BitRegister(encoder.n_bits)
    dut.d.comb += [register.bit.eq(arrival.encoded), register.shift.eq(arrival.emit)]
    seen, cycles = [], []

    async def arrive(ctx, bits):
        await settled(ctx)
        ctx.set(arrival.begin, 1)
        await ctx.tick()
        ctx.set(arrival.begin, 0)
        for bit in bits:
            await settled(ctx)
            ctx.set(arrival.bit, bit)
            ctx.set(arrival.shift, 1)
            await ctx.tick()
            ctx.set(arrival.shift, 0)

    async def settled(ctx):
        while ctx.get(arrival.busy):
            cycles[-1] += 1
            await ctx.tick()

    async def bench(ctx):
        for sample in samples:
            bits = wire_bits(encoder, sample)
            cycles.append(0)
            if cut is not None:
                await arrive(ctx, bits[:cut])
            cycles[-1] = 0
            await arrive(ctx, bits)
            await settled(ctx)
            await ctx.tick()  # out of the comparator's register
            vector = ctx.get(register.vector)
            seen.append([bool(vector >> index & 1) for index in range(encoder.n_bits)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, max(cycles)


def expected(encoder, samples):
    pairs = (encoder.feature.tolist(), encoder.threshold.tolist())
    return [naive.thermometer(list(map(int, sample)), *pairs) for sample in samples]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", [1, 3, 4])
def test_every_value_and_every_threshold_of_a_format(width, signed, deep):
    low, high = strategies.integer_range(width, signed)
    thresholds = list(range(low - 1, high + 1))
    encoder = uniform(width, signed, 3, np.repeat([0, 2], len(thresholds)), thresholds * 2)
    samples = [[value, 0, high + low - value] for value in range(low, high + 1)]
    seen, cycles = encoded(encoder, samples, deep=deep)
    assert seen == expected(encoder, samples)
    assert cycles <= len(ArrivalTable.of(encoder)) * (1 + deep)


@pytest.mark.parametrize("width", [8, 16])
def test_bytes_and_words_with_many_thresholds_at_their_ends(width):
    low, high = strategies.integer_range(width, signed=True)
    thresholds = [low - 1, low, -1, 0, 77, high - 1, high]
    encoder = uniform(width, True, 5, np.repeat([1, 3, 4], 7), thresholds * 3)
    samples = [[3, low, 9, high, value] for value in (low, low + 1, -1, 0, 1, 77, 78, high)]
    assert encoded(encoder, samples, deep=False)[0] == expected(encoder, samples)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_left_of_a_vector_given_up_does_not_matter(data):
    width, n_features = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    feature = data.draw(st.lists(st.integers(0, n_features - 1), min_size=1, max_size=8))
    threshold = data.draw(
        st.lists(st.integers(0, 2**width - 2), min_size=len(feature), max_size=len(feature))
    )
    encoder = uniform(width, False, n_features, feature, threshold)
    samples = data.draw(strategies.feature_integers(encoder, 3)).tolist()
    cut = data.draw(st.integers(0, width * n_features))
    deep = data.draw(st.booleans())
    assert encoded(encoder, samples, deep=deep, cut=cut)[0] == expected(encoder, samples)


@pytest.mark.parametrize("n_bits", [1, 2, 5, 8])
def test_a_memory_gives_one_vector_while_the_next_comes(n_bits):
    random = np.random.default_rng(n_bits)
    vectors = random.integers(0, 2, (6, n_bits)).tolist()
    dut = BitMemory(n_bits)
    seen = []

    async def write(ctx, bits):
        ctx.set(dut.shift, 1)
        for bit in bits:
            ctx.set(dut.bit, bit)
            await ctx.tick()
        ctx.set(dut.shift, 0)

    async def writing(ctx):
        for number, vector in enumerate(vectors):
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            if number % 2:  # one that is given up first
                await write(ctx, [1 - bit for bit in vector[: number - 1]])
                ctx.set(dut.begin, 1)
                await ctx.tick()
                ctx.set(dut.begin, 0)
            await write(ctx, vector)
            while number > len(seen):  # the one before is still read
                await ctx.tick()
            ctx.set(dut.keep, 1)
            await ctx.tick()
            ctx.set(dut.keep, 0)

    async def reading(ctx):
        while len(seen) < len(vectors):
            await ctx.tick().until(dut.keep)
            read = []
            for _ in range(n_bits):
                for _ in range(len(seen) % 3):
                    await ctx.tick()  # `q` stays
                read.append(ctx.get(dut.q))
                ctx.set(dut.next, 1)
                await ctx.tick()
                ctx.set(dut.next, 0)
            seen.append(read)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(writing)
    simulator.add_testbench(reading)
    simulator.run()
    assert seen == vectors
