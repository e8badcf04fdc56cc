"""The array types that the whole project speaks, and read-only copies of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
"""Node ids of a netlist."""
Tables = npt.NDArray[np.uint64]
"""Truth tables, one per gate."""
Bits = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
"""64 samples a word: bit i of word w is sample 64*w + i."""


def freeze(instance: object, **dtypes: npt.DTypeLike) -> None:
    """Replace the named fields of a frozen dataclass by read-only copies of their dtype."""
    for name, dtype in dtypes.items():
        copy: npt.NDArray[Any] = np.array(getattr(instance, name), dtype=dtype, order="C")
        copy.setflags(write=False)
        object.__setattr__(instance, name, copy)
