"""The search itself: generations of candidates until the time, or their number, is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from lgncc.errors import DesignError, InputError
from lgncc.mapping import MappingOptions
from lgncc.search.candidate import Evaluation, Task, evaluate
from lgncc.search.features import features_of
from lgncc.search.identity import search_key
from lgncc.search.journal import Journal, Record
from lgncc.search.pools import DaskCluster, Pool, Processes
from lgncc.search.recipes import Recipe, nearest, shipped_recipes
from lgncc.search.space import Space
from lgncc.search.strategy import Proposal, Strategy
from lgncc.search.terms import terms_of

NOTICE_S = 5.0


@dataclass(frozen=True)
class Settings:
    """budget_s: seconds of searching, those of earlier runs in the journal included; candidates:
    the most to try; either None: no limit by it. max_levels: LUT levels of a design, None: as many
    as -O2 allows itself where they take no more cycles than its design. journal: None keeps none;
    begin_anew: replace one of another search. workers: processes, None: one a core; dask: address
    of a scheduler to use instead. recipes: the table to start from, None: the one shipped."""

    budget_s: float | None = 60.0
    candidates: int | None = None
    seed: int = 1
    max_levels: int | None = None
    journal: Path | None = None
    begin_anew: bool = False
    workers: int | None = None
    dask: str | None = None
    recipes: Sequence[Recipe] | None = None

    def kept_in(self, folder: Path) -> Settings:
        """With a journal of its own in the folder, unless there is one already."""
        if self.journal is not None:
            return self
        return replace(self, journal=folder / "search.jsonl", begin_anew=True)


@dataclass(frozen=True)
class Found:
    """records: all candidates in order, the first is -O2's design. best: of them. resumed: how
    many came from the journal. ended: why no more were tried. where: what mapped them."""

    records: Sequence[Record]
    best: Record
    max_levels: int
    resumed: int
    ended: str
    where: str

    @property
    def over_time(self) -> list[tuple[float, int]]:
        """Seconds of searching and cells, whenever a better design was found."""
        steps: list[tuple[float, int]] = []
        best = None
        for record in self.records:
            if record.evaluation.pinned is not None:
                rank = record.evaluation.rank(self.max_levels)
                if best is None or rank < best:
                    best = rank
                    steps.append((record.at_s, record.evaluation.cells))
        return steps


def search(task: Task, settings: Settings, notice: Callable[[str], None] = lambda _: None) -> Found:
    """The best design found, as options that lead to it. An interrupt ends the search, not the
    caller. Raises LgnccError where not even -O2's design can be made."""
    table = shipped_recipes() if settings.recipes is None else settings.recipes
    start = nearest(table, features_of(task.model))
    recipes = [Proposal(f"recipe of {one.network}", one.options) for one in start]
    decisive = {
        "seed": settings.seed,
        "max_levels": settings.max_levels,
        "recipes": [[one.origin, one.options.to_dict()] for one in recipes],
    }
    key = search_key(task, decisive)
    with closing(Journal(settings.journal, key, replace=settings.begin_anew)) as journal:
        return _Run(task, settings, journal, notice).to_its_end(recipes)


