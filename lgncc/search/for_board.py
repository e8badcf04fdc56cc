"""The search as a step of a build: whether it can help there, and what the report says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lgncc.architectures import Planner
from lgncc.boards import Board
from lgncc.errors import DesignError
from lgncc.estimate import Architecture, Goal, reached_percent
from lgncc.lowering import affordable_levels
from lgncc.mapping import map_model
from lgncc.report.search import FAILURES_SHOWN, MappedSize, SearchSection
from lgncc.search.candidate import Evaluation, Task
from lgncc.search.search import Found, Settings, search

if TYPE_CHECKING:
    from lgncc.compiler import Options

SEARCH_LEVEL = 3
"""The -O level that searches."""

OF_LUTS: tuple[Architecture, ...] = ("spatial", "pipelined")
REACH = 0.95
"""What a search may leave of a design, at best: one that fits at this size is worth a search."""


def search_for_board(
    planner: Planner, board: Board, options: Options, work: Path, notice: Callable[[str], None]
) -> SearchSection:
    """Search for the planner's model and leave the best design as the planner's mapped one, unless
    no core that could be built is made of it: then say so. work: the folder of the journal, where
    the options name none."""
    settings = (options.search or Settings(seed=options.seed)).kept_in(work)
    obstacle = _obstacle(planner, board, options.optimize, options.architecture)
    if obstacle:
        return SearchSection(False, obstacle, settings.seed, settings.budget_s)
    form = planner.form(OF_LUTS[0], board)
    levels = affordable_levels(board, planner.mapped(form).luts.n_gates)
    found = search(Task(form.model, 4, levels), settings, notice)
    best = found.best.evaluation
    assert best.pinned is not None, "the best has been mapped"
    design = map_model(form.model, 4, best.pinned)
    if (design.luts.n_gates, design.luts.depth) != (best.luts, best.levels):
        raise DesignError(
            f"-O 3: the best design has {design.luts.n_gates:,} LUTs and {design.luts.depth} "
            f"levels where the search found {best.luts:,} and {best.levels}"
        )
    planner.adopt(form, design)
    return _section(found, settings)


def _obstacle(planner: Planner, board: Board, goal: Goal, only: Architecture | None) -> str:
    """Why a search cannot help; empty where it can."""
    if only is not None and only not in OF_LUTS:
        return f"a {only} core is not built from what is searched"
    estimates = planner.estimates(board, goal, only)
    chosen = estimates[0]
    if chosen.architecture in OF_LUTS and not chosen.obstacle:
        return ""
    available = board.capacity[board.logic_cells]
    ours = [one for one in estimates if one.architecture in OF_LUTS]
    reached = {one: reached_percent(one.architecture, board) / 100 * available for one in ours}
    if any(0 < REACH * one.cells <= reached[one] for one in ours):
        return ""  # may fit after it
    if chosen.obstacle:
        return "nothing fits, and a search gains too little"
    why = "; ".join(str(one) for one in ours)
    return f"{chosen.architecture} serves best, which is not built from what is searched; {why}"


def _section(found: Found, settings: Settings) -> SearchSection:
    first, best = found.records[0].evaluation, found.best.evaluation
    failures = [
        f"candidate {number} ({record.origin}): {record.evaluation.error}"
        for number, record in enumerate(found.records)
        if record.evaluation.pinned is None
    ]
    return SearchSection(
        applied=True,
        detail=found.ended,
        seed=settings.seed,
        budget_s=settings.budget_s,
        seconds=found.records[-1].at_s,
        candidates=len(found.records),
        resumed=found.resumed,
        failed=len(failures),
        failures=failures[:FAILURES_SHOWN],
        where=found.where,
        max_levels=found.max_levels,
        first=_size(first),
        best=_size(best),
        origin=found.best.origin,
        over_time=found.over_time,
        options={} if best.pinned is None else best.pinned.to_dict(),
    )


def _size(one: Evaluation) -> MappedSize:
    return MappedSize(one.luts, one.levels, one.registers)
