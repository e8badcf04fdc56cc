"""The array types that the whole project speaks, and read-only copies of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.errors import InputError

Ids = npt.NDArray[np.int32]
"""Node ids of a netlist."""
Tables = npt.NDArray[np.uint64]
"""Truth tables, one per gate."""
Bits = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
"""64 samples a word: bit i of word w is sample 64*w + i."""


def freeze(instance: object, **dtypes: npt.DTypeLike) -> None:
    """Replace the named fields of a frozen dataclass by read-only copies of their dtype.

    Raises InputError for a number that the dtype cannot hold: numpy would wrap it.
    """
    for name, dtype in dtypes.items():
        given: npt.NDArray[Any] = np.asarray(getattr(instance, name))
        copy: npt.NDArray[Any] = np.array(given, dtype=dtype, order="C")
        if given.dtype != copy.dtype and (given != copy).any():
            first = given[given != copy].flat[0]
            raise InputError(f"{name} has {first}, which {copy.dtype} cannot hold")
        copy.setflags(write=False)
        object.__setattr__(instance, name, copy)
