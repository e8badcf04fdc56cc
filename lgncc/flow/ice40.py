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
from typing import Any

from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.flow.platform import SHELL, TOP, PlatformDesign
from lgncc.flow.result import FlowResult, Timing, Usage, require_fit
from lgncc.flow.run import OnLine, ToolFailedError, run_tool
from lgncc.flow.tools import Tool, find_tool
from lgncc.flow.workspace import Notice, StepResult, Workspace

SYNTHESIS_TIMEOUT_S = 1800.0
ROUTING_TIMEOUT_S = 1800.0
PACKING_TIMEOUT_S = 120.0

# Cells of the synthesized netlist that each take one of a resource for themselves. LUT, carry and
# flip-flop may share a logic cell, so their largest count is what a design needs at the least.
_LOGIC = ("SB_LUT4", "SB_CARRY", "SB_DFF")
_BLOCKS = {
    "SB_RAM40": "ICESTORM_RAM",
    "SB_SPRAM256KA": "ICESTORM_SPRAM",
    "SB_MAC16": "ICESTORM_DSP",
}
_UTILIZATION_LINE = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")


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
    """Run the three steps; `prefixes` as in `breakdown`, `target_mhz` replaces the board's clock.

    Raises DesignError if the design does not fit or cannot be routed.
    """
    yosys, nextpnr, icepack = (find_tool(t) for t in ("yosys", "nextpnr-ice40", "icepack"))
    synthesis = synthesize(workspace, yosys, board, design, prefixes, progress=progress)
    require_fit(board, cell_usage(board, synthesis.folder / "stat.json"), "counted after synthesis")
    routing = place_and_route(
        workspace,
        nextpnr,
        board,
        synthesis.folder / "top.json",
        design.constraints,
        seed=seed,
        target_mhz=target_mhz,
        progress=progress,
    )
    packing = pack(workspace, icepack, routing.folder / "top.asc", progress=progress)

    report = json.loads((routing.folder / "report.json").read_text())
    return FlowResult(
        utilization=_utilization(report),
        timing=_timing(report, board),
        breakdown=breakdown(routing.folder / "placed.json", prefixes, board.logic_cells),
        bitstream=packing.folder / "top.bin",
        synthesized=synthesis.folder / "top.json",
        routed=routing.folder / "top.asc",
        steps=(synthesis, routing, packing),
        tools=(yosys, nextpnr, icepack),
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
        # One mapping round instead of abc9's repeated ones: the same size in a tenth of the time.
        "scratchpad -set abc9.script +&if,{W},{D},{R},-v",
        f"synth_ice40 -device {device} -top {TOP}",
        "setattr -mod -unset keep_hierarchy *",
        "flatten",
        "opt_clean",
        "tee -q -o stat.json stat -json",
        "write_json top.json",
    ]
    return "\n".join(lines) + "\n"


def cell_usage(board: Board, stat_path: Path) -> dict[str, Usage]:
    """What the synthesized netlist needs at the least, from yosys's `stat -json`."""
    counts: dict[str, int] = json.loads(stat_path.read_text())["design"]["num_cells_by_type"]

    def total(start: str) -> int:
        return sum(count for cell, count in counts.items() if cell.startswith(start))

    used = {board.logic_cells: max(total(kind) for kind in _LOGIC)}
    used |= {resource: total(cell) for cell, resource in _BLOCKS.items()}
    return {name: Usage(count, board.capacity.get(name, 0)) for name, count in used.items()}


