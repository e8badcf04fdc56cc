"""What `lgncc eval` says: the golden model's answers, and its accuracy where labels are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.dataset import Dataset, answer
from lgncc.golden import Predictions
from lgncc.model import LogicModel
from lgncc.report.build_report import AccuracySection
from lgncc.storage import replacing
from lgncc.wording import counted

SHOWN = 20


@dataclass(frozen=True, eq=False)
class Evaluation:
    """accuracy: a share of 1, None without labels or classes."""

    samples: int
    accuracy: float | None
    predictions: Predictions

    def lines(self) -> list[str]:
        answers = self.predictions.classes
        if answers is None:
            rows = self.predictions.bits.reshape(-1, self.predictions.bits.shape[-1])[:SHOWN]
            shown = ["".join("01"[bit] for bit in row) for row in rows.astype(int)]
            return [f"{counted(self.samples, 'sample')}; first bits, output 0 first:", *shown]
        first = " ".join(map(str, answers.reshape(-1)[:SHOWN]))
        more = " ..." if answers.size > SHOWN else ""
        lines = [f"{counted(self.samples, 'sample')}; classes {first}{more}"]
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy:.2%}")
        return lines

    def to_json(self) -> str:
        answers = self.predictions
        return json.dumps(
            {
                "samples": self.samples,
                "accuracy": self.accuracy,
                "classes": None if answers.classes is None else answers.classes.tolist(),
                "bits": answers.bits.astype(int).tolist() if answers.classes is None else None,
            }
        )

    def save(self, path: Path) -> None:
        """NPZ with bits bool (n, m) and, where there are classes, scores (n, C), classes (n,)."""
        found = self.predictions
        named: dict[str, Any] = {
            "bits": found.bits,
            "scores": found.scores,
            "classes": found.classes,
        }
        arrays = {name: array for name, array in named.items() if array is not None}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)


def evaluate(model: LogicModel, data: Dataset) -> Evaluation:
    """Answer the samples. Raises InputError where they do not fit the model."""
    predictions = answer(model, data)
    accuracy = (
        predictions.accuracy(data.y)
        if data.y is not None and predictions.classes is not None
        else None
    )
    return Evaluation(len(data.x), accuracy, predictions)


def measure_accuracy(model: LogicModel, data: Dataset | None) -> AccuracySection | None:
    """Of the golden model; None without labels or without classes."""
    if data is None:
        return None
    answers = answer(model, data)  # also refuses samples that do not suit the model
    if data.y is None or model.readout.kind == "bits":
        return None
    golden = answers.accuracy(data.y)
    return AccuracySection(str(data.path), len(data.y), golden)
