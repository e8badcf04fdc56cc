"""What a flow driver returns, and the words for "does not fit", the same for every FPGA family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.flow.tools import Tool
from lgncc.flow.workspace import StepResult


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one resource a design takes."""

    used: int
    available: int


@dataclass(frozen=True, slots=True)
class Timing:
    """One clock, after routing."""

    clock: str
    fmax_mhz: float
    target_mhz: float
    met: bool


@dataclass(frozen=True, slots=True)
class FlowResult:
    """A placed, routed and packed design.

    `utilization` is keyed by nextpnr's resource names; `breakdown` splits the board's logic cells
    by part and sums to what is used; `luts` counts lookup tables after synthesis; `seed` is the
    one that was routed in the end. Missed timing is a result (`met`), not an exception.
    """

    utilization: Mapping[str, Usage]
    timing: tuple[Timing, ...]
    breakdown: Mapping[str, int]
    luts: int
    bitstream: Path
    synthesized: Path
    routed: Path
    seed: int
    steps: tuple[StepResult, ...]
    tools: tuple[Tool, ...]

    @property
    def met(self) -> bool:
        """Whether every clock reaches its target."""
        return all(clock.met for clock in self.timing)


def require_fit(board: Board, usage: Mapping[str, Usage], when: str, detail: str = "") -> None:
    """Raise DesignError that names each resource of which the board has too little."""
    over = [(name, u) for name, u in usage.items() if u.used > u.available]
    if not over:
        return
    lines = [f"the design does not fit {board.title} ({board.family} {board.part}), {when}:"]
    for name, u in over:
        percent = f" ({100 * u.used / u.available:.0f} %)" if u.available else ""
        what = "logic cells, " if name == board.logic_cells else ""
        lines.append(f"    {what}{name}: needs {u.used:,} of {u.available:,}{percent}")
    lines.append("  Use a smaller network (fewer gates, fewer outputs a class) or a larger board.")
    raise DesignError("\n".join([*lines, *([f"  {detail}"] if detail else [])]))
