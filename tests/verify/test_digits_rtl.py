"""The digits test set through each architecture's core, as a build at -O 2 makes it.

"For each architecture, cocotb on the digits test set with random stalls: bit-exact, and cycle-exact
to the latency and interval that the report states." The answers are those of torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builds import write_build

from lgncc import nn
from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.dataset import load_data
from lgncc.fastest import at_clock
from lgncc.frontends import load
from lgncc.golden import predict
from lgncc.hw.folded import FoldedCore
from lgncc.hw.mapped_core import MappedCore
from lgncc.hw.serial_core import SerialCore
from lgncc.hw.streaming_core import StreamingCore
from lgncc.models import __path__ as models_path
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.rtl import check_core

DIGITS = Path(models_path[0]) / "digits.pt"
DATA = load_data(DIGITS.with_name("digits-test.npz"))


@dataclass(frozen=True)
class Case:
    """mhz: None is the board's own clock; setting: None is the estimate's."""

    core: type
    architecture: str
    board: str
    mhz: float | None = None
    setting: int | None = None
    goal: str = "latency"


CASES = {
    # One cycle of 5 MHz has time for all of the LUT levels.
    "spatial": Case(MappedCore, "spatial", "ulx3s-85f", 5),
    "pipelined, held by a stall": Case(MappedCore, "pipelined", "icebreaker"),
    "pipelined, free-running": Case(StreamingCore, "pipelined", "ulx3s-85f", 150),
    "class-serial": Case(SerialCore, "class-serial", "icebreaker", setting=64),
    "folded": Case(FoldedCore, "folded", "icebreaker"),
    "folded, 4 lanes": Case(FoldedCore, "folded", "icebreaker", setting=4, goal="throughput"),
}


@pytest.fixture(scope="module")
def digits():
    """The network as it was read, and what is known of it for any board."""
    model = load(DIGITS)
    return model, Planner(optimize(model, choose_pipeline(2), prove=False).model)


def test_the_golden_model_answers_the_test_set_as_torch_does(digits):
    network = nn.load(DIGITS).eval()
    with torch.no_grad():
        scores = network(torch.from_numpy(np.asarray(DATA.x, np.float64))).numpy()
    assert len(DATA.x) == 360
    # argmax takes the first of equals, too.
    np.testing.assert_array_equal(predict(digits[0], DATA.x).classes, scores.argmax(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_test_set_is_answered_right_with_stalls_at_the_cycles_that_the_report_states(
    digits, tmp_path, verilator_runtime, name
):
    model, planner = digits
    case = CASES[name]
    board = at_clock(load_board(case.board), case.mhz, case.architecture)
    estimate = planner.estimates(board, case.goal, case.architecture)[0]
    design = planner.lower(
        replace(estimate, setting=case.setting or estimate.setting), board
    ).design
    assert type(design.core) is case.core
    write_build(tmp_path, model, built=planner.model, design=design, runtime=verilator_runtime)
    rung = check_core(tmp_path, DATA, lambda _: None)
    latency, interval = design.core.latency_cycles, design.core.initiation_interval
    assert (rung.result, rung.detail) == (
        "tested",
        "360 samples of digits-test.npz + 256 random, stalls, resets; latency "
        f"{latency:,} {'cycle' if latency == 1 else 'cycles'}, interval {interval:,}",
    )
