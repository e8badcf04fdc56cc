"""Rows of bits to a class or scores, against sums in Python, with pauses."""

from __future__ import annotations

import builds
import numpy as np
import pytest
from amaranth.sim import Simulator

from lgncc.hw.row_counter import RowCounter
from lgncc.mapping.serial import map_serial

VECTORS = 20


def rows_of(design, rng):
    """Bits (rows, width of a row) as a design can show them: none where a class has no row."""
    bits = rng.integers(0, 2, (design.rows, len(design.luts.outputs)))
    lane = design.lane[design.row == 0]
    klass = design.group[:, None] * design.classes_a_cycle + lane // design.bits_a_cycle
    return np.where(klass < len(design.form.constant), bits, 0), klass, lane


def words_of(design, bits, klass, lane):
    """What the rows add up to, class by class."""
    words = design.form.constant.tolist()
    for row, index in np.argwhere(bits):
        words[klass[row, index]] += 1 << design.column[row, lane[index] // design.bits_a_cycle]
    return [word % (1 << design.form.width) for word in words]


def answers_of(design, vectors, rng):
    """Payloads, and the enabled cycle of each, of vectors that follow one another."""
    counter, answers = RowCounter(design), []
    shown = [(row, bits) for vector in vectors for row, bits in enumerate(vector)]
    shown += [(0, np.zeros_like(shown[0][1]))] * counter.latency

    async def bench(ctx):
        for cycle, (row, bits) in enumerate(shown):
            ctx.set(counter.bits, int("".join(map(str, bits[::-1])), 2))
            ctx.set(counter.row, row)
            ctx.set(counter.active, cycle < len(vectors) * design.rows)
            for enable in (*[0] * int(rng.integers(0, 2)), 1):
                ctx.set(counter.enable, enable)
                await ctx.tick()
            if ctx.get(counter.done):
                answers.append((cycle + 1, ctx.get(counter.payload)))

    simulator = Simulator(counter)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return counter, answers


@pytest.mark.parametrize("row", [(1, 1), (16, 1), (2, 2), (16, 3), (3, 4)])
@pytest.mark.parametrize("kind", ["class", "scores"])
def test_words_are_added_up_and_the_first_of_the_highest_wins(kind, row):
    rng = np.random.default_rng(1)
    design = map_serial(builds.small_model(kind), *row)
    bits, klass, lane = zip(*(rows_of(design, rng) for _ in range(VECTORS)), strict=True)
    words = [words_of(design, one, klass[0], lane[0]) for one in bits]
    counter, answers = answers_of(design, bits, rng)
    width = design.form.width
    if kind == "class":
        right = [one.index(max(one)) for one in words]
        ties = sum(one.count(max(one)) > 1 for one in words)
        assert ties > VECTORS / 10
    else:
        right = [sum(word << width * index for index, word in enumerate(one)) for one in words]
    times = [design.rows * (index + 1) + counter.latency - 1 for index in range(VECTORS)]
    assert answers == list(zip(times, right, strict=True))
