# amaranth: UnusedElaboratable=no
"""The core of mapped LUTs: bit- and cycle-exact in a real simulator, and refuted where wrong."""

from __future__ import annotations

import re

import builds
import numpy as np
import pytest
from mapped_designs import map_plainly

from lgncc.boards import load_board
from lgncc.emit.board import emit_mapped_board
from lgncc.emit.core import core_verilog
from lgncc.errors import DesignError
from lgncc.hw.mapped_core import MappedCore
from lgncc.mapping.stages import plan_stages
from lgncc.model import LogicModel, Readout
from lgncc.netlist import Netlist
from lgncc.verify.rtl import check_board, check_core


def mapped(kind, seed=0):
    return map_plainly(builds.small_model(kind), np.random.default_rng(seed))


def silent(_):
    pass


@pytest.mark.parametrize("kind", ["class", "scores", "bits"])
@pytest.mark.parametrize("max_levels", [2, 7, 100])
def test_the_latency_is_a_cycle_a_rank_and_one_for_an_input_register(kind, max_levels):
    design = mapped(kind)
    stages = plan_stages(design.luts, max_levels)
    ranks = [MappedCore(design, stages, input_register=r).latency_cycles for r in (False, True)]
    assert ranks == [len(stages.cuts), len(stages.cuts) + 1]
    assert stages.ranks >= -(-design.luts.depth // max_levels)


def test_the_header_says_what_is_inside_and_when_the_answer_comes():
    design = mapped("class")
    text = core_verilog(MappedCore(design, plan_stages(design.luts, 8)))
    luts = design.luts
    assert f"// LUTs: {luts.n_gates} of 4 inputs, {luts.depth} levels\n" in text
    ranks = plan_stages(luts, 8).ranks
    assert f"// latency: {ranks + 1} cycles, from the edge" in text
    assert "module lgncc_luts(x, clk, enable, y);" in text


def test_a_model_without_outputs_is_refused():
    small = builds.small_model("bits")
    empty = Netlist(16, np.zeros((0, 2)), [], [])
    model = LogicModel(small.encoder, empty, Readout.bits(), small.provenance)
    design = map_plainly(model, np.random.default_rng(0))
    with pytest.raises(DesignError, match=r"the output vector has 0 bits; 1 to 65,534"):
        MappedCore(design, plan_stages(design.luts, 4))


@pytest.fixture(scope="module")
def build(tmp_path_factory, verilator_runtime):
    """A pipeline of more ranks than a stall lasts, as a build folder."""
    model = builds.small_model("class")
    design = mapped("class")
    board = load_board("icebreaker")
    folder = tmp_path_factory.mktemp("mapped")
    emitted = emit_mapped_board(design, plan_stages(design.luts, 3), board)
    return builds.write_build(folder, model, design=emitted, runtime=verilator_runtime)


@pytest.mark.slow
def test_a_pipeline_is_bit_and_cycle_exact_with_stalls_and_on_the_board(build):
    core = check_core(build, None, silent)
    assert core.result == "tested"
    assert re.search(r"latency 8 cycles, interval 1", core.detail)
    assert check_board(build, None, silent).result == "tested"


@pytest.mark.slow
def test_a_rank_that_a_stall_does_not_hold_is_refuted(build):
    path = build / "core.v"
    right = path.read_text()
    path.write_text(right.replace("    if (enable) begin", "    begin"))
    with pytest.raises(DesignError, match="rtl: refuted"):
        check_core(build, None, silent)
    path.write_text(right)
