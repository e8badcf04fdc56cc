"""How long the stages of a build took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lgncc.report.build_report import StepSection


@dataclass
class Stopwatch:
    """Announces each stage and notes its seconds for the report."""

    notice: Callable[[str], None]
    steps: list[StepSection] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.notice(name)
        started = time.perf_counter()
        yield
        self.steps.append(StepSection(name, round(time.perf_counter() - started, 3), False))
