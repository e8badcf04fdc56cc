"""What an architecture would take on a board, and whether that fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from lgncc.boards import Board
from lgncc.host.line import ESCAPES, Line

Architecture = Literal["spatial", "pipelined", "class-serial", "folded"]
Goal = Literal["latency", "throughput", "area"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

BRIMFUL = 0.95  # up to here what was asked for is tried all the same


@dataclass(frozen=True)
class Estimate:
    """What an architecture would take on a board, before synthesis.

    setting: LUT levels between registers, bits a cycle, or lanes; classes: that are counted at
    once. cells: logic cells, shell included. obstacle: why it cannot be built; empty where it can.
    tight: it might, though the obstacle says that wires may run out. note: more on what it is.
    """

    architecture: Architecture
    setting: int
    cells: int
    latency_cycles: int
    interval: int
    obstacle: str = ""
    tight: bool = False
    note: str = ""
    classes: int = 1

    def rank(self, goal: Goal, line: Line) -> tuple[float, ...]:
        """Lowest first is best first for the goal; line: the board's, in clock cycles.

        Throughput is what the line gets, then what the core gives; faster than its frames pass is
        no better, and the fewest cells are.
        """
        if goal == "latency":
            return self.latency_cycles, self.cells
        if goal == "throughput":
            carried = ESCAPES * line.interval()
            got, given = line.interval(self.latency_cycles), self.interval
            return max(got, carried), max(given, carried), self.cells, self.latency_cycles
        return self.cells, self.latency_cycles

    def __str__(self) -> str:
        if self.obstacle:
            return f"{self.architecture}: {self.obstacle.removeprefix(f'{self.architecture}: ')}"
        return (
            f"{self.architecture}: about {self.cells:,} logic cells, "
            f"{self.interval:,} cycle{'s' * (self.interval > 1)} a sample"
        )


def reached_percent(architecture: Architecture, board: Board) -> int:
    """Of the board's logic cells, how many wires reach."""
    return board.serial_full_percent if architecture == "class-serial" else board.full_percent


def fitting(estimate: Estimate, board: Board) -> Estimate:
    """The estimate, with its obstacle where the board has too little."""
    available = board.capacity[board.logic_cells]
    percent = reached_percent(estimate.architecture, board)
    if 100 * estimate.cells <= percent * available:
        return estimate
    obstacle = f"needs about {estimate.cells:,} of {available:,} logic cells"
    tight = estimate.cells <= BRIMFUL * available
    if tight:
        obstacle += f", of which wires reach about {percent}%"
    return replace(estimate, obstacle=obstacle, tight=tight)
