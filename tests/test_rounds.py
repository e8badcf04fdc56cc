"""More registers meet a clock that was missed, in a real build too; a slower design is dropped."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import builds
import pytest

from lgncc import boards
from lgncc.boards import load_board
from lgncc.compiler import Options, compile_model
from lgncc.errors import DesignError
from lgncc.flow.families import at_frequency
from lgncc.flow.result import Timing
from lgncc.lowering import lower_luts
from lgncc.mapping.map_model import map_model
from lgncc.rounds import ROUNDS, until_met
from lgncc.storage import save_model

BOARD = at_frequency(load_board("icebreaker"), 36)


def silent(_):
    pass


class Flow:
    """What a flow reports of timing, made up; the real one is in test_compiler."""

    def __init__(self, fmax_mhz):
        self.fmax_mhz = fmax_mhz
        self.met = fmax_mhz >= 36
        self.timing = (Timing("clk12", fmax_mhz, 36.0, self.met),)


@pytest.fixture(scope="module")
def first():
    mapped = map_model(builds.small_model("class"))
    return lower_luts(mapped, BOARD, mapped.luts.depth)


def rounds(first, fmax_of):
    """The rounds from a design of one rank on, and (LUT levels, by time) of all that was built."""
    built = []

    def flow_of(lowered, by_time=False):
        built.append((lowered.stages.longest, by_time))
        return Flow(fmax_of(*built[-1]))

    return until_met(first, flow_of(first), BOARD, flow_of, silent), built


def test_a_design_that_meets_its_clock_is_built_once(first):
    found, built = rounds(first, lambda levels, by_time: 40.0)
    assert (found.lowered, found.missed, len(built)) == (first, (), 1)


def test_registers_come_closer_until_the_clock_is_met_and_the_report_says_so(first):
    depth = first.stages.longest
    found, built = rounds(first, lambda levels, by_time: 1000 / (12 + 4 * levels))
    levels = [levels for levels, _ in built]
    assert levels == sorted(levels, reverse=True)
    assert found.flow.met
    assert found.lowered.stages.longest == levels[-1] < depth
    slow = 1000 / (12 + 4 * depth)
    assert found.missed[0] == f"{depth} LUT levels between registers: {slow:.1f} of 36.0 MHz"
    assert len(found.missed) == len(built) - 1


def test_where_single_levels_miss_wires_get_ranks_and_the_router_takes_slow_ones_up_again(first):
    single = lower_luts(first.mapped, BOARD, 1)
    found, built = rounds(single, lambda levels, by_time: 37.0 if by_time else 33.0)
    assert built == [(1, False), (1, True)]
    assert found.flow.met
    assert found.lowered.stages.relays > single.stages.relays == 0
    assert found.missed == ("1 LUT level between registers: 33.0 of 36.0 MHz",)
    found, _ = rounds(single, lambda levels, by_time: 33.5 if by_time else 33.0)
    assert (found.flow.met, found.lowered.stages.relays > 0) == (False, True)
    found, built = rounds(single, lambda levels, by_time: 32.0 if by_time else 33.0)
    assert (built[-1], found.flow.fmax_mhz) == ((1, False), 33.0)


def test_where_ranks_for_wires_do_not_fit_the_router_takes_slow_ones_up_again(first):
    single = lower_luts(first.mapped, BOARD, 1)
    cells = single.mapped.luts.n_gates + single.stages.extra_cells
    full = replace(BOARD, capacity={**BOARD.capacity, BOARD.logic_cells: cells})
    found = until_met(
        single, Flow(33.0), full, lambda lowered, by_time: Flow(37.0 if by_time else 33.0), silent
    )
    assert (found.lowered, found.flow.met) == (single, True)


def test_rounds_end(first):
    found, built = rounds(first, lambda levels, by_time: 35.9 - levels / 100 - by_time)
    assert not found.flow.met
    assert len(built) <= ROUNDS + 1  # the best is built again, if it was not the last


def test_what_is_slower_or_does_not_fit_is_taken_back(first):
    depth = first.stages.longest
    found, built = rounds(first, lambda levels, by_time: 30.0 if levels == depth else 20.0)
    assert found.lowered is first
    assert built[-1] == (depth, False)  # what is in the folder is what is reported
    asked = []

    def does_not_fit(lowered, by_time):
        asked.append(lowered)
        if lowered is not first:
            raise DesignError("too large")
        return Flow(30.0)

    kept = until_met(first, Flow(30.0), BOARD, does_not_fit, silent)
    assert (kept.lowered, kept.flow.fmax_mhz, kept.missed) == (first, 30.0, ())
    assert asked[-1] is first


@pytest.mark.slow
def test_the_second_round_meets_the_clock_that_the_first_one_missed(tmp_path):
    """Place and route, for a part whose LUT levels are said to be twice as fast as they are."""
    board = tmp_path / "hopeful.toml"
    text = (Path(boards.__file__).parent / "icebreaker.toml").read_text()
    board.write_text(f"level_ps = {BOARD.level_ps * 3 // 7}\n{text}")
    save_model(builds.deep_model(layers=20, width=24), tmp_path / "deep.npz")
    options = Options(
        str(board), tmp_path / "out", architecture="pipelined", freq_mhz=40, verify="none"
    )
    report = compile_model(tmp_path / "deep.npz", options)
    levels = [int(n) for n in re.findall(r"(\d+) LUT levels between registers", report.arch.reason)]
    (reached,) = re.findall(r"tried .*: ([\d.]+) of 39.8 MHz", report.arch.reason)
    assert levels[0] < levels[1]
    assert float(reached) < 39.75
    (clock,) = report.timing.values()
    assert clock.met
