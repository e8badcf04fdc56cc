"""What `lgncc run` does: a data set through a board, its answers kept, compared and counted."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lgncc.dataset import Dataset
from lgncc.errors import DesignError, InputError
from lgncc.host.board import Answers, ConnectedBoard, require_golden
from lgncc.host.build import Build
from lgncc.host.client import Progress
from lgncc.host.frames import BITS_A_BYTE, bytes_for, frame_bytes
from lgncc.storage import replacing

FORMATS = (".npz", ".csv")


@dataclass(frozen=True)
class RunReport:
    """accuracy: a share of 1, None without labels or classes; samples_per_s by the wall clock."""

    port: str
    build_id: str
    samples: int
    seconds: float
    samples_per_s: float
    line_samples_per_s: float
    retries: int
    accuracy: float | None

    def lines(self) -> list[str]:
        retried = f"; {self.retries:,} requests sent again" if self.retries else ""
        lines = [
            f"{self.samples:,} samples through {self.port}: every answer is the golden model's",
            f"{self.seconds:.1f} s, {self.samples_per_s:,.0f} samples/s; the line carries "
            f"{self.line_samples_per_s:,.0f}{retried}",
        ]
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy:.2%}")
        return lines

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def line_samples_per_s(build: Build) -> float:
    """What the baud rate allows: the longer of request and response, without escapes."""
    request = frame_bytes(bytes_for(build.in_width))
    response = frame_bytes(build.out_bytes) + build.core_bytes
    return build.baud / (BITS_A_BYTE * max(request, response))


def require_format(path: Path) -> None:
    """Raises InputError unless predictions can be written there."""
    if path.suffix not in FORMATS:
        raise InputError(f"--out {path}: give a name that ends in {' or '.join(FORMATS)}")


def run_data(
    board: ConnectedBoard, data: Dataset, out: Path | None, progress: Progress
) -> RunReport:
    """Stream `data`; write the board's answers to `out`; then compare with the golden model.

    Raises DesignError where an answer is not the golden model's.
    """
    if len(data.x) == 0:
        raise InputError(f"{data.path}: no samples in it")
    started = time.perf_counter()
    answers = board.answer(data.x, progress)
    seconds = time.perf_counter() - started
    if out is not None:
        save(answers, out)
    try:
        require_golden(board.build, data.x, answers.payloads)
    except DesignError as error:
        kept = f"\n  the board's answers: {out}" if out else ""
        raise DesignError(f"{error}{kept}") from error
    accuracy = None
    if data.y is not None and answers.classes is not None:
        accuracy = float(np.mean(answers.classes == data.y))
    return RunReport(
        port=board.client.path,
        build_id=board.build.build_id.hex(),
        samples=len(data.x),
        seconds=round(seconds, 3),
        samples_per_s=round(len(data.x) / seconds, 1),
        line_samples_per_s=round(line_samples_per_s(board.build), 1),
        retries=board.client.retries,
        accuracy=accuracy,
    )


def save(answers: Answers, path: Path) -> None:
    """NPZ as `lgncc eval --out` writes it, or CSV with a header and a row a sample."""
    require_format(path)
    arrays = answers.arrays()
    with replacing(path) as temporary:
        if path.suffix == ".npz":
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stubs
            return
        columns = {}
        for name, values in arrays.items():
            if values.ndim == 1:
                columns["class"] = values
            else:
                columns |= {f"{name[:-1]}{i}": column for i, column in enumerate(values.T)}
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sample", *columns])
            rows = np.stack([c.astype(np.int64) for c in columns.values()], axis=1)
            writer.writerows([index, *row] for index, row in enumerate(rows.tolist()))