class _Run:
    """The records so far, and the clock."""

    def __init__(
        self, task: Task, settings: Settings, journal: Journal, notice: Callable[[str], None]
    ) -> None:
        self._task = task
        self._settings = settings
        self._journal = journal
        self._notice = notice
        self._known = list(journal.records)
        self._records: list[Record] = []
        self._pool: Pool | None = None
        self._ended = ""
        self._offset_s = self._known[-1].at_s if self._known else 0.0
        self._started = self._noticed = time.monotonic()

    def to_its_end(self, recipes: Sequence[Proposal]) -> Found:
        resumed = len(self._known)
        if self._settings.dask is not None:
            self._pool = self._open_pool()  # not after minutes of mapping
        first = self._first()
        max_levels = self._settings.max_levels or self._affordable(first)
        space = Space(terms_of(self._task.model), max_levels)
        strategy = Strategy(space, first, max_levels, self._settings.seed)
        try:
            proposals = strategy.propose(recipes)
            while len(found := self._evaluate(proposals)) == len(proposals):
                strategy.learn(proposals, found)
                self._say(strategy.best_cells)
                proposals = strategy.propose()
        except KeyboardInterrupt:
            self._ended = "interrupted"
        finally:
            where = self._pool.name if self._pool else "nothing, all was in the journal"
            if self._pool:
                self._pool.close()
        mapped = [one for one in self._records if one.evaluation.pinned is not None]
        best = min(mapped, key=lambda one: one.evaluation.rank(max_levels))
        return Found(self._records, best, max_levels, resumed, self._ended, where)

    def _first(self) -> Evaluation:
        """-O2's design, mapped in this process."""
        proposal = Proposal("-O2", MappingOptions())
        if not self._replayed(proposal):
            self._record(proposal, evaluate(self._task, proposal.options))
        first = self._records[0].evaluation
        if first.pinned is None:
            raise DesignError(f"-O 3: the network cannot be mapped: {first.error}")
        return first

    def _affordable(self, first: Evaluation) -> int:
        """What -O2 allows itself are the levels of plain area mapping, where it knows them."""
        allowed = (first.pinned.max_levels if first.pinned else None) or first.levels
        a_cycle = self._task.levels_a_cycle
        if a_cycle is not None:
            allowed = min(allowed, -(-first.levels // a_cycle) * a_cycle)
        return max(first.levels, allowed)

    def _evaluate(self, proposals: Sequence[Proposal]) -> list[Evaluation]:
        """What they cost, in their order, up to the first that the search ends before."""
        before = len(self._records)
        most = self._settings.candidates
        room = len(proposals) if most is None else max(most - before, 0)
        wanted = [one for one in proposals[:room] if not self._replayed(one)]
        if wanted and self._left_s() == 0:
            self._ended = f"{self._settings.budget_s:g} s were up"
        elif wanted:
            self._pool = self._pool or self._open_pool()
            self._collect(self._pool, wanted)
        if not self._ended and room < len(proposals):
            self._ended = f"{most:,} candidates were tried"
        return [one.evaluation for one in self._records[before:]]

    def _collect(self, pool: Pool, proposals: Sequence[Proposal]) -> None:
        futures = [pool.submit(one.options) for one in proposals]
        for proposal, future in zip(proposals, futures, strict=True):
            try:
                self._record(proposal, future.result(self._left_s()))
            except TimeoutError:
                self._ended = f"{self._settings.budget_s:g} s were up"
                return
            except pool.lost as error:
                self._ended = f"a worker was lost, often for want of memory: {error}"
                return

    def _open_pool(self) -> Pool:
        if self._settings.dask is not None:
            return DaskCluster(self._task, self._settings.dask)
        return Processes(self._task, self._settings.workers)

    def _replayed(self, proposal: Proposal) -> bool:
        """Whether the journal knows the candidate."""
        if not self._known:
            return False
        if self._known[0].options != proposal.options:
            raise InputError(
                f"{self._settings.journal}: candidate {len(self._records)} is not what this search "
                "tries there; the journal was altered: delete it"
            )
        self._records.append(self._known.pop(0))
        return True

    def _record(self, proposal: Proposal, found: Evaluation) -> None:
        record = Record(proposal.origin, proposal.options, found, round(self._elapsed_s(), 2))
        self._records.append(record)
        self._journal.append(record)

    def _elapsed_s(self) -> float:
        return self._offset_s + time.monotonic() - self._started

    def _left_s(self) -> float | None:
        """Seconds, None: any number."""
        if self._settings.budget_s is None:
            return None
        return max(self._settings.budget_s - self._elapsed_s(), 0.0)

    def _say(self, cells: int) -> None:
        if time.monotonic() - self._noticed > NOTICE_S:
            self._noticed = time.monotonic()
            self._notice(f"search: {cells:,} cells after {len(self._records):,} candidates")
