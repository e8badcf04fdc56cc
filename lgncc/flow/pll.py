"""PLLs: the dividers that come closest to a frequency.

A reference divider, a feedback divider and an output divider; the oscillator, the phase detector
and the output each have their limits, which the board's part states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lgncc.boards import Board, BoardClock
from lgncc.errors import InputError

MAX_ERROR = 0.05  # the settings near the low end lie up to 10 % apart


@dataclass(frozen=True, slots=True, kw_only=True)
class PllClock(BoardClock):
    """A clock of `hz` that a PLL makes of the board's, which has `input_hz`."""

    input_hz: int
    reference: int
    feedback: int
    output: int
    vco_hz: float = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PllCell:
    """A family's PLL: the dividers it has, and how it is instantiated.

    Where the output is fed back (`output_fed_back`), out = in / reference * feedback and the
    oscillator runs at out * output; else the oscillator is fed back and out = vco / output.
    `instance(clock, source, out, locked)` gives an Amaranth module that drives the signals `out`
    and `locked`. The source is the clock's I/O port; or, where `input_is_free`, the signal behind
    its buffer, which can clock other logic beside the PLL.
    """

    references: Sequence[int]
    feedbacks: Sequence[int]
    outputs: Sequence[int]
    output_fed_back: bool
    input_is_free: bool = False
    instance: Callable[[PllClock, Any, Any, Any], Any]


def pll_clock(board: Board, cell: PllCell, hz: float) -> PllClock:
    """The clock nearest to `hz`; of equal ones the one with the fastest phase detector.

    Raises InputError where the part's PLL comes no closer than MAX_ERROR.
    """
    if board.pll is None:
        raise InputError(f"board {board.name}: its part file states no PLL, so its clock is fixed")
    source = board.clock.hz
    reference, feedback, output = np.meshgrid(
        cell.references, cell.feedbacks, cell.outputs, indexing="ij"
    )
    looped = source / reference * feedback  # what the feedback makes of the input
    out = looped if cell.output_fed_back else looped / output
    vco = out * output
    fits = np.ones(out.shape, dtype=bool)
    for value, limits in (
        (source / reference, board.pll.pfd_hz),
        (vco, board.pll.vco_hz),
        (out, board.pll.out_hz),
    ):
        fits &= (limits[0] <= value) & (value <= limits[1])
    error = np.abs(out - hz).round()
    if not fits.any() or error[fits].min() > MAX_ERROR * hz:
        low, high = (limit / 1e6 for limit in board.pll.out_hz)
        raise InputError(
            f"board {board.name}: its PLL cannot make {hz / 1e6:g} MHz of {source / 1e6:g} MHz; "
            f"its range is {low:g} to {high:g} MHz"
        )
    middle = sum(board.pll.vco_hz) / 2
    best = np.lexsort((np.abs(vco - middle)[fits], reference[fits], error[fits]))[0]
    return PllClock(
        resource=board.clock.resource,
        hz=round(float(out[fits][best])),
        pll=board.clock.pll,
        input_hz=source,
        reference=int(reference[fits][best]),
        feedback=int(feedback[fits][best]),
        output=int(output[fits][best]),
        vco_hz=float(vco[fits][best]),
    )
