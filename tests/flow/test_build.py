"""The flow, on iCE40: judged without tools where it can be, and (slow) from HDL to bitstream."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from loop_through import PREFIXES, LoopThrough, fabric, wide_fabric

from lgncc.boards import load_board
from lgncc.errors import DesignError, InputError
from lgncc.flow import nextpnr
from lgncc.flow.build import build, synthesize
from lgncc.flow.families import family_of
from lgncc.flow.platform import elaborate
from lgncc.flow.result import Usage, require_fit
from lgncc.flow.tools import find_tool
from lgncc.flow.workspace import Workspace

BOARD = load_board("icebreaker")


def test_elaborate_gives_the_boards_pins_and_clock():
    # iCEBreaker schematic: UART on pins 6 and 9, 12 MHz clock on 35.
    design = elaborate(BOARD, LoopThrough(8), {"fabric.v": "module fabric; endmodule"})
    commands = [
        line.split() for line in design.constraints.splitlines() if not line.startswith("#")
    ]
    pins = {pin: port for command, port, pin in commands if command == "set_io"}
    assert sorted(pins) == ["35", "6", "9"]
    assert "rx" in pins["6"]
    assert "tx" in pins["9"]
    assert {command for command, *_ in commands} == {"set_io"}  # the goal is nextpnr's --freq
    assert design.clock_hz == 12_000_000
    assert design.hdl == {"fabric.v": "module fabric; endmodule"}
    assert "module \\top.shell.core" in design.rtlil


def test_elaborate_is_the_same_text_every_time_and_holds_no_paths():
    first, second = (elaborate(BOARD, LoopThrough(8)) for _ in range(2))
    assert first == second
    assert "/" not in re.sub(r'attribute \\\w+ ".*?"', "", first.rtlil).replace("//", "")
    assert __file__ not in first.rtlil


def test_a_component_may_bring_its_own_files():
    class Bringing(LoopThrough):
        def elaborate(self, platform):
            platform.add_file("own.v", "// own\n")
            return super().elaborate(platform)

    assert elaborate(BOARD, Bringing(8)).hdl == {"own.v": "// own\n"}


def test_breakdown_sums_to_all_logic_cells(tmp_path):
    cells = {
        "shell.core.network.y_LC": "network",
        "$flatten\\shell.core.network.$abc$1_LC": "network",
        "shell.core$3.network$12.z_LC": "network",
        "shell.core.network_LC": "readout",  # a cell of core whose name only begins alike
        "shell.core.networks.y_LC": "readout",
        "shell.core.y_DFFLC": "readout",
        "shell.rx_LC": "shell",
        "$nextpnr_ICESTORM_LC_0": "shell",
        "$PACKER_GND": "shell",
    }
    top = {name: {"type": "ICESTORM_LC"} for name in cells} | {"pin": {"type": "SB_IO"}}
    path = tmp_path / "placed.json"
    path.write_text(json.dumps({"modules": {"top": {"cells": top}}}))
    prefixes = {"shell.core": "readout", "shell.core.network": "network", "shell.enc": "encoder"}
    parts = list(cells.values())
    assert nextpnr.breakdown(path, prefixes, ["ICESTORM_LC"]) == {
        part: parts.count(part) for part in ("readout", "network", "encoder", "shell")
    }


def test_what_does_not_fit_is_named_with_used_and_available():
    usage = {"ICESTORM_LC": Usage(6102, 5280), "ICESTORM_RAM": Usage(1, 30)}
    with pytest.raises(DesignError) as error:
        require_fit(BOARD, usage, "counted after synthesis")
    assert str(error.value) == (
        "the design does not fit iCEBreaker (ice40 up5k), counted after synthesis:\n"
        "    logic cells, ICESTORM_LC: needs 6,102 of 5,280 (116 %)\n"
        "  Use a smaller network (fewer gates, fewer outputs a class) or a larger board."
    )


def test_a_full_board_fits():
    require_fit(BOARD, {"ICESTORM_LC": Usage(5280, 5280)}, "counted after synthesis")


def test_cells_are_counted_as_the_resources_they_occupy():
    types = {"SB_LUT4": 10, "SB_CARRY": 3, "SB_DFF": 6, "SB_DFFESR": 7, "SB_RAM40_4K": 2}
    usage = family_of(BOARD).usage(BOARD, types)
    assert usage["ICESTORM_LC"] == Usage(13, 5280)  # 13 flip-flops need 13 cells
    assert usage["ICESTORM_RAM"] == Usage(2, 30)
    assert usage["ICESTORM_SPRAM"] == Usage(0, 4)


def test_a_family_without_a_flow_is_named():
    with pytest.raises(InputError, match="no flow for the family 'nexus'; there is one for ice40"):
        family_of(replace(BOARD, family="nexus"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One real build of a small design, shared by the tests that look at it."""
    out = tmp_path_factory.mktemp("small") / "out"
    design = elaborate(BOARD, LoopThrough(8), {"fabric.v": fabric(8, 60)})

    def run(**options):
        workspace = Workspace(out)
        workspace.begin()
        return build(workspace, BOARD, design, PREFIXES, **options)

    return run


