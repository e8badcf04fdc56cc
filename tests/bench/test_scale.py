"""What sees a whole network grows near-linearly, or less: ratios of CPU time within one run."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scale import random_model

from lgncc.emit.core import component_verilog
from lgncc.emit.verilog import network_module
from lgncc.hw.instructions import BlockProgram
from lgncc.mapping.program import Op, Program
from lgncc.passes.pipeline import O1, optimize

SMALL, LARGE = 50_000, 400_000
GROWTH = 2.5  # over linear: caches stop helping somewhere on the way


def cpu_seconds(work):
    """The quickest of three runs, in CPU time of this process."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def optimize_gates(model):
    return lambda: optimize(model, O1, prove=False)


def print_gates(model):
    groups = [np.arange(len(model.netlist.outputs))]
    return lambda: network_module(model.netlist, "network", groups)


@pytest.mark.slow
@pytest.mark.parametrize("work", [optimize_gates, print_gates])
def test_time_grows_near_linearly(work):
    small, large = random_model(SMALL), random_model(LARGE)
    ratio = cpu_seconds(work(large)) / cpu_seconds(work(small))
    assert ratio < GROWTH * LARGE / SMALL


def program_of(length):
    rng = np.random.default_rng(0)
    a, b, dst = rng.integers(0, 1 << 14, (3, length))
    op = np.full(length, Op.GATE)
    return Program(op, rng.integers(0, 16, length), a, b, dst, np.zeros(length), 1 << 14, 0)


def test_a_long_program_is_emitted_as_text_and_not_bit_by_bit():
    def emit(length):
        return lambda: component_verilog(BlockProgram(program_of(length)), "top")

    # A hundred times as many words: as a memory of Amaranth's they take as many times as long.
    assert cpu_seconds(emit(60_000)) < 30 * cpu_seconds(emit(600))
