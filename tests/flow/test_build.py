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
from lgncc.flow.build import build, place_and_route, synthesize
from lgncc.flow.families import family_of
from lgncc.flow.platform import elaborate
from lgncc.flow.result import Usage, require_fit
from lgncc.flow.tools import Tool, find_tool
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


LOG = """Info: Packing constants..
Info: Device utilisation:
Info: \t         ICESTORM_LC:    {lc:>5}/   5280   {percent:>3}%
Info: \t        ICESTORM_RAM:       0/     30     0%
ERROR: {error}
"""


def fail_with(tmp_path, log, commands="exit 255"):
    """Place and route by a program that prints `log` and exits with 255, as nextpnr does."""
    script = tmp_path / "nextpnr"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{log}END\n{commands}\n")
    script.chmod(0o755)
    (tmp_path / "top.json").write_text("{}")
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    tool = Tool("nextpnr-ice40", (str(script),), "0", "test")
    with pytest.raises(DesignError) as error:
        place_and_route(workspace, tool, BOARD, tmp_path / "top.json", "", seed=1, target_mhz=12.0)
    return str(error.value)


def test_a_placer_that_runs_out_of_cells_is_a_design_that_does_not_fit(tmp_path):
    log = LOG.format(lc=5412, percent=102, error="Unable to place cell 'a_LC'")
    message = fail_with(tmp_path, log)
    assert "ICESTORM_LC: needs 5,412 of 5,280 (102 %)" in message
    assert f"{tmp_path}/out/work/place-and-route.partial/nextpnr.log" in message


def test_a_router_that_gives_up_is_told_with_how_full_the_device_is(tmp_path):
    message = fail_with(tmp_path, LOG.format(lc=5200, percent=98, error="Failed to route arc 3"))
    assert message.startswith("nextpnr-ice40 failed (exit code 255): ERROR: Failed to route arc 3")
    assert "takes 5,200 of 5,280 logic cells" in message
    assert "--seed" in message


def test_a_failure_before_packing_is_not_called_a_matter_of_size(tmp_path):
    message = fail_with(tmp_path, "ERROR: Failed to open JSON file\n")
    assert "Failed to open JSON file" in message
    assert "logic cells" not in message


def test_a_router_that_stalls_with_every_seed_is_stopped_and_told(tmp_path):
    rounds = "Info:     iter=1 wires=1591 overused=4 overuse=6 archfail=NA\n" * 400
    message = fail_with(
        tmp_path, LOG.format(lc=3000, percent=56, error="-") + rounds, "exec sleep 60"
    )
    assert message.startswith(
        "nextpnr-ice40 could not route the design with the seeds 1 to 4 and either router."
    )
    assert "takes 3,000 of 5,280 logic cells" in message
    logs = sorted(path.name for path in (tmp_path / "out/work/place-and-route.partial").iterdir())
    assert [name for name in logs if name.endswith(".log")] == [
        f"seed{seed}-router{router}-nextpnr.log" for seed in (1, 2, 3, 4) for router in (1, 2)
    ]


@pytest.mark.parametrize(
    ("routes", "seed", "stuck"),
    [
        ("--router router1*--seed 7", 7, ["router2 is stuck with --seed 7"]),
        ("--seed 8", 8, [f"router{n} is stuck with --seed 7" for n in (2, 1)]),
    ],
)
def test_a_stall_is_routed_by_the_other_router_or_with_the_next_seed(tmp_path, routes, seed, stuck):
    script = tmp_path / "nextpnr"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{routes.replace(" ", "?")}*) echo "Info: routed"; exit 0;; esac\n'
        'for i in $(seq 400); do echo "Info:     iter=$i wires=9 overused=2 overuse=2"; done\n'
        "exec sleep 60\n"
    )
    script.chmod(0o755)
    said = []
    nextpnr.place_and_route(
        Tool("nextpnr-ice40", (str(script),), "0", ""),
        [],
        tmp_path,
        BOARD,
        seed=7,
        progress=said.append,
    )
    assert nextpnr.routed_seed(tmp_path) == seed
    assert said == [f"nextpnr-ice40: {line}" for line in stuck]
    assert "overused" in (tmp_path / "seed7-router2-nextpnr.log").read_text()
    assert "Info: routed" in (tmp_path / "nextpnr.log").read_text()


@pytest.mark.parametrize(
    ("overused", "tries"),
    [
        (900, ["router2 is stuck with --seed 7"]),
        (2, [f"router{n} is stuck with --seed {seed}" for seed in (7, 8) for n in (2, 1)]),
    ],
)
def test_one_seed_is_enough_where_much_is_left_and_not_where_little_is(tmp_path, overused, tries):
    script = tmp_path / "nextpnr"
    line = f"Info:     iter=$i wires=9000 overused={overused} overuse={overused}"
    script.write_text(f'#!/bin/sh\nfor i in $(seq 400); do echo "{line}"; done\nexec sleep 60\n')
    script.chmod(0o755)
    said, tool = [], Tool("nextpnr-ice40", (str(script),), "0", "")
    with pytest.raises(DesignError, match="could not route"):
        nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=7, seeds=1, progress=said.append)
    assert said == [f"nextpnr-ice40: {line}" for line in tries]


def test_a_placer_that_gives_up_is_asked_again_with_the_next_seed(tmp_path):
    script = tmp_path / "nextpnr"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--seed?9*) echo "Info: routed"; exit 0;; esac\n'
        "echo \"ERROR: Unable to find legal placement for cell 'a' after 9 attempts\"; exit 255\n"
    )
    script.chmod(0o755)
    said, tool = [], Tool("nextpnr-ecp5", (str(script),), "0", "")
    nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=7, progress=said.append)
    assert nextpnr.routed_seed(tmp_path) == 9
    assert said == [f"nextpnr-ecp5: the placer is stuck with --seed {n}" for n in (7, 8)]
    with pytest.raises(DesignError, match="Unable to find legal placement for cell 'a'"):
        nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=10, seeds=2)


def test_a_slow_but_steady_router_is_left_to_finish(tmp_path):
    lines = [
        f"Info:     iter={i} wires=1 overused={9000 - i // 250} overuse=6" for i in range(1000)
    ]
    message = fail_with(tmp_path, "\n".join(lines) + "\n", "echo 'ERROR: the end'; exit 1")
    assert message.startswith("nextpnr-ice40 failed (exit code 1): ERROR: the end")


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
    design = elaborate(BOARD, LoopThrough(64), {"fabric.v": wide_fabric(64, 3000)})
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    steps = []
    with pytest.raises(DesignError) as error:
        build(workspace, BOARD, design, PREFIXES, progress=steps.append)
    assert steps == ["synthesize"]
    found = re.search(r"ICESTORM_LC: needs ([\d,]+) of 5,280", str(error.value))
    assert found is not None
    assert int(found[1].replace(",", "")) > 5280
    assert "larger board" in str(error.value)


@pytest.mark.slow
def test_hdl_that_yosys_refuses_is_reported_with_its_line(tmp_path):
    design = elaborate(BOARD, LoopThrough(8), {"fabric.v": "module fabric(;\n"})
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    with pytest.raises(DesignError, match=r"fabric\.v:1: .*syntax error"):
        synthesize(workspace, find_tool("yosys"), BOARD, design, PREFIXES)
