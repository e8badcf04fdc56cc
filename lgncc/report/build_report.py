"""BuildReport: everything a user wants to know of a build, as `report.json` holds it.

The keys are format version 1: keys may be added, never renamed or removed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lgncc.errors import DesignError, InputError
from lgncc.flow.result import Usage
from lgncc.report.search import SearchSection
from lgncc.verify.rung import Rung

FORMAT = 1


@dataclass(frozen=True)
class ModelSection:
    """What was read; `provenance` has one line a fact."""

    path: str
    sha256: str
    frontend: str
    provenance: list[str]


@dataclass(frozen=True)
class NetlistSection:
    """gates_in as read, gates_out after the passes; luts as synthesized, in the whole design."""

    gates_in: int
    gates_out: int
    luts: int
    levels: int
    outputs: int


@dataclass(frozen=True)
class ArchSection:
    """The architecture, and why it was chosen."""

    name: str
    reason: str
    latency_cycles: int
    initiation_interval: int


@dataclass(frozen=True)
class BoardSection:
    name: str
    part: str


@dataclass(frozen=True)
class ClockTiming:
    """One clock after routing."""

    fmax_mhz: float
    target_mhz: float
    met: bool


@dataclass(frozen=True)
class CoreAndLink:
    """One figure twice: of the core alone at its clock, and through the board's link."""

    core: float
    link: float


@dataclass(frozen=True)
class AccuracySection:
    """Of the golden model on the user's data; `golden` is a share of 1."""

    data: str
    samples: int
    golden: float


@dataclass(frozen=True)
class LossySection:
    """What was given up for what, as in report.json. `samples` are those held out, accuracies are
    shares of 1 on them; gates and terms before are those left by the exact passes."""

    data: str
    max_drop: float
    gates_before: int
    gates_after: int
    terms_before: int
    terms_after: int
    samples: int
    accuracy_before: float
    accuracy_after: float

    def line(self) -> str:
        return (
            f"{self.gates_before:,} gates to {self.gates_after:,}, "
            f"{self.terms_before:,} readout terms to {self.terms_after:,}; accuracy "
            f"{self.accuracy_before:.2%} to {self.accuracy_after:.2%} on {self.samples:,} samples "
            f"held out of {self.data}"
        )


@dataclass(frozen=True)
class StepSection:
    """What a step took when it ran; `cached`: it did not have to run again."""

    name: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class BuildReport:
    """`breakdown` counts logic cells by part; `latency_us` is of one sample; `seed` is the
    seed of place and route that led to the bitstream; `lossy` is what the user gave up, `search`
    what -O 3 did."""

    model: ModelSection
    netlist: NetlistSection
    arch: ArchSection
    board: BoardSection
    utilization: dict[str, Usage]
    breakdown: dict[str, int]
    timing: dict[str, ClockTiming]
    throughput_samples_per_s: CoreAndLink
    latency_us: CoreAndLink
    accuracy: AccuracySection | None
    verification: list[Rung]
    steps: list[StepSection]
    artifacts: dict[str, str]
    tools: dict[str, str]
    seed: int
    lossy: LossySection | None = None
    search: SearchSection | None = None
    format: int = field(default=FORMAT)

    def require_timing(self) -> None:
        """Raise DesignError that says which clock misses its target, and what to do."""
        for name, clock in self.timing.items():
            if not clock.met:
                raise DesignError(
                    f"clock {name} reaches {clock.fmax_mhz:.1f} MHz of the {clock.target_mhz:.1f} "
                    "MHz that the board runs at, so no bitstream was written; try another --seed, "
                    "or a network with fewer levels"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, the format first."""
        return {"format": self.format, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)


def read_report(build_dir: Path) -> dict[str, Any]:
    """The report of a finished build. Raises InputError where there is none to read."""
    path = build_dir / "report.json"
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{build_dir}: no report.json in it; give the folder of a finished `lgncc compile`"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise InputError(f"{path}: is not a report of format {FORMAT}; compile again")
    return report
