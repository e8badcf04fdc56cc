# amaranth: UnusedElaboratable=no
"""Popcount against Python's own bit count, and a count that loses a bit is noticed."""

from __future__ import annotations

import time

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Cat, Const
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import LgnccError
from lgncc.hw.popcount import MAX_WIDTH, Popcount


def check(dut, vectors):
    """Assert that `dut` counts the ones of every vector."""

    async def bench(ctx):
        for vector in vectors:
            ctx.set(dut.bits, vector)
            await ctx.delay(1e-9)
            assert ctx.get(dut.count) == vector.bit_count(), f"{vector:#x}"

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("width", range(13))
def test_counts_every_vector_of_small_widths(width):
    check(Popcount(width), range(1 << width))


@settings(max_examples=30, deadline=None)
@given(st.integers(13, 700), st.data())
def test_counts_vectors_of_larger_widths(width, data):
    vectors = data.draw(st.lists(st.integers(0, (1 << width) - 1), max_size=5))
    walking = [1 << data.draw(st.integers(0, width - 1))]
    check(Popcount(width), [0, (1 << width) - 1, *walking, *vectors])


class LosesABit(Popcount):
    """Broken on purpose: the top bit of every column above two bits is dropped."""

    def _level(self, m, columns):
        kept = [Cat(c[:-1], Const(0, 1)) if len(c) > 2 else c for c in columns]
        return super()._level(m, kept)


@pytest.mark.parametrize("width", [3, 12, 200])
def test_a_lost_bit_is_refuted(width):
    with pytest.raises(AssertionError):
        check(LosesABit(width), [(1 << width) - 1])


def test_the_count_is_as_wide_as_its_largest_value():
    assert [len(Popcount(width).count) for width in (0, 1, 2, 3, 4, 255, 256)] == [
        1, 1, 2, 2, 3, 8, 9,
    ]  # fmt: skip


def test_converting_25000_bits_takes_seconds_and_few_expressions():
    start = time.process_time()
    text = rtlil.convert(Popcount(25_000))
    assert time.process_time() - start < 20
    assert text.count("cell $") < 3_000


@pytest.mark.parametrize("width", [-1, MAX_WIDTH + 1])
def test_a_width_that_no_wire_can_hold_is_refused(width):
    with pytest.raises(LgnccError, match=f"{width:,} bits do not fit one wire.*\n.*several"):
        Popcount(width)


def test_the_widest_popcount_converts():
    assert "cell $" in rtlil.convert(Popcount(MAX_WIDTH))
