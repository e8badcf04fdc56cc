"""The ladder of a finished build, climbed again: what `lgncc verify` runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from lgncc.dataset import Dataset
from lgncc.encoder import Encoder
from lgncc.errors import DesignError, InputError
from lgncc.flow.workspace import check_manifest
from lgncc.model import Readout
from lgncc.storage import load_model
from lgncc.verify.equivalence import check_equal, explain
from lgncc.verify.rtl import BOARD_RUNG, CORE_RUNG, check_board, check_core
from lgncc.verify.rung import Rung

Notice = Callable[[str], None]
Check = Callable[[Path, Dataset | None, Notice], Rung]


def climb(build_dir: Path, rung: str | None, data: Dataset | None, notice: Notice) -> list[Rung]:
    """Check every rung, lowest first, or only the one named.

    Raises InputError for an unknown name or a folder that is no intact build, DesignError
    at the first rung that is refuted.
    """
    if rung is not None and rung not in RUNGS:
        raise InputError(f"--rung {rung}: unknown; known are {', '.join(map(repr, RUNGS))}")
    check_manifest(build_dir)
    chosen = RUNGS if rung is None else {rung: RUNGS[rung]}
    return [check(build_dir, data, notice) for check in chosen.values()]


def check_passes(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "passes": the model that was built is the one that was read, proved by ABC.

    The proof is of the netlists; encoder and readout must be the same, so that equal
    network outputs are equal answers.
    """
    notice("prove the passes")
    started = time.perf_counter()
    before, after = (load_model(build_dir / f"{name}.npz") for name in ("model", "optimized_model"))
    for part in ("encoder", "readout"):
        if not _same(getattr(before, part), getattr(after, part)):
            raise DesignError(f"passes: refuted: the passes changed the {part}")
    found = check_equal(before.netlist, after.netlist)
    if not found.equal:
        raise DesignError(f"passes: refuted: {explain(before, after, found)}")
    detail = (
        f"ABC: {before.netlist.n_gates:,} gates as read equal {after.netlist.n_gates:,} as built"
    )
    return Rung("passes", "proved", detail, time.perf_counter() - started)


def _same(ours: Encoder | Readout, theirs: Encoder | Readout) -> bool:
    names = [field.name for field in fields(ours)]
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


RUNGS: dict[str, Check] = {
    "passes": check_passes,
    CORE_RUNG: check_core,
    BOARD_RUNG: check_board,
}
"""In the order in which they are climbed."""
