"""What is the same for every nextpnr: attempts at routing, and reading its log, report and netlist.

A family's driver gives the arguments; `place_and_route` runs nextpnr in a folder until the design
is routed, and the readers turn `report.json` and `placed.json` into our types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.flow.family import Family
from lgncc.flow.platform import SHELL, TOP
from lgncc.flow.result import Timing, Usage, require_fit
from lgncc.flow.run import OnLine, ToolFailedError, run_tool
from lgncc.flow.tools import Tool
from lgncc.flow.workspace import Notice

TIMEOUT_S = 1800.0

# router2 may go round for ever over a few last wires. Where it came to an end, it never took more
# than 79 rounds to improve, and 320 in all.
STALL_ROUNDS = 300
ROUNDS = 400  # where spreading cells comes next
ROUTER1_TIMEOUT_S = 900.0  # it took 800, beside much else
SEEDS = 4
FEW_WIRES = 50  # as few as another seed or another way may well route; of 3,300 cells it was 18

# The placer fills half of its tiles to the brim by default, and then inputs of LUTs are what wires
# contend for. Spread out, they stand as densely as they need to and a little less.
SPREAD = 0.65
SLACK = 0.03
DENSEST = 0.9  # nextpnr's own

REPORT = "report.json"
PLACED = "placed.json"
LOG = "nextpnr.log"
_ATTEMPT = "attempt.json"
_SPREAD = "spread.json"

_UNPLACED = "Unable to find legal placement"
_UTILIZATION_LINE = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")
_ROUND = re.compile(r"^Info:\s+iter=\d+ ")
_OVERUSED = re.compile(r"\boverused=(\d+)")  # wires and, in newer versions, resources


class _StalledError(Exception):
    """The router goes round without getting closer than to `few` overused wires, if so few."""

    def __init__(self, *, few: bool) -> None:
        super().__init__()
        self.few = few


def place_and_route(
    nextpnr: Tool,
    args: Sequence[str],
    folder: Path,
    board: Board,
    *,
    seed: int,
    seeds: int = SEEDS,
    spreads: bool = False,
    progress: Notice | None = None,
) -> None:
    """Run nextpnr in `folder` with `seed`. Where router2 stalls, other ways: with `spreads` cells
    are spread out and routed by congestion alone, and then router1 is asked, which finishes some
    last wires that router2 cannot. Then come the next seeds, `seeds` in all; where the placer gives
    up, at once. With fewer `seeds` than SEEDS it depends on how much was left: the other ways are
    for a few wires only, and then there is one seed more.

    Leaves REPORT, PLACED and LOG (earlier attempts: `seed<n>-<way>-nextpnr.log`). Raises
    DesignError if the design does not fit or no attempt is routed.
    """
    last = log_path = folder / LOG
    # router1 leaves larger random networks unrouted (ECP5: 2,000 gates in 38 s, 8,000 not in 240),
    # though the clock of what it routes is a tenth faster. router2 with --tmg-ripup gains 16 % in
    # three times the time. Timing is judged from the report, not the exit code.
    results = ["--report", REPORT, "--write", PLACED]
    # router2 came to no end with a class-serial core of 80 % of a UP5K, router1 did, spread out.
    ways = ("router2", "spread", "router1") if spreads else ("router2", "router1")

    def run(router: str, *given: str, without: Sequence[str] = (), most: int | None = None) -> None:
        own = [word for word in args if word not in without]
        run_tool(
            nextpnr,
            [*own, *given, "--timing-allow-fail", "--router", router, "--seed", str(attempt)],
            log_path=log_path,
            cwd=folder,
            timeout_s=ROUTER1_TIMEOUT_S if router == "router1" else TIMEOUT_S,
            on_line=_watch(nextpnr, progress, most),
        )

    few, patient, attempt = False, seeds >= SEEDS, seed
    while attempt < seed + seeds or (few and not patient and attempt == seed + seeds):
        spread = False
        for way in ways:
            try:
                if way == "spread":
                    density = _density(last, board)
                    run("router2", "--no-route", "--write", _SPREAD, *density)
                    log_path.rename(folder / f"seed{attempt}-placer-{LOG}")
                    spread = True
                if spread:
                    router = "router2" if way == "spread" else way
                    _route_by_congestion(folder / _SPREAD, router)
                    kept = ["--json", _SPREAD, "--no-pack", "--no-place", "--no-tmdriv"]
                    run(router, *results, *kept, without=("--json", "top.json", "--tmg-ripup"))
                else:
                    run(way, *results, most=ROUNDS if spreads else None)
            except (_StalledError, ToolFailedError) as error:
                unplaced = isinstance(error, ToolFailedError) and _UNPLACED in str(error)
                hopeless = not unplaced or attempt >= seed + seeds - 1
                if isinstance(error, ToolFailedError) and way == ways[0] and hopeless:
                    raise _explained(error, board, log_path) from error
                last = log_path.rename(folder / f"seed{attempt}-{way}-{LOG}")
                who = "the placer" if unplaced else way
                if progress is not None:
                    progress(f"{nextpnr.name}: {who} is stuck with --seed {attempt}")
                if way == ways[0]:
                    few = isinstance(error, _StalledError) and error.few
                if unplaced or not (few or patient):
                    break
                continue
            (folder / _ATTEMPT).write_text(json.dumps({"seed": attempt}))
            return
        attempt += 1
    log_path = last
    raise _explained(
        DesignError(
            f"{nextpnr.name} could not route the design with the seeds {seed} to "
            f"{attempt - 1} in any way.\n  log: {log_path}"
        ),
        board,
        log_path,
    )


def _density(log_path: Path, board: Board) -> tuple[str, str]:
    """How dense the placer may be, by the cells that nextpnr counted before."""
    cells = _logged_utilization(log_path).get(board.logic_cells)
    needed = cells.used / cells.available + SLACK if cells else DENSEST
    return "--placer-heap-beta", f"{min(max(needed, SPREAD), DENSEST):.2f}"


def _route_by_congestion(placed: Path, router: str) -> None:
    """Have a placed design routed without regard to time: what was placed by it stays close. The
    settings in the file win over those of the command line."""
    design = json.loads(placed.read_text())
    design["modules"][TOP]["settings"] |= {"timing_driven": "0" * 32, "router": router}
    placed.write_text(json.dumps(design))


def first_use_notice(tool: Tool, progress: Notice | None) -> OnLine:
    """Pass on YoWASP's remark that it compiles itself first, which takes some silent seconds."""

    def on_line(line: str) -> None:
        if progress is not None and line.startswith("Preparing to run"):
            progress(f"{tool.name}: first use, compiling it for this machine (some seconds)")

    return on_line


