"""Rounds of place and route: registers closer to each other where a clock was missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.flow.result import FlowResult
from lgncc.lowering import Lowered, faster

ROUNDS = 4
"""The first one among them."""


@dataclass(frozen=True, eq=False)
class Rounds:
    """The last design that was placed and routed, and a line on each that missed its clock."""

    lowered: Lowered
    flow: FlowResult
    missed: tuple[str, ...] = ()


def until_met(
    lowered: Lowered,
    flow: FlowResult,
    board: Board,
    flow_of: Callable[[Lowered], FlowResult],
    notice: Callable[[str], None],
) -> Rounds:
    """Build what is planned by what nextpnr reported, until the clock is met or nothing is faster.

    Where the design with more registers does not fit, or is slower, it is the one before.
    """
    missed: list[str] = []
    while not flow.met and len(missed) < ROUNDS - 1:
        try:
            closer = faster(lowered, board, flow.timing)
            if closer is None or lowered.stages is None:
                break
            slow = min(flow.timing, key=lambda clock: clock.fmax_mhz / clock.target_mhz)
            line = (
                f"{lowered.stages.longest} LUT levels between registers: "
                f"{slow.fmax_mhz:.1f} of {slow.target_mhz:.1f} MHz"
            )
            notice(f"{line}; more registers")
            routed = flow_of(closer)
        except DesignError as error:
            notice(str(error).splitlines()[0])
            break
        missed.append(line)
        if not routed.met and _reached(routed) <= _reached(flow):
            # The folder holds what was built last.
            return Rounds(lowered, flow_of(lowered), tuple(missed[:-1]))
        lowered, flow = closer, routed
    return Rounds(lowered, flow, tuple(missed))


def _reached(flow: FlowResult) -> float:
    return min(clock.fmax_mhz / clock.target_mhz for clock in flow.timing)
