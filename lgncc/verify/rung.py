"""One rung of the verification ladder: one check, one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["proved", "tested", "refuted", "skipped"]


@dataclass(frozen=True)
class Rung:
    """What a check found. `detail` says what was compared, over how much, or why not."""

    rung: str
    result: Result
    detail: str
    seconds: float = 0.0
