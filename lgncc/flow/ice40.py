"""iCE40: synthesis (yosys), place and route (nextpnr-ice40), bitstream (icepack).

`build` is the driver; `synthesize`, `place_and_route` and `pack` are its steps. The parts of the
design that the breakdown counts are kept as modules until they are mapped and flattened only then,
so that each cell's name tells the part it belongs to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from lgncc.boards import Board
from lgncc.flow import nextpnr
from lgncc.flow.platform import TOP, PlatformDesign
from lgncc.flow.result import FlowResult, Usage, require_fit
from lgncc.flow.run import run_tool
from lgncc.flow.tools import Tool, find_tool
from lgncc.flow.workspace import Notice, StepResult, Workspace

SYNTHESIS_TIMEOUT_S = 1800.0
PACKING_TIMEOUT_S = 120.0

# Cells of the synthesized netlist that each take one of a resource for themselves. LUT, carry and
# flip-flop may share a logic cell, so their largest count is what a design needs at the least.
_LOGIC = ("SB_LUT4", "SB_CARRY", "SB_DFF")
_BLOCKS = {
    "SB_RAM40": "ICESTORM_RAM",
    "SB_SPRAM256KA": "ICESTORM_SPRAM",
    "SB_MAC16": "ICESTORM_DSP",
}


def build(
    workspace: Workspace,
    board: Board,
    design: PlatformDesign,
    prefixes: Mapping[str, str],
    *,
    seed: int = 1,
    target_mhz: float | None = None,
    progress: Notice | None = None,
) -> FlowResult:
    """Run the three steps; `prefixes` as in `nextpnr.breakdown`.

    `target_mhz` replaces the board's clock as the goal; `seed` is where routing starts to try.
    Raises DesignError if the design does not fit or cannot be routed.
    """
    yosys, router, icepack = (find_tool(t) for t in ("yosys", "nextpnr-ice40", "icepack"))
    synthesis = synthesize(workspace, yosys, board, design, prefixes, progress=progress)
    require_fit(board, cell_usage(board, synthesis.folder / "stat.json"), "counted after synthesis")
    routing = place_and_route(
        workspace,
        router,
        board,
        synthesis.folder / "top.json",
        design.constraints,
        seed=seed,
        target_mhz=target_mhz,
        progress=progress,
    )
    packing = pack(workspace, icepack, routing.folder / "top.asc", progress=progress)

    report = json.loads((routing.folder / nextpnr.REPORT).read_text())
    return FlowResult(
        utilization=nextpnr.utilization(report),
        timing=nextpnr.timing(report, board),
        breakdown=nextpnr.breakdown(routing.folder / nextpnr.PLACED, prefixes, board.logic_cells),
        luts=cell_counts(synthesis.folder / "stat.json").get("SB_LUT4", 0),
        bitstream=packing.folder / "top.bin",
        synthesized=synthesis.folder / "top.json",
        routed=routing.folder / "top.asc",
        seed=nextpnr.routed_seed(routing.folder),
        steps=(synthesis, routing, packing),
        tools=(yosys, router, icepack),
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
    """The yosys script; `parts` are hierarchical names below the top that stay modules."""
    device = "u" if board.part.startswith("u") else board.part[:2]  # u, lp or hx
    read = {".v": "read_verilog", ".sv": "read_verilog -sv", ".il": "read_rtlil"}
    # Amaranth appends $<n> to a module's name where a signal has the same name.
    modules = [f"{TOP}.{part}{suffix}" for part in sorted(parts) for suffix in ("", "$*")]
    lines = [
        "read_rtlil top.il",
        *(f"{read[Path(name).suffix]} {name}" for name in hdl),
        *(f"setattr -mod -set keep_hierarchy 1 {module}" for module in modules),
        # One mapping round and &mfs. Measured against yosys's own script: 4,569 for 4,588 LUTs at
        # 3,000 gates, 9,856 for 10,287 at 20,000; and its restructuring can take minutes.
        'scratchpad -set abc9.script "+&if,{W},{D},{R},-v;&mfs"',
        f"synth_ice40 -device {device} -top {TOP}",
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


def cell_usage(board: Board, stat_path: Path) -> dict[str, Usage]:
    """What the synthesized netlist needs at the least, from yosys's `stat -json`."""
    counts = cell_counts(stat_path)

    def total(start: str) -> int:
        return sum(count for cell, count in counts.items() if cell.startswith(start))

    used = {board.logic_cells: max(total(kind) for kind in _LOGIC)}
    used |= {resource: total(cell) for cell, resource in _BLOCKS.items()}
    return {name: Usage(count, board.capacity.get(name, 0)) for name, count in used.items()}


def place_and_route(
    workspace: Workspace,
    tool: Tool,
    board: Board,
    netlist: Path,
    constraints: str,
    *,
    seed: int,
    target_mhz: float | None = None,
    progress: Notice | None = None,
) -> StepResult:
    """Step "place-and-route": `top.asc`, `report.json`, `placed.json`, `nextpnr.log`."""
    if target_mhz is not None:
        constraints = re.sub(
            r"^(set_frequency \S+) .*$", rf"\g<1> {target_mhz:g}", constraints, flags=re.MULTILINE
        )
    args = f"--{board.part} --package {board.package} --json top.json --pcf top.pcf --asc top.asc"

    def run(folder: Path) -> None:
        nextpnr.place_and_route(tool, args.split(), folder, board, seed=seed, progress=progress)

    return workspace.step(
        "place-and-route",
        run,
        files={"top.json": netlist, "top.pcf": constraints},
        options=[*args.split(), f"seed {seed}", str(nextpnr.STALL_ROUNDS)],
        tool=tool,
        progress=progress,
    )


def pack(
    workspace: Workspace, icepack: Tool, asc: Path, *, progress: Notice | None = None
) -> StepResult:
    """Step "pack": `top.bin`, the bitstream."""

    def run(folder: Path) -> None:
        run_tool(
            icepack,
            ["top.asc", "top.bin"],
            log_path=folder / "icepack.log",
            cwd=folder,
            timeout_s=PACKING_TIMEOUT_S,
            on_line=nextpnr.first_use_notice(icepack, progress),
        )

    return workspace.step("pack", run, files={"top.asc": asc}, tool=icepack, progress=progress)
