"""Connections that a checkpoint lacks, from a file of the user's: `--wiring FILE`.

An .npz with one integer array a layer, `indices_0` for the first: shape (k, out), row
j of it the node that input j of every gate reads, counted from 0 in the layer before.
`inputs`, a single number, states how many bits the first layer takes; without it
`--input-bits` does. `np.savez("wiring.npz", inputs=784, indices_0=..., indices_1=...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Integers
from lgncc.errors import InputError
from lgncc.frontends.source import Source
from lgncc.storage import read_npz

MAX_INPUT_BITS = 1 << 24


def read_wiring(path: Path, shapes: Sequence[tuple[int, int]]) -> tuple[int | None, list[Integers]]:
    """The number of input bits, if the file states it, and each layer's int64 (k, out).

    shapes: (k, out) of the layers. Raises InputError where the file has other arrays.
    """
    arrays = read_npz(path)
    expected = [f"indices_{layer}" for layer in range(len(shapes))]
    known = {*expected, "inputs"}
    missing = [name for name in expected if name not in arrays]
    if missing or not arrays.keys() <= known:
        raise InputError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; a network of {len(shapes)} "
            f"layers needs {expected[0]} to {expected[-1]}, and may state inputs"
        )
    layers = [
        _integers(f"{path}: {name}", arrays[name], shape)
        for name, shape in zip(expected, shapes, strict=True)
    ]
    if "inputs" not in arrays:
        return None, layers
    return int(_integers(f"{path}: inputs", arrays["inputs"], ())), layers


def check_wiring(source: Source, inputs: int, layers: Sequence[Integers]) -> None:
    """Raise InputError unless every index of layer l is a node of the layer before it.

    layers: int64 (k, out) each; inputs: bits that the first layer takes.
    """
    if not 1 <= inputs <= MAX_INPUT_BITS:
        raise InputError(f"{source.path}: {inputs} input bits; 1 to {MAX_INPUT_BITS} are possible")
    width = inputs
    for number, layer in enumerate(layers):
        wrong = (layer < 0) | (layer >= width)
        if wrong.any():
            slot, gate = (int(index) for index in np.argwhere(wrong)[0])
            raise InputError(
                f"{source.path}: layer {number}: input {slot} of gate {gate} reads node "
                f"{layer[slot, gate]} of the layer before, which has 0 to {width - 1}"
            )
        width = layer.shape[1]


def _integers(
    where: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]
) -> npt.NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise InputError(f"{where} is {array.dtype}; integers are needed")
    if array.shape != shape:
        raise InputError(f"{where} has shape {array.shape}; expected {shape}")
    return array.astype(np.int64)
