"""The choice among the architectures: what is estimated, chosen, and done where that fails."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import builds
import numpy as np
import pytest
from random_networks import save_random
from recurrent_models import model_with_state

from lgncc import architectures, compiler
from lgncc.architectures import Planner
from lgncc.boards import list_boards, load_board
from lgncc.compiler import Options, compile_model
from lgncc.errors import DesignError
from lgncc.estimate import fitting
from lgncc.model import Readout
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.storage import load_model, save_model

GOALS = ("latency", "throughput", "area")


@pytest.fixture(scope="module", params=[(300, 100), (3_000, 1_000), (9_000, 3_000)])
def planner(request, tmp_path_factory):
    gates, width = request.param
    path = tmp_path_factory.mktemp("network") / "random.npz"
    model = load_model(save_random(path, gates=gates, width=width))
    return Planner(optimize(model, choose_pipeline(1), prove=False).model)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", list_boards())
def test_what_is_chosen_fits_and_is_the_best_of_what_fits(planner, name, goal):
    board = load_board(name)
    estimates = planner.estimates(board, goal)
    possible = [estimate for estimate in estimates if not estimate.obstacle]
    assert possible, "a gate processor at the least"
    chosen = estimates[0]
    assert chosen is possible[0]
    if goal == "throughput":
        assert over_the_link(chosen, planner, board) == min(
            over_the_link(estimate, planner, board) for estimate in possible
        )
        return
    figure = {"latency": "latency_cycles", "area": "cells"}[goal]
    assert getattr(chosen, figure) == min(getattr(e, figure) for e in possible)


def over_the_link(estimate, planner, board):
    """Cycles a sample as docs/reference/link-protocol.md has it, frames 1 % longer by escapes; then
    those of the core, if they are more than a request's; then cells."""
    byte = 10 * board.clock.hz / board.uart.baud
    request = byte * (10 + -(-planner.model.netlist.n_inputs // 8))
    response = byte * (10 + 1)
    carried = 1.01 * max(request, response)
    got = max(carried, response + estimate.latency_cycles)
    return got, max(carried, estimate.interval), estimate.cells


def test_the_link_and_what_it_carries_are_in_the_reason_for_throughput():
    board = load_board("icebreaker")  # 12 cycles a bit
    planner = Planner(builds.deep_model(layers=2, width=320))
    estimates = planner.estimates(board, "throughput")
    chosen = estimates[0]
    assert chosen.architecture == "folded"
    reason = planner.reason(chosen, estimates, board, "throughput", [])
    assert "the best for throughput; the link carries 2,000 samples a second; " in reason
    assert "the link" not in planner.reason(chosen, estimates, board, "latency", [])


@pytest.mark.parametrize(
    ("name", "larger"), [("icebreaker", "tang-nano-9k"), ("tang-nano-9k", "ulx3s-85f")]
)
def test_the_reason_says_what_the_next_larger_board_would_give(name, larger):
    planner = Planner(builds.deep_model(layers=2, width=320))
    board = load_board(name)
    estimates = planner.estimates(board, "latency")
    reason = planner.reason(estimates[0], estimates, board, "latency", [])
    there = planner.estimates(load_board(larger), "latency")[0]
    assert reason.endswith(f"; on {larger}: {there}")


def test_the_largest_board_and_what_was_asked_for_name_no_larger_one():
    planner = Planner(builds.deep_model(layers=2, width=320))
    for name, only in (("ulx3s-85f", None), ("icebreaker", "folded")):
        board = load_board(name)
        estimates = planner.estimates(board, "latency", only)
        assert "; on " not in planner.reason(estimates[0], estimates, board, "latency", [])


def test_an_obstacle_says_what_is_missing(tmp_path):
    model = load_model(save_random(tmp_path / "big.npz", gates=9_000, width=3_000))
    estimates = Planner(model).estimates(load_board("icebreaker"), "latency", "pipelined")
    assert [e.architecture for e in estimates] == ["pipelined"]
    assert estimates[0].obstacle.endswith("of 5,280 logic cells")


@pytest.fixture
def serial_cells(monkeypatch):
    """Sets what class-serial cores take at no bit a cycle, whatever the network."""

    def setting(cells):
        def sized(estimate, board):
            if estimate.architecture == "class-serial":
                estimate = replace(estimate, cells=cells + estimate.setting)
            return fitting(estimate, board)

        monkeypatch.setattr(architectures, "fitting", sized)
        return Planner(builds.deep_model(layers=2, width=64))

    return setting


def test_what_wires_may_not_reach_is_built_only_where_it_is_asked_for(serial_cells):
    board = load_board("icebreaker")
    planner = serial_cells(4_200)
    (one,) = [e for e in planner.estimates(board, "latency") if e.architecture == "class-serial"]
    assert one.tight
    assert one.obstacle == "needs about 4,202 of 5,280 logic cells, of which wires reach about 75%"
    (asked,) = planner.estimates(board, "latency", "class-serial")
    assert (asked.obstacle, asked.setting) == ("", 2)
    first, *_, last = serial_cells(3_950).estimates(board, "latency", "class-serial")
    assert not first.tight
    assert last.tight
    (none,) = serial_cells(5_300).estimates(board, "latency", "class-serial")
    assert none.obstacle == "needs about 5,302 of 5,280 logic cells"


def test_a_pipeline_that_is_asked_for_is_built_where_one_cycle_would_do():
    board = load_board("icebreaker")
    planner = Planner(builds.small_model("class"))
    names = [estimate.architecture for estimate in planner.estimates(board, "throughput")]
    assert "spatial" in names
    assert "pipelined" not in names
    (asked,) = planner.estimates(board, "throughput", "pipelined")
    assert (asked.obstacle, asked.interval) == ("", 1)
    lowered = planner.lower(asked, board)
    assert lowered.architecture == "pipelined"
    assert lowered.stages.ranks >= 2


def test_where_no_register_can_stand_between_the_pipeline_says_so():
    model = builds.deep_model(layers=1, width=8)
    model = replace(model, readout=Readout.bits())
    (asked,) = Planner(model).estimates(load_board("icebreaker"), "latency", "pipelined")
    assert "one LUT level at most" in asked.obstacle


def test_where_nothing_fits_the_error_names_what_would(tmp_path):
    path = save_random(tmp_path / "big.npz", gates=9_000, width=3_000)
    options = Options(board="icebreaker", out=tmp_path / "out", architecture="pipelined")
    with pytest.raises(DesignError) as error:
        compile_model(path, options)
    text = str(error.value)
    assert "pipelined: needs about " in text
    assert "without --arch pipelined: folded: about " in text
    assert "the smallest board that has room is ulx3s-85f: pipelined: about " in text


def test_where_the_best_cannot_be_routed_smaller_ones_are_tried(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    save_model(builds.deep_model(layers=2, width=512), path)
    tried = []

    def fails(workspace, board, placed, parts, **_):
        tried.append(placed)
        raise DesignError(f"design {len(tried)} cannot be routed\n  log: elsewhere")

    monkeypatch.setattr(compiler, "build", fails)
    notices = []
    options = Options(board="icebreaker", out=tmp_path / "out")
    with pytest.raises(DesignError, match="cannot be routed"):
        compile_model(path, options, notice=notices.append)
    names = [line.split(":")[0] for line in notices if "logic cells" in line]
    assert list(dict.fromkeys(names)) == ["pipelined", "class-serial", "folded"]
    cells = [
        int(line.split("about ")[1].split()[0].replace(",", ""))
        for line in notices
        if "about" in line
    ]
    assert all(after < 0.95 * before for before, after in pairwise(cells))
    assert len(tried) == len(names)


@pytest.mark.slow
def test_a_folded_build_holds_its_program_and_proves_it(tmp_path):
    path, out = tmp_path / "small.npz", tmp_path / "out"
    save_model(builds.small_model("class"), path)
    options = Options(board="icebreaker", out=out, architecture="folded", verify="full")
    report = compile_model(path, options).to_dict()
    rungs = {r["rung"]: r["result"] for r in report["verification"]}
    assert rungs["mapping"] == "proved"
    assert rungs["rtl"] == rungs["board rtl"] == "tested"
    facts = json.loads((out / "design.json").read_text())
    assert facts["initiation_interval"] == report["arch"]["latency_cycles"] + 1
    assert np.isclose(report["latency_us"]["core"], facts["latency_cycles"] / 12)


def test_a_network_with_state_has_four_architectures():
    board = load_board("icebreaker")
    estimates = {
        e.architecture: e
        for name in ("spatial", "pipelined", "class-serial", "folded")
        for e in Planner(model_with_state()).estimates(board, "latency", name)
    }
    assert len(estimates) == 4
    assert not any(e.obstacle for e in estimates.values())
    assert estimates["spatial"].interval == 1 < estimates["class-serial"].interval
    assert estimates["class-serial"].interval < estimates["folded"].interval


def test_a_loop_that_is_too_slow_for_the_clock_takes_cycles_and_says_so():
    board = load_board("icebreaker")
    fast = replace(board, level_ps=10**12 // board.clock.hz)  # one level a cycle
    (estimate,) = Planner(model_with_state()).estimates(fast, "latency", "pipelined")
    assert estimate.interval > 1
    assert "as many sequences could take turns" in estimate.note
