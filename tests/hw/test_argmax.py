# amaranth: UnusedElaboratable=no
"""Argmax against numpy.argmax (first of the largest), with ties the rule, not the exception."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import LgnccError
from lgncc.hw.argmax import Argmax


def check(dut, vectors):
    """Assert index and score of every vector, one vector a clock, `latency` clocks later."""
    expected = [(int(np.argmax(v)), int(np.max(v))) for v in vectors]

    async def bench(ctx):
        seen = []
        ctx.set(dut.enable, 1)
        for vector in [*vectors, *[vectors[-1]] * dut.latency]:
            ctx.set(dut.scores, vector)
            await ctx.delay(1e-9)
            seen.append((ctx.get(dut.index), ctx.get(dut.score)))
            if dut.latency:
                await ctx.tick()
        assert seen[dut.latency :] == expected

    simulator = Simulator(dut)
    if dut.latency:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@st.composite
def score_vectors(draw):
    """(n, shape, vectors) whose scores come from at most three values, extremes included."""
    n = draw(st.integers(1, 13))
    width = draw(st.integers(2, 9))
    is_signed = draw(st.booleans())
    low = -(1 << (width - 1)) if is_signed else 0
    high = low + (1 << width) - 1
    values = [low, high, *draw(st.lists(st.integers(low, high), min_size=1, max_size=2))]
    vectors = draw(
        st.lists(st.lists(st.sampled_from(values), min_size=n, max_size=n), min_size=1, max_size=8)
    )
    return n, (signed if is_signed else unsigned)(width), vectors


@settings(max_examples=60, deadline=None)
@given(score_vectors(), st.booleans())
def test_agrees_with_numpy_and_the_lowest_index_wins(case, registered):
    n, shape, vectors = case
    check(Argmax(n, shape, registered), vectors)


class LastWins(Argmax):
    """Broken on purpose: the tie goes to the upper index."""

    def _upper_wins(self, lower, upper):
        return upper >= lower


@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("registered", [False, True])
def test_a_last_wins_variant_is_refuted(n, registered):
    with pytest.raises(AssertionError):
        check(LastWins(n, unsigned(4), registered), [[7] * n])


@pytest.mark.parametrize(("n", "levels"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4), (10, 4)])
def test_latency_is_one_cycle_a_tree_level_when_registered(n, levels):
    assert Argmax(n, 4, True).latency == levels
    assert Argmax(n, 4, False).latency == 0


def test_registers_hold_while_enable_is_low():
    dut = Argmax(4, unsigned(4), registered=True)

    async def bench(ctx):
        ctx.set(dut.enable, 1)
        ctx.set(dut.scores, [1, 9, 2, 3])
        await ctx.tick().repeat(2)
        ctx.set(dut.enable, 0)
        ctx.set(dut.scores, [1, 2, 3, 15])
        for _ in range(4):
            await ctx.tick()
            assert (ctx.get(dut.index), ctx.get(dut.score)) == (1, 9)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_the_argmax_of_nothing_is_refused():
    with pytest.raises(LgnccError, match="n >= 1"):
        Argmax(0, 4)
