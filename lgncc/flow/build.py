"""From a board design to a bitstream: synthesis (yosys), place and route (nextpnr), packing.

`build` runs the three steps, which are the same for every family; what differs is the board's
`Family`. The parts of the design that the breakdown counts are kept as modules until they are
mapped and flattened only then, so that each cell's name tells the part it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from lgncc.boards import Board
from lgncc.flow import nextpnr
from lgncc.flow.families import family_of
from lgncc.flow.platform import TOP, PlatformDesign
from lgncc.flow.result import FlowResult, require_fit
from lgncc.flow.run import run_tool
from lgncc.flow.tools import Tool, find_tool
from lgncc.flow.workspace import Notice, StepResult, Workspace

SYNTHESIS_TIMEOUT_S = 1800.0
PACKING_TIMEOUT_S = 120.0
CELLS = ".cells.v"
CONTENTS = ".hex"


def build(
    workspace: Workspace,
    board: Board,
    design: PlatformDesign,
    prefixes: Mapping[str, str],
    *,
    seed: int = 1,
    seeds: int = nextpnr.SEEDS,
    target_mhz: float | None = None,
    by_time: bool = False,
    progress: Notice | None = None,
) -> FlowResult:
    """Run the three steps; `prefixes` as in `nextpnr.breakdown`.

    `target_mhz` replaces the design's clock as the goal; `seed` is where routing starts to try,
    `seeds` how many it tries. by_time: the router takes slow wires up again, which takes it about
    three times as long and gains a tenth.
    Raises DesignError if the design does not fit or cannot be routed.
    """
    family = family_of(board)
    yosys, router, packer = (find_tool(t) for t in ("yosys", family.nextpnr, family.packer))
    synthesis = synthesize(workspace, yosys, board, design, prefixes, progress=progress)
    counts = cell_counts(synthesis.folder / "stat.json")
    require_fit(board, family.usage(board, counts), "counted after synthesis")
    routing = place_and_route(
        workspace,
        router,
        board,
        synthesis.folder / "top.json",
        design.constraints,
        seed=seed,
        seeds=seeds,
        target_mhz=target_mhz or design.clock_hz / 1e6,
        by_time=by_time,
        progress=progress,
    )
    packing = pack(workspace, packer, board, routing.folder / family.routed, progress=progress)

    report = json.loads((routing.folder / nextpnr.REPORT).read_text())
    placed = routing.folder / nextpnr.PLACED
    return FlowResult(
        utilization=nextpnr.utilization(report, board, family),
        timing=nextpnr.timing(report, board),
        breakdown=nextpnr.breakdown(placed, prefixes, family.logic_types),
        luts=sum(count for cell, count in counts.items() if cell.startswith(family.lut)),
        bitstream=packing.folder / family.bitstream,
        synthesized=synthesis.folder / "top.json",
        routed=routing.folder / family.routed,
        seed=nextpnr.routed_seed(routing.folder),
        steps=(synthesis, routing, packing),
        tools=(yosys, router, packer),
    )


def synthesize(
    workspace: Workspace,
    yosys: Tool,
    board: Board,
    design: PlatformDesign,
    parts: Iterable[str],
    *,
    progress: Notice | None = None,
) -> StepResult:
    """Step "synthesize": `top.json` (mapped netlist), `stat.json`, `synth.log`."""
    files = {"top.il": design.rtlil, **design.hdl}
    files["synth.ys"] = synthesis_script(board, design.hdl, parts)

    def run(folder: Path) -> None:
        run_tool(
            yosys,
            ["-s", "synth.ys"],
            log_path=folder / "synth.log",
            cwd=folder,
            timeout_s=SYNTHESIS_TIMEOUT_S,
        )

    return workspace.step("synthesize", run, files=files, tool=yosys, progress=progress)


def synthesis_script(board: Board, hdl: Iterable[str], parts: Iterable[str]) -> str:
    """The yosys script; `parts` are hierarchical names below the top that stay modules.

    A module of `hdl` in a file `*.cells.v` consists of the family's own cells. It is a black box
    while the rest is synthesized, which is faster than looking for something to improve in it.
    """
    read = {".v": "read_verilog", ".sv": "read_verilog -sv", ".il": "read_rtlil"}
    cells = [name for name in hdl if name.endswith(CELLS)]
    contents = [name for name in hdl if name.endswith(CONTENTS)]  # what modules of `hdl` read
    # Amaranth appends $<n> to a module's name where a signal has the same name.
    modules = [f"{TOP}.{part}{suffix}" for part in sorted(parts) for suffix in ("", "$*")]
    lines = [
        "read_rtlil top.il",
        *(f"{read[Path(name).suffix]} {name}" for name in hdl if name not in (*cells, *contents)),
        *(f"read_verilog -lib {name}" for name in cells),
        *(f"setattr -mod -set keep_hierarchy 1 {module}" for module in modules),
        # One mapping round and &mfs. Measured against yosys's own script on iCE40: 4,569 for 4,588
        # LUTs at 3,000 gates, 9,856 for 10,287 at 20,000; and its restructuring can take minutes.
        'scratchpad -set abc9.script "+&if,{W},{D},{R},-v;&mfs"',
        f"{family_of(board).synthesis(board)} -top {TOP}",
        *(f"read_verilog -overwrite {name}" for name in cells),
        "setattr -mod -unset keep_hierarchy *",
        "flatten",
        "opt_clean",
        "tee -q -o stat.json stat -json",
        "write_json top.json",
    ]
    return "\n".join(lines) + "\n"


def cell_counts(stat_path: Path) -> dict[str, int]:
    """Cells of the synthesized netlist by type, from yosys's `stat -json`."""
    counts: dict[str, int] = json.loads(stat_path.read_text())["design"]["num_cells_by_type"]
    return counts


def place_and_route(
    workspace: Workspace,
    tool: Tool,
    board: Board,
    netlist: Path,
    constraints: str,
    *,
    seed: int,
    seeds: int = nextpnr.SEEDS,
    target_mhz: float,
    by_time: bool = False,
    progress: Notice | None = None,
) -> StepResult:
    """Step "place-and-route": `family.routed`, `report.json`, `placed.json`, `nextpnr.log`."""
    family = family_of(board)
    args = [*family.route(board).split(), "--freq", f"{target_mhz:g}"]
    args += ["--tmg-ripup"] * (by_time and family.rips_up)

    def run(folder: Path) -> None:
        nextpnr.place_and_route(
            tool,
            args,
            folder,
            board,
            seed=seed,
            seeds=seeds,
            spreads=family.spreads,
            progress=progress,
        )

    return workspace.step(
        "place-and-route",
        run,
        files={"top.json": netlist, family.constraints: constraints},
        options=[*args, f"seed {seed}", str(nextpnr.STALL_ROUNDS)],
        tool=tool,
        progress=progress,
    )


def pack(
    workspace: Workspace,
    packer: Tool,
    board: Board,
    routed: Path,
    *,
    progress: Notice | None = None,
) -> StepResult:
    """Step "pack": `family.bitstream`."""
    args = [*board.packer_options, *family_of(board).pack(board).split()]

    def run(folder: Path) -> None:
        run_tool(
            packer,
            args,
            log_path=folder / f"{packer.name}.log",
            cwd=folder,
            timeout_s=PACKING_TIMEOUT_S,
            on_line=nextpnr.first_use_notice(packer, progress),
        )

    return workspace.step(
        "pack",
        run,
        files={routed.name: routed},
        options=args,
        tool=packer,
        progress=progress,
    )
