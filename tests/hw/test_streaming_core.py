# amaranth: UnusedElaboratable=no
"""The pipeline that nothing holds: cycle-exact in a real simulator, and refuted where wrong."""

from __future__ import annotations

import re
import shutil

import builds
import numpy as np
import pytest
from mapped_designs import map_plainly

from lgncc.boards import load_board
from lgncc.emit.board import emit_core
from lgncc.emit.core import core_rtlil, core_verilog
from lgncc.errors import DesignError
from lgncc.hw.mapped_core import MappedCore
from lgncc.hw.streaming_core import StreamingCore
from lgncc.mapping.stages import plan_stages
from lgncc.verify.rtl import check_core


def silent(_):
    pass


@pytest.fixture(scope="module")
def design():
    return map_plainly(builds.small_model("class"), np.random.default_rng(0))


def core_of(design, max_levels, *, input_register=True):
    stages = plan_stages(design.luts, max_levels)
    return StreamingCore(design, stages, input_register=input_register)


@pytest.mark.parametrize("max_levels", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("input_register", [False, True])
def test_the_buffer_adds_two_cycles_and_holds_what_a_steady_stream_has_inside(
    design, max_levels, input_register
):
    core = core_of(design, max_levels, input_register=input_register)
    held = MappedCore(design, core.stages, input_register=input_register)
    assert core.latency_cycles == held.latency_cycles + 2
    # An answer is taken in the cycle in which the vector `latency_cycles` later is accepted.
    assert core.latency_cycles < core.capacity <= 2 * core.latency_cycles


def test_the_header_states_the_capacity_and_no_register_has_an_enable(design):
    core = core_of(design, 3)
    text = core_verilog(core)
    assert f"// initiation interval: 1 cycle; up to {core.capacity} vectors are inside\n" in text
    assert "module lgncc_luts(x, clk, y);" in text
    assert "$dffe" not in core_rtlil(core_of(design, 3)).partition("module \\lgncc_luts")[2]


@pytest.fixture(scope="module")
def build(tmp_path_factory, design, verilator_runtime):
    """A pipeline of more ranks than the buffer of a smaller one would hold, as a build folder."""
    board = load_board("ulx3s-85f")
    folder = tmp_path_factory.mktemp("streaming") / "build"
    emitted = emit_core(lambda: core_of(design, 2, input_register=False), board)
    model = builds.small_model("class")
    return builds.write_build(folder, model, design=emitted, runtime=verilator_runtime)


@pytest.mark.slow
def test_it_is_bit_and_cycle_exact_with_stalls_and_resets(build):
    core = check_core(build, None, silent)
    assert core.result == "tested"
    assert re.search(r"latency 14 cycles, interval 1", core.detail)


FAULTS = {
    "a buffer that overflows": (
        r"(module lgncc_core\(.*?assign i__ready = ).*?;",
        r"\g<1>1'h1;",
        r"i__ready is 1 with 16 of 16 vectors inside",
    ),
    "room for too few": (
        r"(module lgncc_core\(.*?assign i__ready = )[^;]*;",
        r"\g<1>~count[3];",
        r"i__ready is 0 with 8 of 16 vectors inside",
    ),
    "an answer that is taken for valid a cycle early": (
        r"(module lgncc_core\(.*?\.w_en\()accepted\[11\]",
        r"\g<1>accepted[10]",
        r"answered 13 cycles after it was accepted, the design states a latency of 14",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FAULTS)
def test_a_wrong_handshake_is_refuted(build, tmp_path, what):
    pattern, replacement, message = FAULTS[what]
    mutant = shutil.copytree(build, tmp_path / "mutant")
    text, count = re.subn(
        pattern, replacement, (mutant / "core.v").read_text(), count=1, flags=re.DOTALL
    )
    assert count == 1
    (mutant / "core.v").write_text(text)
    with pytest.raises(DesignError, match=message):
        check_core(mutant, None, silent)
