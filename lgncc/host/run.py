"""What `lgncc run` does: a data set through a board, its answers kept, compared and counted."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.dataset import Dataset, naming, require_labels
from lgncc.errors import DesignError, InputError
from lgncc.host.board import Answers, ConnectedBoard, require_golden
from lgncc.host.build import Build
from lgncc.host.client import Progress
from lgncc.host.frames import BITS_A_BYTE
from lgncc.host.line import Line
from lgncc.storage import replacing, require_writable
from lgncc.wording import counted

FORMATS = (".npz", ".csv")


@dataclass(frozen=True)
class RunReport:
    """accuracy: a share of 1, None without labels or classes; samples_per_s by the wall clock.

    samples: vectors, of sequences the steps; sequences: None where the network has no state.
    """

    port: str
    build_id: str
    samples: int
    sequences: int | None
    seconds: float
    samples_per_s: float
    line_samples_per_s: float
    retries: int
    accuracy: float | None

    def lines(self) -> list[str]:
        retried = f"; {counted(self.retries, 'request')} sent again" if self.retries else ""
        what, amount = "samples", counted(self.samples, "sample")
        if self.sequences is not None:
            what, steps = "steps", counted(self.samples, "step")
            amount = f"{counted(self.sequences, 'sequence')}, {steps}"
        lines = [
            f"{amount} through {self.port}: every answer is the golden model's",
            f"{self.seconds:.1f} s, {self.samples_per_s:,.0f} {what}/s; the line carries "
            f"{self.line_samples_per_s:,.0f}{retried}",
        ]
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy:.2%}")
        return lines

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def line_samples_per_s(build: Build) -> float:
    """What the baud rate allows."""
    line = Line.of(build.in_bytes, build.out_bytes, BITS_A_BYTE / build.baud)
    return 1 / line.interval(build.core_bytes * BITS_A_BYTE / build.baud)


def require_format(path: Path) -> None:
    """Raises InputError unless predictions can be written there."""
    if path.suffix not in FORMATS:
        raise InputError(f"--out {path}: give a name that ends in {' or '.join(FORMATS)}")
    require_writable(path)


def run_data(
    board: ConnectedBoard, data: Dataset, out: Path | None, progress: Progress
) -> RunReport:
    """Stream `data`; write the board's answers to `out`; then compare with the golden model.

    Raises DesignError where an answer is not the golden model's.
    """
    if board.build.model.readout.kind != "bits":
        require_labels(board.build.model, data)
    started = time.perf_counter()
    with naming(data):
        answers = board.answer(data.x, progress)
    seconds = time.perf_counter() - started
    if out is not None:
        save(answers, out)
    try:
        require_golden(board.build, data.x, answers.payloads)
    except DesignError as error:
        kept = f"\n  the board's answers: {out}" if out else ""
        raise DesignError(f"{error}{kept}") from error
    samples = len(data.x) * (data.x.shape[1] if board.build.has_state else 1)
    return RunReport(
        port=board.client.path,
        build_id=board.build.build_id.hex(),
        samples=samples,
        sequences=len(data.x) if board.build.has_state else None,
        seconds=round(seconds, 3),
        samples_per_s=round(samples / seconds, 1),
        line_samples_per_s=round(line_samples_per_s(board.build), 1),
        retries=board.client.retries,
        accuracy=accuracy(answers, data),
    )


def accuracy(answers: Answers, data: Dataset) -> float | None:
    """The share of labels that are answered; of sequences labels (n,) are of the last step, and
    labels (n, steps) of all."""
    if data.y is None or answers.classes is None:
        return None
    classes, labels = answers.classes, data.y
    if classes.ndim > labels.ndim:
        classes = classes[:, -1]
    if labels.ndim > classes.ndim:  # the board answers the last step only
        labels = labels[:, -1]
    return float(np.mean(classes == labels))


def save(answers: Answers, path: Path) -> None:
    """NPZ as `lgncc eval --out` writes it, or CSV with a header and a row a sample or step."""
    require_format(path)
    arrays: dict[str, Any] = answers.arrays()
    with replacing(path) as temporary:
        if path.suffix == ".npz":
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)
            return
        # An answer's place: its sample, and of sequences the step.
        places = np.indices(answers.values.shape[:-1]).reshape(answers.values.ndim - 1, -1)
        columns: dict[str, npt.NDArray[np.generic]] = {}
        columns.update(zip(("sample", "step"), places, strict=False))
        for name, values in arrays.items():
            if name == "classes":
                columns["class"] = values.reshape(-1)
                continue
            flat = values.reshape(-1, values.shape[-1])
            columns |= {f"{name[:-1]}{i}": column for i, column in enumerate(flat.T)}
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            rows = np.stack([c.astype(np.int64) for c in columns.values()], axis=1)
            writer.writerows(rows.tolist())
