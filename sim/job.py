"""What the process that asks for a simulation tells the one inside the simulator, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.host.frames import BITS_A_BYTE
from lgncc.sim.vectors import AnswerFormat

VARIABLE = "LGNCC_SIM_JOB"
"""Environment variable that names the job's file."""


class RefutedError(AssertionError):
    """The design does not do what it must; the text says where and what."""


@contextmanager
def named(phase: Callable[..., Any]) -> Iterator[None]:
    """A refutation inside begins with the phase's name."""
    try:
        yield
    except RefutedError as error:
        raise RefutedError(f"{phase.__name__.replace('_', ' ')}: {error}") from error


@dataclass(frozen=True)
class Batch:
    """Of a core that loads up to `lanes` vectors one after the other, and then evaluates them
    together. Cycles: from reset until it accepts a vector, from there until it is loaded, and from
    the last one loaded until the first answer."""

    lanes: int
    start_cycles: int
    load_cycles: int
    run_cycles: int


@dataclass(frozen=True)
class FlashFacts:
    """Bytes that a design reads from the board's flash, and from which byte on they stand there."""

    offset: int
    octets: int


@dataclass(frozen=True)
class Design:
    """The facts that a design states of itself, and its ports' widths in bits."""

    in_width: int
    answer: AnswerFormat
    latency_cycles: int
    initiation_interval: int
    uart_divisor: int
    build_id: str
    has_state: bool = False
    """Then the flags of lgncc.hw.sequence stand above an input's features."""
    answers_last: bool = False
    """Whether only vectors with the flag `last` are answered."""
    sequences: int = 1
    step_cycles: int | None = None
    """With state: from a vector to the next one of its sequence, of which so many take turns."""
    capacity: int | None = None
    """Vectors inside beyond which the core accepts none; None: a stall at `o` holds everything."""
    batch: Batch | None = None
    clock_hz: int = 1
    """Of the link."""
    core_hz: int | None = None
    """Of the core, where it has a clock of its own."""
    flash: FlashFacts | None = None

    def exchange_cycles(self, frame_bytes: int) -> int:
        """Clock edges, of both clocks, that a request and its answer of so many bytes together take
        at the least."""
        line = round(BITS_A_BYTE * frame_bytes * self.uart_divisor * (1 + self.core_ratio))
        return max(line, self.initiation_interval)

    @property
    def core_ratio(self) -> float:
        """Cycles of the core's own clock, if it has one, in one of the link's."""
        return self.core_hz / self.clock_hz if self.core_hz else 0.0


@dataclass(frozen=True)
class Job:
    """One bench on one design. Paths are absolute; `vectors` is an .npz with the arrays
    inputs and answers, uint8 (n, bytes), of which the first n_samples are the user's."""

    bench: str
    design: Design
    vectors: str
    n_samples: int
    outcome: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def current(cls) -> Job:
        """The job of this simulator process."""
        fields: dict[str, Any] = json.loads(Path(os.environ[VARIABLE]).read_text())
        design = fields.pop("design")
        answer = AnswerFormat(**design.pop("answer"))
        for name, kind in (("batch", Batch), ("flash", FlashFacts)):
            design[name] = design[name] and kind(**design[name])
        return cls(design=Design(answer=answer, **design), **fields)

    def check_widths(self, dut: Any) -> None:
        """Raises RefutedError where the design's ports are not as wide as the model needs."""
        for port, width in (("i", self.design.in_width), ("o", self.design.answer.total_width)):
            found = len(getattr(dut, f"{port}__payload"))
            if found != width:
                raise RefutedError(f"{port}__payload has {found} bits, the model needs {width}")

    def load_vectors(self) -> tuple[list[int], list[int]]:
        """Inputs and answers, an integer each."""
        with np.load(self.vectors) as arrays:
            inputs, answers = (
                [int.from_bytes(row.tobytes(), "little") for row in arrays[name]]
                for name in ("inputs", "answers")
            )
        return inputs, answers

    def label(self, index: int) -> str:
        """How messages name vector `index`."""
        if index < self.n_samples:
            return f"sample {index}"
        return f"random vector {index - self.n_samples}"

    @contextmanager
    def judged(self) -> Iterator[None]:
        """The whole bench: tells the waiting process how it ended."""
        try:
            yield
        except RefutedError as error:
            self._finish(refuted=str(error))
            raise
        self._finish(refuted=None)

    def _finish(self, refuted: str | None) -> None:
        Path(self.outcome).write_text(json.dumps({"refuted": refuted}))
