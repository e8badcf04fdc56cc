# amaranth: UnusedElaboratable=no
"""The thermometer against Python's own `>`: every width to 6, every value, every threshold."""

from __future__ import annotations

import re

import naive
import numpy as np
import pytest
import strategies
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.encoder import Encoder
from lgncc.hw.encoder import ThermometerEncoder, greater_than

WIDTHS = range(1, 7)


def packed(integers, widths):
    """Feature integers as one vector, feature 0 lowest, two's complement."""
    vector, start = 0, 0
    for value, width in zip(integers, widths, strict=True):
        vector |= (int(value) % (1 << int(width))) << start
        start += int(width)
    return vector


def encoded(encoder, samples):
    """The component's bits for samples of feature integers."""
    dut = ThermometerEncoder(encoder)
    seen = []

    async def bench(ctx):
        for sample in samples:
            ctx.set(dut.x, packed(sample, encoder.bits))
            await ctx.delay(1e-9)
            bits = ctx.get(dut.bits)
            seen.append([bits >> index & 1 for index in range(encoder.n_bits)])

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def expected(encoder, samples):
    pairs = (encoder.feature.tolist(), encoder.threshold.tolist())
    return [naive.thermometer(list(map(int, sample)), *pairs) for sample in samples]


@pytest.mark.parametrize("width", WIDTHS)
def test_greater_than_is_python_s_for_every_value_and_threshold(width):
    thresholds = range(-3, (1 << width) + 3)
    value, above = Signal(width), Signal(len(thresholds))
    m = Module()
    for index, threshold in enumerate(thresholds):
        m.d.comb += above[index].eq(greater_than(value, threshold))

    async def bench(ctx):
        for number in range(1 << width):
            ctx.set(value, number)
            await ctx.delay(1e-9)
            bits = ctx.get(above)
            seen = [bool(bits >> index & 1) for index in range(len(thresholds))]
            assert seen == [number > threshold for threshold in thresholds]

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_threshold_of_a_format_and_beyond_compares_exactly(width, signed):
    low, high = strategies.integer_range(width, signed)
    thresholds = list(range(low - 3, high + 4))
    encoder = Encoder([width], [signed], [0], np.zeros(len(thresholds)), thresholds)
    samples = [[value] for value in range(low, high + 1)]
    assert encoded(encoder, samples) == expected(encoder, samples)


@settings(max_examples=60)
@given(data=st.data())
def test_features_of_different_formats_are_packed_from_the_lowest_bit(data):
    encoder = data.draw(strategies.encoders(max_width=6))
    samples = data.draw(strategies.feature_integers(encoder, 8))
    assert encoded(encoder, samples) == expected(encoder, samples)


def test_the_same_comparison_finds_a_threshold_that_is_off_by_one():
    right, wrong = (Encoder([3, 3], [True, False], [0, 0], [0, 1], [t, 2]) for t in (-1, 0))
    samples = [(value, 5) for value in range(-4, 4)]
    assert encoded(right, samples) == expected(right, samples)
    assert encoded(wrong, samples) != expected(right, samples)


def test_the_widest_features_compare_at_their_ends():
    top = 2**31
    encoder = Encoder(
        [32, 32], [True, False], [0, 0], [0, 0, 0, 1, 1], [-top, -1, top - 2, 0, 2**32 - 2]
    )
    values = [(-top, 0), (-top + 1, 1), (-1, 2**32 - 2), (0, 2**32 - 1), (top - 1, top)]
    assert encoded(encoder, values) == expected(encoder, values)


def test_bits_that_are_inputs_already_pass_through():
    encoder = Encoder.identity(5)
    samples = [[number >> bit & 1 for bit in range(5)] for number in range(32)]
    assert encoded(encoder, samples) == samples


def comparisons(encoder):
    """The signals that hold a comparison's result, by name."""
    text = rtlil.convert(ThermometerEncoder(encoder), emit_src=False)
    return sorted(re.findall(r"^ *wire width 1 \\(x\d+_above_\S+)", text, re.MULTILINE))


def test_a_threshold_that_several_bits_share_is_compared_once():
    encoder = Encoder([4, 4], [False, False], [0, 0], [0, 1, 0, 0, 1], [3, 3, 3, 9, 3])
    assert comparisons(encoder) == ["x0_above_3", "x0_above_9", "x1_above_3"]
    samples = [(value, 15 - value) for value in range(16)]
    assert encoded(encoder, samples) == expected(encoder, samples)
