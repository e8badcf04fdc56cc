"""`--freq max`: the fastest clock at which place and route still meets the timing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from lgncc.boards import Board
from lgncc.errors import InputError
from lgncc.flow.families import at_frequency
from lgncc.flow.result import FlowResult
from lgncc.lowering import Lowered

Clock = float | Literal["max"]
"""In MHz."""

ATTEMPTS = 4
MARGIN = 0.97
"""What is asked for after a miss, of what was reached: another goal makes another placement."""
HOPE = 0.75
"""What of a register's time and a LUT level's the first cycle is: a board states what its slowest
builds take, and the fastest took a quarter less."""


def clock_of(text: str | None) -> Clock | None:
    """The option `--freq`. Raises InputError where it is neither MHz above 0 nor `max`."""
    if text is None:
        return None
    if text == "max":
        return "max"
    try:
        mhz = float(text)
    except ValueError:
        mhz = math.nan
    if not 0 < mhz < math.inf:
        raise InputError(f"--freq {text}: give a number of MHz above 0, or max")
    return mhz


def at_clock(board: Board, clock: Clock | None, architecture: str | None) -> Board:
    """The board at its own clock, at the one asked for, or, for `max`, at the first that is tried:
    where a cycle is HOPE of a register's time and that of one LUT level."""
    if clock is None:
        return board
    if clock == "max":
        if architecture != "pipelined":
            raise InputError("--freq max: only with --arch pipelined do registers follow the clock")
        clock = 1e6 / HOPE / (board.register_ps + board.level_ps)
        if board.pll is not None:
            clock = min(clock, board.pll.out_hz[1] / 1e6)
    return at_frequency(board, clock)


def at_reached_clock(
    board: Board,
    first: Board,
    build_at: Callable[[Board], tuple[Lowered, FlowResult, str]],
    notice: Callable[[str], None],
    *,
    attempts: int,
) -> tuple[Board, Lowered, FlowResult, str]:
    """The board at the last clock tried, and what was built for it: after a miss the next clock is
    a little below what was reached. `first`: the board at the clock to begin with."""
    at = first
    for attempt in range(attempts):
        lowered, flow, reason = build_at(at)
        slowest = min(flow.timing, key=lambda clock: clock.fmax_mhz / clock.target_mhz)
        if flow.met or attempt == attempts - 1:
            break
        notice(f"{slowest.fmax_mhz:.1f} of {slowest.target_mhz:.1f} MHz; a slower clock")
        at = at_frequency(board, MARGIN * slowest.fmax_mhz)
    return at, lowered, flow, reason
