"""What -O3 did, as report.json holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

FAILURES_SHOWN = 20


@dataclass(frozen=True)
class MappedSize:
    """Of a whole mapped design. registers: those that share no cell with a LUT, as far as they are
    known before place and route."""

    luts: int
    levels: int
    registers: int

    @property
    def cells(self) -> int:
        return self.luts + self.registers


@dataclass(frozen=True)
class SearchSection:
    """applied: whether the core is built from what was searched; detail: why not, or why the search
    ended. failed: candidates that could not be mapped, and what was wrong with the first of them.
    seconds: of searching, those before a resumption included. over_time: seconds and logic cells
    whenever a better design was found. options: of the mapper, what led to the best."""

    applied: bool
    detail: str
    seed: int
    budget_s: float | None
    seconds: float = 0.0
    candidates: int = 0
    resumed: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    where: str = ""
    max_levels: int = 0
    first: MappedSize | None = None
    best: MappedSize | None = None
    origin: str = ""
    over_time: list[tuple[float, int]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SearchSection:
        """Of report.json."""
        sizes = {name: found[name] and MappedSize(**found[name]) for name in ("first", "best")}
        return cls(**{**found, **sizes})

    def built(self, of_luts: bool) -> SearchSection:
        """The same, knowing whether the core that was built in the end is one of LUTs."""
        return replace(self, applied=self.applied and of_luts)

    def line(self) -> str:
        if self.first is None or self.best is None:
            return f"not applied: {self.detail}"
        gain = 1 - self.best.cells / max(self.first.cells, 1)
        parts = [
            f"{self.first.luts:,} LUTs and {self.first.levels} levels of -O 2 to "
            f"{self.best.luts:,} and {self.best.levels} ({gain:.2%} fewer cells)",
            f"{self.candidates:,} candidates in {self.seconds:.0f} s by {self.where}",
            self.detail,
        ]
        if self.failed:
            parts.append(f"{self.failed} could not be mapped: {self.failures[0]}")
        if not self.applied:
            parts.append("not applied: the core that was built is not of these LUTs")
        return "; ".join(parts)