def place_and_route(
    workspace: Workspace,
    nextpnr: Tool,
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
    # router1 leaves random networks unrouted; timing is judged from the report, not the exit code.
    args = f"--{board.part} --package {board.package} --json top.json --pcf top.pcf --asc top.asc "
    args += "--report report.json --write placed.json --router router2 --timing-allow-fail "
    args += f"--seed {seed}"

    def run(folder: Path) -> None:
        log_path = folder / "nextpnr.log"
        try:
            run_tool(
                nextpnr,
                args.split(),
                log_path=log_path,
                cwd=folder,
                timeout_s=ROUTING_TIMEOUT_S,
                on_line=_first_call_notice(nextpnr, progress),
            )
        except ToolFailedError as error:
            usage = _logged_utilization(log_path)
            require_fit(board, usage, "counted by nextpnr", f"log: {log_path}")
            if board.logic_cells not in usage:
                raise  # it failed before it placed anything: not a matter of size
            cells = usage[board.logic_cells]
            raise DesignError(
                f"{error}\n"
                f"  The design takes {cells.used:,} of {cells.available:,} logic cells; close to a "
                f"full device the wiring runs out first.\n"
                f"  Use another --seed, a smaller network or a larger board."
            ) from error

    return workspace.step(
        "place-and-route",
        run,
        files={"top.json": netlist, "top.pcf": constraints},
        options=args.split(),
        tool=nextpnr,
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
            on_line=_first_call_notice(icepack, progress),
        )

    return workspace.step("pack", run, files={"top.asc": asc}, tool=icepack, progress=progress)


def breakdown(placed_json: Path, prefixes: Mapping[str, str], cell_type: str) -> dict[str, int]:
    """Logic cells of each part, from nextpnr's netlist; they sum to all cells of `cell_type`.

    `prefixes` maps a hierarchical name ("shell.core.network") to its part ("network"); the longest
    that fits wins, and whatever fits none (nextpnr's own cells too) is the shell's. A LUT and the
    flip-flop packed with it count where the LUT belongs, after which nextpnr names the cell.
    """
    cells: Mapping[str, Any] = json.loads(placed_json.read_text())["modules"][TOP]["cells"]
    longest_first = sorted(prefixes, key=len, reverse=True)
    counts = dict.fromkeys([*prefixes.values(), SHELL], 0)
    for name, cell in cells.items():
        if cell["type"] == cell_type:
            # yosys: "$flatten\a.b.$x"; Amaranth: "a$1.b" where a signal is called a, too.
            plain = re.sub(r"\$\d+(?=\.)", "", name.removeprefix("$flatten\\"))
            part = next((p for p in longest_first if plain.startswith(f"{p}.")), None)
            counts[prefixes[part] if part else SHELL] += 1
    return counts


def _utilization(report: Mapping[str, Any]) -> dict[str, Usage]:
    return {n: Usage(u["used"], u["available"]) for n, u in report["utilization"].items()}


def _timing(report: Mapping[str, Any], board: Board) -> tuple[Timing, ...]:
    clocks = report["fmax"]
    if not clocks:
        raise DesignError("nextpnr found no clock in the design, so its timing cannot be judged")
    # A single clock is the board's: the platform drives nothing else.
    names = {name: board.clock.resource if len(clocks) == 1 else name for name in clocks}
    return tuple(
        Timing(
            clock=names[name],
            fmax_mhz=round(clock["achieved"], 3),
            target_mhz=round(clock["constraint"], 3),
            met=clock["achieved"] >= clock["constraint"],
        )
        for name, clock in sorted(clocks.items())
    )


def _logged_utilization(log_path: Path) -> dict[str, Usage]:
    """The utilization block that nextpnr logs before placing; empty if it did not get there."""
    matches = map(_UTILIZATION_LINE.match, log_path.read_text(errors="replace").splitlines())
    return {m[1]: Usage(int(m[2]), int(m[3])) for m in matches if m}


def _first_call_notice(tool: Tool, progress: Notice | None) -> OnLine | None:
    """Pass on YoWASP's remark that it compiles itself first, which takes some silent seconds."""
    if progress is None:
        return None

    def on_line(line: str) -> None:
        if line.startswith("Preparing to run"):
            progress(f"{tool.name}: first use, compiling it for this machine (some seconds)")

    return on_line