def _watch(tool: Tool, progress: Notice | None, most: int | None = None) -> OnLine:
    """Stop the tool by an exception after STALL_ROUNDS rounds without fewer overused wires, or
    after `most` rounds."""
    notice = first_use_notice(tool, progress)
    fewest: int | None = None
    rounds = total = 0

    def on_line(line: str) -> None:
        nonlocal fewest, rounds, total
        notice(line)
        if _ROUND.match(line) is None:
            return
        overused = sum(map(int, _OVERUSED.findall(line)))
        rounds, total = rounds + 1, total + 1
        if fewest is None or overused < fewest:
            fewest, rounds = overused, 0
        # Nothing overused is no stall: what follows is the check that the routes are legal.
        late = rounds > STALL_ROUNDS or (most is not None and total >= most)
        if late and overused:
            raise _StalledError(few=fewest <= FEW_WIRES)

    return on_line


def _explained(error: DesignError, board: Board, log_path: Path) -> DesignError:
    """The same failure, told as a matter of size where it is one."""
    usage = _logged_utilization(log_path)
    require_fit(board, usage, "counted by nextpnr", f"log: {log_path}")
    if board.logic_cells not in usage:
        return error  # it failed before it placed anything
    cells = usage[board.logic_cells]
    return DesignError(
        f"{error}\n"
        f"  The design takes {cells.used:,} of {cells.available:,} logic cells; the wiring may run "
        f"out before the cells do.\n"
        f"  Use another --seed, a smaller network or a larger board."
    )


def _logged_utilization(log_path: Path) -> dict[str, Usage]:
    """The utilization block that nextpnr logs before placing; empty if it did not get there."""
    matches = map(_UTILIZATION_LINE.match, log_path.read_text(errors="replace").splitlines())
    return {m[1]: Usage(int(m[2]), int(m[3])) for m in matches if m}


def routed_seed(folder: Path) -> int:
    """The seed that the finished step used in the end."""
    return int(json.loads((folder / _ATTEMPT).read_text())["seed"])


def utilization(report: Mapping[str, Any], board: Board, family: Family) -> dict[str, Usage]:
    """Every resource's use, from nextpnr's report; logic cells with all that takes their place."""
    found = {n: Usage(u["used"], u["available"]) for n, u in report["utilization"].items()}
    cells = found[board.logic_cells]
    others = sum(found[name].used for name in family.logic_resources)
    return found | {board.logic_cells: Usage(cells.used + others, cells.available)}


def timing(report: Mapping[str, Any], board: Board) -> tuple[Timing, ...]:
    """Every clock's speed after routing, from nextpnr's report."""
    clocks = report["fmax"]
    if not clocks:
        raise DesignError("nextpnr found no clock in the design, so its timing cannot be judged")
    # A single clock is the board's, whatever net nextpnr names it after; of two, the faster one is
    # the core's.
    names = {name: board.clock.resource if len(clocks) == 1 else name for name in clocks}
    if len(clocks) == 2:
        by_target = sorted(clocks, key=lambda name: float(clocks[name]["constraint"]))
        names = dict(zip(by_target, (board.clock.resource, "core"), strict=True))
    return tuple(
        Timing(
            clock=names[name],
            fmax_mhz=round(clock["achieved"], 3),
            target_mhz=round(clock["constraint"], 3),
            met=clock["achieved"] >= clock["constraint"],
        )
        for name, clock in sorted(clocks.items())
    )


def breakdown(
    placed_json: Path, prefixes: Mapping[str, str], cell_types: Container[str]
) -> dict[str, int]:
    """Logic cells of each part, from nextpnr's netlist; they sum to all cells of `cell_types`.

    `prefixes` maps a hierarchical name ("shell.core.network") to its part ("network"); the longest
    that fits wins, and whatever fits none (nextpnr's own cells too) is the shell's. A LUT and the
    flip-flop packed with it count where the LUT belongs, after which nextpnr names the cell.
    """
    cells: Mapping[str, Any] = json.loads(placed_json.read_text())["modules"][TOP]["cells"]
    longest_first = sorted(prefixes, key=len, reverse=True)
    counts = dict.fromkeys([*prefixes.values(), SHELL], 0)
    for name, cell in cells.items():
        if cell["type"] in cell_types:
            # yosys: "$flatten\a.b.$x"; Amaranth: "a$1.b" where a signal is called a, too.
            plain = re.sub(r"\$\d+(?=\.)", "", name.removeprefix("$flatten\\"))
            part = next((p for p in longest_first if plain.startswith(f"{p}.")), None)
            counts[prefixes[part] if part else SHELL] += 1
    return counts