@pytest.mark.slow
def test_a_small_design_becomes_a_bitstream(small):
    result = small()
    # The iCE40 bitstream starts with a comment block (ff 00) and then the preamble 7eaa997e.
    assert b"\x7e\xaa\x99\x7e" in result.bitstream.read_bytes()[:64]
    assert result.met
    assert result.luts > 40
    (clock,) = result.timing
    assert (clock.clock, clock.target_mhz) == ("clk12", 12.0)
    assert clock.fmax_mhz > 12
    assert not list(result.bitstream.parent.parent.glob("*.partial"))


@pytest.mark.slow
def test_the_parts_sum_to_what_nextpnr_counts(small):
    result = small()
    assert sum(result.breakdown.values()) == result.utilization["ICESTORM_LC"].used
    assert result.breakdown["network"] > 20
    assert result.breakdown["shell"] > 20
    assert result.breakdown["encoder"] == 0


@pytest.mark.slow
def test_the_board_file_states_what_nextpnr_says_is_there(small):
    available = {name: usage.available for name, usage in small().utilization.items()}
    assert BOARD.capacity.items() <= available.items()


@pytest.mark.slow
def test_a_rerun_is_cached_and_another_seed_repeats_only_routing(small):
    small()
    assert [step.cached for step in small().steps] == [True, True, True]
    assert [step.cached for step in small(seed=3).steps] == [True, False, False]


@pytest.mark.slow
def test_a_missed_target_is_a_result_not_an_exception(small):
    result = small(target_mhz=400)
    assert not result.met
    assert result.timing[0].target_mhz == pytest.approx(400, rel=1e-3)
    assert result.bitstream.exists()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("icebox_vlog"), reason="fpga-icestorm is not installed")
def test_the_bitstream_reads_back_as_verilog(small):
    asc = small().routed
    verilog = subprocess.run(["icebox_vlog", "-s", str(asc)], capture_output=True, check=True)
    assert b"module chip" in verilog.stdout


@pytest.mark.slow
def test_an_oversize_design_stops_after_synthesis_with_what_to_do(tmp_path):
    board = replace(BOARD, capacity=BOARD.capacity | {"ICESTORM_LC": 300})
    design = elaborate(board, LoopThrough(64), {"fabric.v": wide_fabric(64, 300)})
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    steps = []
    with pytest.raises(DesignError) as error:
        build(workspace, board, design, PREFIXES, progress=steps.append)
    assert steps == ["synthesize"]
    found = re.search(r"ICESTORM_LC: needs ([\d,]+) of 300", str(error.value))
    assert found is not None
    assert int(found[1].replace(",", "")) > 300
    assert "larger board" in str(error.value)


@pytest.mark.slow
def test_hdl_that_yosys_refuses_is_reported_with_its_line(tmp_path):
    design = elaborate(BOARD, LoopThrough(8), {"fabric.v": "module fabric(;\n"})
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    with pytest.raises(DesignError, match=r"fabric\.v:1: .*syntax error"):
        synthesize(workspace, find_tool("yosys"), BOARD, design, PREFIXES)
