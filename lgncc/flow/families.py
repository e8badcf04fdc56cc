"""The FPGA families that there is a flow for, and what each knows of a board."""

from __future__ import annotations

from dataclasses import replace

from lgncc.boards import Board
from lgncc.errors import InputError
from lgncc.flow import ecp5, gowin, ice40
from lgncc.flow.family import Family
from lgncc.flow.pll import PllClock, pll_clock

FAMILIES = {"ice40": ice40.FAMILY, "ecp5": ecp5.FAMILY, "gowin": gowin.FAMILY}


def family_of(board: Board) -> Family:
    """The board's family; InputError if there is no flow for it."""
    if board.family not in FAMILIES:
        raise InputError(
            f"board {board.name}: there is no flow for the family {board.family!r}; "
            f"there is one for {', '.join(FAMILIES)}"
        )
    return FAMILIES[board.family]


def input_hz(board: Board) -> int | None:
    """The clock that the board's PLL gets, where other logic can have it, too."""
    clock = board.clock
    if isinstance(clock, PllClock) and family_of(board).pll.input_is_free:
        return clock.input_hz
    return None


def at_frequency(board: Board, mhz: float) -> Board:
    """The same board with a clock of `mhz`, or the nearest that its PLL makes.

    Raises InputError where the PLL cannot come near it.
    """
    if mhz * 1e6 == board.clock.hz:
        return board
    return replace(board, clock=pll_clock(board, family_of(board).pll, mhz * 1e6))
