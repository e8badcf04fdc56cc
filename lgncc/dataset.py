"""Data sets as `--data` takes them: an .npz with x (n, features) and, optionally, y (n,).

For a model with state x is (n, steps, features), and y is (n, steps), a label for every
step, or (n,), the label of the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Integers
from lgncc.errors import InputError
from lgncc.golden import Predictions, predict
from lgncc.model import LogicModel
from lgncc.storage import read_npz


@dataclass(frozen=True, eq=False)
class Dataset:
    """x: samples as the framework saw them; y: labels int64 (n,) or (n, steps), or None."""

    path: Path
    x: npt.NDArray[np.generic]
    y: Integers | None


def load_data(path: Path) -> Dataset:
    """Read `path`. Raises InputError, naming the file, where it is not such a data set."""
    arrays = read_npz(path)
    if "x" not in arrays:
        raise InputError(f"{path}: no array x in it; found {', '.join(arrays) or 'nothing'}")
    x, y = arrays["x"], arrays.get("y")
    if x.size == 0:
        raise InputError(f"{path}: no samples in it: x has shape {x.shape}")
    if y is None:
        return Dataset(path, x, None)
    shapes = [x.shape[:1], x.shape[:2]] if x.ndim == 3 else [x.shape[:1]]
    if y.dtype.kind not in "iu" or y.shape not in shapes:
        or_steps = ", or for each of their steps" if x.ndim == 3 else ""
        raise InputError(
            f"{path}: y is {y.dtype} {y.shape}; it must be integers, one for each of the "
            f"{len(x) if x.ndim else 0} samples{or_steps}"
        )
    return Dataset(path, x, y.astype(np.int64))


def answer(model: LogicModel, data: Dataset) -> Predictions:
    """The golden model's answers. Raises InputError where x or y do not suit the model."""
    if model.readout.kind != "bits":
        require_labels(model, data)
    with naming(data):
        return predict(model, data.x)


def require_labels(model: LogicModel, data: Dataset) -> None:
    """Raises InputError where a label is none of the model's classes."""
    if data.y is None:
        return
    strange = (data.y < 0) | (data.y >= model.readout.n_classes)
    if strange.any():
        raise InputError(
            f"{data.path}: label {data.y[strange][0]}; the model has classes 0 to "
            f"{model.readout.n_classes - 1}"
        )


@contextmanager
def naming(data: Dataset) -> Iterator[None]:
    """Let an InputError about the samples name their file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{data.path}: {str(error).removeprefix('data: ')}") from error
