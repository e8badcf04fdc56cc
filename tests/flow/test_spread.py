"""The second way to route on iCE40: cells spread out, then wires by what is free alone."""

from __future__ import annotations

import json
import shlex

import pytest
from loop_through import PREFIXES, LoopThrough, fabric

from lgncc.boards import load_board
from lgncc.errors import DesignError
from lgncc.flow import nextpnr
from lgncc.flow.build import synthesize
from lgncc.flow.families import family_of
from lgncc.flow.platform import elaborate
from lgncc.flow.tools import Tool, find_tool
from lgncc.flow.workspace import Workspace

BOARD = load_board("icebreaker")
UTILIZATION = "Info: \t         ICESTORM_LC:    {}/   5280    50%"
LEFT = "Info:     iter={} wires=9000 overused={} overuse={}"


def tool(folder, *, cells, placed="exit 0", routed="exit 0"):
    """A nextpnr that is stuck with two wires unless asked to place only; notes what it is given."""
    script = folder / "nextpnr"
    stuck = "\n".join([UTILIZATION.format(cells), *(LEFT.format(i, 2, 2) for i in range(450))])
    settings = json.dumps({"modules": {"top": {"settings": {"timing_driven": "1", "seed": "7"}}}})
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {shlex.quote(str(folder / "given"))}\n'
        'case "$*" in\n'
        f"*--no-route*) echo '{settings}' > spread.json; {placed};;\n"
        f"*--no-place*) {routed};;\n"
        f"esac\ncat <<'END'\n{stuck}\nEND\nexec sleep 60\n"
    )
    script.chmod(0o755)
    return Tool("nextpnr-ice40", (str(script),), "0", "")


def route(folder, **options):
    nextpnr.place_and_route(
        tool(folder, **options),
        ["--up5k", "--json", "top.json", "--tmg-ripup"],
        folder,
        BOARD,
        seed=7,
        seeds=1,
        spreads=True,
    )
    return [shlex.split(line) for line in (folder / "given").read_text().splitlines()]


@pytest.mark.parametrize(("cells", "density"), [(3318, "0.66"), (900, "0.65"), (5200, "0.90")])
def test_a_stalled_design_is_placed_with_room_and_routed_by_congestion(tmp_path, cells, density):
    first, placing, routing = route(tmp_path, cells=cells)
    assert "--no-route" not in first
    assert "--no-place" not in first
    assert placing[placing.index("--placer-heap-beta") + 1] == density
    assert "top.json" in placing
    assert routing.count("--json") == 1
    assert routing[routing.index("--json") + 1] == "spread.json"
    assert not {"top.json", "--tmg-ripup"} & set(routing)
    settings = json.loads((tmp_path / "spread.json").read_text())["modules"]["top"]["settings"]
    assert (int(settings["timing_driven"]), settings["seed"]) == (0, "7")
    assert nextpnr.routed_seed(tmp_path) == 7
    assert (tmp_path / "seed7-router2-nextpnr.log").exists()


@pytest.mark.parametrize("fails", ["placed", "routed"])
def test_where_that_fails_the_next_seed_is_tried(tmp_path, fails):
    with pytest.raises(DesignError, match="with the seeds 7 to 8 in any way"):
        route(tmp_path, cells=900, **{fails: "echo ERROR: no; exit 1"})
    assert (tmp_path / "seed8-spread-nextpnr.log").exists()


def test_resources_that_are_overused_are_no_end_either(tmp_path):
    script = tmp_path / "nextpnr"
    line = LEFT.format("$i", 0, 0) + " resources=9 overused=3 overuse=3"
    script.write_text(f'#!/bin/sh\nfor i in $(seq 400); do echo "{line}"; done\nexec sleep 60\n')
    script.chmod(0o755)
    with pytest.raises(DesignError, match="with the seeds 7 to 8 in any way"):
        nextpnr.place_and_route(
            Tool("nextpnr-gowin", (str(script),), "0", ""), [], tmp_path, BOARD, seed=7, seeds=1
        )


def cells_of(folder):
    """Type and parameters of each placed cell, and the nets."""
    design = json.loads((folder / nextpnr.PLACED).read_text())["modules"]["top"]
    cells = {name: (cell["type"], cell["parameters"]) for name, cell in design["cells"].items()}
    return cells, design["netnames"].keys()


@pytest.mark.slow
def test_what_is_placed_and_routed_apart_is_the_same_design(tmp_path):
    design = elaborate(BOARD, LoopThrough(8), {"fabric.v": fabric(8, 60)})
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    netlist = synthesize(workspace, find_tool("yosys"), BOARD, design, PREFIXES).folder / "top.json"
    real = find_tool("nextpnr-ice40")
    script, left = tmp_path / "nextpnr", LEFT.format("$i", 2, 2)
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *--no-*) exec {shlex.join(real.argv)} "$@";; esac\n'
        f'for i in $(seq 450); do echo "{left}"; done; exec sleep 60\n'
    )
    script.chmod(0o755)
    found = {}
    for way, program in (("router2", real), ("spread", Tool(real.name, (str(script),), "0", ""))):
        folder = tmp_path / way
        folder.mkdir()
        (folder / "top.json").write_bytes(netlist.read_bytes())
        (folder / "top.pcf").write_text(design.constraints)
        args = [*family_of(BOARD).route(BOARD).split(), "--freq", "12"]
        nextpnr.place_and_route(program, args, folder, BOARD, seed=1, spreads=True)
        report = json.loads((folder / nextpnr.REPORT).read_text())
        found[way] = (*cells_of(folder), report["utilization"])
        assert nextpnr.timing(report, BOARD)[0].met
        assert (folder / "top.asc").stat().st_size > 100_000
    assert found["router2"] == found["spread"]


def test_what_router2_cannot_finish_router1_routes_as_it_is_spread(tmp_path):
    *_, routing = route(tmp_path, cells=900, routed='case "$*" in *router1*) exit 0;; esac; exit 1')
    assert routing[routing.index("--router") + 1] == "router1"
    assert routing[routing.index("--json") + 1] == "spread.json"
    settings = json.loads((tmp_path / "spread.json").read_text())["modules"]["top"]["settings"]
    assert (settings["router"], int(settings["timing_driven"])) == ("router1", 0)
    assert (tmp_path / "seed7-spread-nextpnr.log").exists()
