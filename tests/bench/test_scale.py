"""The passes and the text emitter grow near-linearly: ratios of CPU time within one run."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scale import random_model

from lgncc.emit.verilog import network_module
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
