"""Rounds of place and route where a clock was missed: registers closer to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.flow.result import FlowResult
from lgncc.lowering import Lowered, faster
from lgncc.wording import counted

ROUNDS = 4
"""The first one among them."""


@dataclass(frozen=True, eq=False)
class Rounds:
    """The design that was placed and routed in the end, and a line on each other one."""

    lowered: Lowered
    flow: FlowResult
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Built:
    """by_time: the router took slow wires up again."""

    lowered: Lowered
    flow: FlowResult
    by_time: bool = False

    @property
    def reached(self) -> float:
        """Of the goal, by the clock that is the furthest from it."""
        return min(clock.fmax_mhz / clock.target_mhz for clock in self.flow.timing)

    def __str__(self) -> str:
        slow = min(self.flow.timing, key=lambda clock: clock.fmax_mhz / clock.target_mhz)
        what = ""
        if self.lowered.stages is not None:
            stages = self.lowered.stages
            wires = f" and {counted(stages.relays, 'rank')} for wires" * bool(stages.relays)
            what = f"{counted(stages.longest, 'LUT level')} between registers{wires}: "
        how = ", slow wires taken up again" * self.by_time
        return f"{what}{slow.fmax_mhz:.1f} of {slow.target_mhz:.1f} MHz{how}"


def until_met(
    lowered: Lowered,
    flow: FlowResult,
    board: Board,
    flow_of: Callable[[Lowered, bool], FlowResult],
    notice: Callable[[str], None],
) -> Rounds:
    """Build what is planned by what nextpnr reported, until the clock is met or nothing is faster.

    There are more registers each time, at last for the wires alone, and then the router takes slow
    ones up again. flow_of(design, by_time) builds. In the end it is the fastest of all.
    """
    tried = [_Built(lowered, flow)]
    failed = False
    while not tried[-1].flow.met and len(tried) < ROUNDS and not failed:
        try:
            planned = _next(tried[-1], board)
            if planned is None:
                break
            notice(f"{tried[-1]}; " + ("wires by their time" if planned[1] else "more registers"))
            tried.append(_Built(planned[0], flow_of(*planned), planned[1]))
        except DesignError as error:
            notice(str(error).splitlines()[0])
            failed = True
    best = max(tried, key=lambda built: built.reached)
    missed = tuple(str(built) for built in tried if built is not best)
    if failed or best is not tried[-1]:  # the folder holds what was built last
        best = replace(best, flow=flow_of(best.lowered, best.by_time))
    return Rounds(best.lowered, best.flow, missed)


def _next(last: _Built, board: Board) -> tuple[Lowered, bool] | None:
    """What is built after a miss, and whether by time; None if nothing is left."""
    try:
        closer = faster(last.lowered, board, last.flow.timing)
    except DesignError:  # no room for ranks that only wires need
        if last.lowered.stages is None or last.lowered.stages.longest > 1:
            raise
        closer = None
    if closer is not None:
        return closer, closer.stages is not None and closer.stages.relays > 0
    return None if last.by_time else (last.lowered, True)
