"""class-serial and folded cores of the digits network, bit- and cycle-exact with random stalls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builds import write_build

from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.dataset import load_data
from lgncc.errors import DesignError
from lgncc.frontends import load
from lgncc.models import __path__ as models_path
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.rtl import check_core

pytestmark = pytest.mark.slow
MODELS = Path(models_path[0])
BOARD = load_board("icebreaker")
TIME = r"rtl: refuted: back to back: (i__ready|o__valid).* is [01] .*the design states"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of all builds here, one after the other: the simulator's own objects stay in it."""
    return tmp_path_factory.mktemp("digits") / "build"


@pytest.fixture(scope="module")
def digits():
    """The network as it was read, and what is known of it for the board."""
    model = load(MODELS / "digits.pt")
    return model, Planner(optimize(model, choose_pipeline(2), prove=False).model)


def built_as(planner, architecture, setting):
    estimates = planner.estimates(BOARD, "throughput", architecture)
    return planner.lower(replace(estimates[0], setting=setting), BOARD).design


@pytest.mark.parametrize(
    ("architecture", "setting"), [("class-serial", 64), ("folded", 1), ("folded", 4)]
)
def test_the_digits_test_set_is_answered_right_at_the_stated_cycles(
    digits, folder, architecture, setting
):
    model, planner = digits
    design = built_as(planner, architecture, setting)
    write_build(folder, model, built=planner.model, design=design)
    rung = check_core(folder, load_data(MODELS / "digits-test.npz"), lambda _: None)
    assert rung.result == "tested"
    assert rung.detail == (
        "360 samples of digits-test.npz + 256 random, stalls, resets; latency "
        f"{design.core.latency_cycles} cycles, interval {design.core.initiation_interval}"
    )


@pytest.mark.parametrize("fact", ["start_cycles", "load_cycles", "run_cycles", "lanes"])
def test_a_batch_that_keeps_another_time_than_stated_is_refuted(digits, folder, fact):
    model, planner = digits
    design = built_as(planner, "folded", 4)
    write_build(folder, model, built=planner.model, design=design)
    facts = json.loads((folder / "design.json").read_text())
    facts["batch"][fact] += 1
    (folder / "design.json").write_text(json.dumps(facts))
    with pytest.raises(DesignError, match=TIME):
        check_core(folder, None, lambda _: None)
