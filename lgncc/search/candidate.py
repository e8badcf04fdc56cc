"""What a candidate of the search costs: its options mapped, and what came out counted."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lgncc.mapping import MappingOptions, map_and_pin
from lgncc.mapping.stages import plan_stages
from lgncc.model import LogicModel

Width = Literal[4, 6]


@dataclass(frozen=True)
class Task:
    """What all candidates of a search have in common. levels_a_cycle: LUT levels between two
    registers, which then count where they share no cell with a LUT; None: LUTs alone count."""

    model: LogicModel
    k: Width = 4
    levels_a_cycle: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """luts, levels and registers (that share no cell with a LUT) of the whole design; pinned:
    options that lead to it directly. Where mapping failed, only `error` says something."""

    luts: int = 0
    levels: int = 0
    registers: int = 0
    pinned: MappingOptions | None = None
    seconds: float = 0.0
    error: str = ""

    @property
    def cells(self) -> int:
        return self.luts + self.registers

    def rank(self, max_levels: int) -> tuple[bool, int, int]:
        """Lowest is best. Where mapping failed there is none."""
        return self.levels > max_levels, self.cells, self.levels

    def to_dict(self) -> dict[str, Any]:
        if self.pinned is None:
            return {"seconds": self.seconds, "error": self.error}
        counts = {"luts": self.luts, "levels": self.levels, "registers": self.registers}
        return {**counts, "pinned": self.pinned.to_dict(), "seconds": self.seconds}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Evaluation:
        pinned = found.get("pinned")
        return cls(
            luts=found.get("luts", 0),
            levels=found.get("levels", 0),
            registers=found.get("registers", 0),
            pinned=None if pinned is None else MappingOptions.from_dict(pinned),
            seconds=found["seconds"],
            error=found.get("error", ""),
        )


def evaluate(task: Task, options: MappingOptions) -> Evaluation:
    """Map with these options. What goes wrong is part of the result: one candidate that cannot be
    mapped must not end the search, nor be lost from its report."""
    started = time.perf_counter()
    try:
        design, pinned = map_and_pin(task.model, task.k, options)
        registers = 0
        if task.levels_a_cycle is not None:
            registers = plan_stages(design.luts, task.levels_a_cycle).extra_cells
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = str(error).partition("\n")[0]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return Evaluation(
            seconds=_since(started), error=f"{type(error).__name__}: {what} ({place})"
        )
    return Evaluation(design.luts.n_gates, design.luts.depth, registers, pinned, _since(started))


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
