"""The options of -O 3 on the command line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgncc.errors import InputError

if TYPE_CHECKING:
    from lgncc.search.search import Settings

PANEL = "Search of -O 3"
LEVEL = 3
DEFAULT_S = 60.0

Budget = Annotated[
    float | None,
    typer.Option(help=f"Seconds to search. Default: {DEFAULT_S:g}", rich_help_panel=PANEL),
]
Candidates = Annotated[
    int | None,
    typer.Option(
        help="Designs to try, for a result that only depends on --seed.", rich_help_panel=PANEL
    ),
]
MaxLevels = Annotated[
    int | None,
    typer.Option(
        help="LUT levels of a design. Default: what -O 2 allows itself", rich_help_panel=PANEL
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(help="Scheduler of a Dask cluster, tcp://HOST:PORT.", rich_help_panel=PANEL),
]
SearchJournal = Annotated[
    Path | None,
    typer.Option(help="File to go on from. Default: in the build folder", rich_help_panel=PANEL),
]


def search_settings(
    level: int,
    seed: int,
    budget: float | None,
    candidates: int | None,
    max_levels: int | None,
    dask: str | None,
    journal: Path | None,
) -> Settings | None:
    """None without -O 3. Raises InputError where the options contradict each other."""
    given = {
        "--budget": budget,
        "--candidates": candidates,
        "--max-levels": max_levels,
        "--dask": dask,
        "--search-journal": journal,
    }
    named = [name for name, value in given.items() if value is not None]
    if level != LEVEL:
        if named:
            raise InputError(f"{', '.join(named)}: only the search of -O 3 takes it; add -O 3")
        return None
    if budget is not None and not 0 < budget < math.inf:
        raise InputError(f"--budget {budget:g}: give the seconds to search, above 0")
    for name, value in (("--candidates", candidates), ("--max-levels", max_levels)):
        if value is not None and value < 1:
            raise InputError(f"{name} {value}: give a number above 0")
    from lgncc.search.search import Settings

    return Settings(
        budget_s=DEFAULT_S if budget is None and candidates is None else budget,
        candidates=candidates,
        seed=seed,
        max_levels=max_levels,
        journal=journal,
        dask=dask,
    )
