# amaranth: UnusedElaboratable=no
"""From mapped LUTs to a board design: registers by the clock, more of them where it was missed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import builds
import pytest

from lgncc.boards import load_board
from lgncc.errors import DesignError
from lgncc.flow.families import at_frequency
from lgncc.flow.result import Timing
from lgncc.lowering import affordable_levels, faster, lower_gates, lower_luts
from lgncc.mapping.design import PARTS
from lgncc.mapping.map_model import map_model

BOARD = load_board("icebreaker")


def missed(fmax_mhz):
    return (Timing("clk12", fmax_mhz=fmax_mhz, target_mhz=12.0, met=False),)


@pytest.fixture(scope="module")
def mapped():
    return map_model(builds.small_model("class"))


def test_the_clock_and_the_part_say_how_many_luts_stand_between_two_registers():
    slow, fast = (replace(BOARD, clock=replace(BOARD.clock, hz=hz)) for hz in (12 * 10**6, 10**9))
    assert affordable_levels(slow) == (83_333 - BOARD.register_ps) // BOARD.level_ps
    assert affordable_levels(fast) == 1


def test_a_larger_design_affords_fewer_levels_as_its_wires_are_longer():
    board = at_frequency(load_board("ulx3s-85f"), 130.0)
    assert [affordable_levels(board, luts) for luts in (0, 1_783, 4_739)] == [2, 2, 1]


def test_a_missed_clock_gets_registers_closer_by_as_much_as_it_was_missed(mapped):
    depth = mapped.luts.depth
    first = lower_luts(mapped, BOARD, depth)
    assert first.stages.longest == depth
    second = faster(first, BOARD, missed(6.0))
    assert second.stages.longest <= depth * 0.5
    assert second.design.core.latency_cycles > first.design.core.latency_cycles
    barely = faster(first, BOARD, missed(11.99))
    assert barely.stages.longest < depth


def test_behind_single_levels_only_the_wires_of_the_network_get_ranks(mapped):
    single = lower_luts(mapped, BOARD, 1)
    relayed = faster(single, BOARD, missed(6.0))
    level = mapped.luts.level[mapped.luts.first_gate :]
    highest = max(level[mapped.part < PARTS.index("readout")])
    assert highest < mapped.luts.depth
    twice = [cut for cut in range(mapped.luts.depth + 1) if relayed.stages.cuts.count(cut) == 2]
    assert twice == list(range(1, highest + 1))
    assert relayed.stages.ranks == single.stages.ranks + highest + 1  # and one behind the inputs


def test_where_there_is_nothing_to_cut_there_is_no_further_round(mapped):
    relayed = lower_luts(mapped, BOARD, 1, relayed=True)
    assert faster(relayed, BOARD, missed(6.0)) is None
    assert faster(lower_gates(builds.small_model("class"), BOARD), BOARD, missed(6.0)) is None


def test_more_luts_than_the_part_has_are_refused_before_any_tool_runs(mapped):
    small = replace(BOARD, capacity={**BOARD.capacity, "ICESTORM_LC": mapped.luts.n_gates - 1})
    with pytest.raises(DesignError, match=r"only the LUTs and registers of the core:\n.*LC: needs"):
        lower_luts(mapped, small)


@pytest.mark.parametrize(("name", "takes_a_cell"), [("tang-nano-9k", True), ("ulx3s-85f", False)])
def test_a_flip_flop_behind_no_lut_takes_a_logic_cell_where_the_part_says_so(
    mapped, name, takes_a_cell
):
    board = load_board(name)
    planned = lower_luts(mapped, board, 1).stages
    assert planned.extra_cells > 0
    full = mapped.luts.n_gates + planned.extra_cells * takes_a_cell
    for cells, fits in ((full, True), (full - 1, False)):
        small = replace(board, capacity={**board.capacity, board.logic_cells: cells})
        with nullcontext() if fits else pytest.raises(DesignError, match="LUTs and registers"):
            lower_luts(mapped, small, 1)
