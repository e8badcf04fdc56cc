"""`--freq max`: what the option takes, which clock is tried first, and what follows a miss."""

from __future__ import annotations

from dataclasses import replace

import builds
import pytest

from lgncc.boards import load_board
from lgncc.compiler import Options, compile_model
from lgncc.errors import InputError
from lgncc.fastest import ATTEMPTS, MARGIN, at_clock, at_reached_clock, clock_of
from lgncc.flow.result import Timing
from lgncc.lowering import affordable_levels
from lgncc.storage import save_model

ICEBREAKER, ULX3S = load_board("icebreaker"), load_board("ulx3s-85f")


def silent(_):
    pass


class Flow:
    """Timing as a flow reports it, made up."""

    def __init__(self, board, fmax_mhz):
        target = board.clock.hz / 1e6
        self.met = fmax_mhz >= target
        self.timing = (Timing("core", fmax_mhz, target, self.met),)


def test_the_option_is_a_number_or_max():
    assert [clock_of(text) for text in (None, "max", "150", "7.5")] == [None, "max", 150.0, 7.5]
    for text in ("fast", "", "0", "-12", "nan", "inf"):
        with pytest.raises(InputError, match=f"--freq {text}: give a number of MHz above 0, or"):
            clock_of(text)


def test_the_board_keeps_its_clock_unless_another_is_asked_for():
    assert at_clock(ULX3S, None, "pipelined") is ULX3S
    assert at_clock(ULX3S, 150.0, None).clock.hz == 150_000_000


@pytest.mark.parametrize("board", [ICEBREAKER, ULX3S], ids=lambda board: board.name)
def test_the_first_clock_is_one_for_a_single_level_of_luts(board):
    first = at_clock(board, "max", "pipelined")
    assert affordable_levels(first) == 1
    slower = replace(first, clock=replace(first.clock, hz=first.clock.hz // 3))
    assert affordable_levels(slower) > 1


def test_the_first_clock_is_one_that_the_pll_makes():
    hopeful = replace(ULX3S, level_ps=100, register_ps=100)
    assert at_clock(hopeful, "max", "pipelined").clock.hz == ULX3S.pll.out_hz[1]


@pytest.mark.parametrize("architecture", [None, "spatial", "folded"])
def test_only_a_pipeline_runs_as_fast_as_it_can(architecture):
    with pytest.raises(InputError, match="--freq max: only with --arch pipelined"):
        at_clock(ULX3S, "max", architecture)


def tried(reached):
    """The clocks in MHz that are tried where so much is reached each time, and the last one."""
    clocks = []

    def build_at(board):
        clocks.append(board.clock.hz / 1e6)
        return None, Flow(board, reached(clocks[-1])), ""

    first = at_clock(ULX3S, "max", "pipelined")
    last, _, flow, _ = at_reached_clock(ULX3S, first, build_at, silent, attempts=ATTEMPTS)
    assert last.clock.hz / 1e6 == clocks[-1]
    return clocks, flow


def test_a_clock_that_is_met_is_kept():
    clocks, flow = tried(lambda clock: clock + 1)
    assert (len(clocks), flow.met) == (1, True)


def test_after_a_miss_a_clock_below_what_was_reached_is_tried():
    clocks, flow = tried(lambda clock: 180.0)
    assert clocks[1] == pytest.approx(180 * MARGIN, rel=0.02)
    assert (len(clocks), flow.met) == (2, True)


def test_a_clock_that_is_always_missed_ends_the_search():
    clocks, flow = tried(lambda clock: clock * 0.9)
    assert (len(clocks), flow.met) == (ATTEMPTS, False)


@pytest.mark.slow
def test_a_small_pipeline_is_built_at_the_clock_that_it_reaches(tmp_path):
    save_model(builds.small_model("class"), tmp_path / "small.npz")
    options = Options(
        "icebreaker", tmp_path / "out", architecture="pipelined", freq_mhz="max", verify="none"
    )
    report = compile_model(tmp_path / "small.npz", options)
    (clock,) = report.timing.values()
    assert clock.met
    assert clock.target_mhz > 30
    assert report.throughput_samples_per_s.core == pytest.approx(clock.target_mhz * 1e6)
