"""Convlogic's layers on images, and the list of them that its state dicts lack.

Signals are node ids (channels, rows, columns, values a place); there is one value a place
except between a bare convolution of four gates and the trees that join them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_difflogic
from lgncc.frontends.source import Source
from lgncc.frontends.state_dict import StateDict
from lgncc.gates import OR

LEAVES = 4
COMPLETE = 7
MAX_LENGTH = 1 << 16
MAX_SIGNALS = 1 << 26

Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One entry of --layers, (rows, columns); kind: conv, tree or pool."""

    kind: str
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)


def from_toml(path: Path) -> list[Layer]:
    """Raises InputError, naming the layer, where the file is malformed."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    tables = content.get("layer")
    if content.keys() != {"layer"} or not isinstance(tables, list):
        raise InputError(f"{path}: a layer list is [[layer]] tables and nothing else")
    keys = {
        "conv": {"kernel", "stride", "padding"},
        "tree": set(),
        "pool": {"kernel", "stride"},
    }
    shapes = []
    for number, table in enumerate(tables):
        kind = table.get("kind") if isinstance(table, dict) else None
        if kind not in keys or table.keys() != {"kind"} | keys[kind]:
            known = "; ".join(
                f"{kind}: {', '.join(sorted(has)) or '-'}" for kind, has in keys.items()
            )
            raise InputError(f"{path}: layer {number} is {table}; kinds and their keys are {known}")
        sizes = {
            key: _pair(f"{path}: layer {number}: {key}", table[key], least=int(key != "padding"))
            for key in keys[kind]
        }
        shapes.append(Layer(kind, **sizes))
    return shapes


def _pair(where: str, value: object, least: int) -> Pair:
    numbers = value if isinstance(value, list) else [value, value]
    lengths = [n for n in numbers if type(n) is int and least <= n <= MAX_LENGTH]
    if len(numbers) != 2 or len(lengths) != 2:
        raise InputError(f"{where} is {value!r}; an integer from {least} is needed, or two of them")
    return lengths[0], lengths[1]


def image_layer(
    source: Source,
    state: StateDict,
    builder: NetlistBuilder,
    shape: Layer,
    names: Iterator[str],
    signals: Ids,
) -> Ids:
    """Append one layer; one that has weights takes its name from `names`. Raises InputError."""
    if shape.kind == "pool":
        return _pool(source, builder, shape, signals)
    name = next(names)
    gates = _gates(state, name)
    if shape.kind == "tree":
        return _tree(source, builder, name, gates, signals)
    if gates.shape[1] not in (LEAVES, COMPLETE):
        raise InputError(
            f"{source.path}: {name}weights have shape {(*gates.shape, 16)}; (Cout, 4, 16) and "
            "(Cout, 7, 16) are read"
        )
    fanin = _windows(source, state, shape, name, len(gates), signals)
    tables = np.broadcast_to(gates[:, None, None, :LEAVES], (*fanin.shape[:3], LEAVES))
    signals = _append(builder, tables, fanin[..., 0::2], fanin[..., 1::2])
    if gates.shape[1] == LEAVES:
        return signals
    signals = _tree(source, builder, name, gates[:, LEAVES : LEAVES + 2], signals)
    signals = _tree(source, builder, name, gates[:, LEAVES + 2 :], signals)
    return _pool(source, builder, Layer("pool", (2, 2), (2, 2)), signals)


def _gates(state: StateDict, name: str) -> Integers:
    """Gate numbers (channels, gates)."""
    ids: Integers = state.take(f"{name}weights", (None, None, 16), "float").argmax(axis=2)
    return ids


def _append(builder: NetlistBuilder, gates: Integers, a: Ids, b: Ids) -> Ids:
    """Gates of any one shape; returns the ids in it."""
    tables = tables_from_difflogic(gates.reshape(-1))
    return builder.gates(tables, a.reshape(-1), b.reshape(-1)).reshape(gates.shape)


def _windows(
    source: Source, state: StateDict, shape: Layer, name: str, channels: int, signals: Ids
) -> Ids:
    """What the eight inputs of each kernel read at each place: (Cout, rows, columns, 8)."""
    if signals.shape[3] != 1:
        raise InputError(f"{source.path}: {name}weights: a convolution needs one value a place")
    selection: Integers = state.take(f"{name}selection", (channels, 2 * LEAVES), "int")
    channel, row, column = selection >> 16 & 0xFFFF, selection >> 8 & 0xFF, selection & 0xFF
    for what, values, limit in (
        ("channel", channel, signals.shape[0]),
        ("row", row, shape.kernel[0]),
        ("column", column, shape.kernel[1]),
    ):
        if values.size and values.max() >= limit:
            raise InputError(
                f"{source.path}: {name}selection reads {what} {values.max()}, of {limit} as given"
            )
    (up, left), (down, right) = shape.padding, shape.stride
    size = signals.shape[1] + 2 * up, signals.shape[2] + 2 * left
    n_rows, n_columns = _places(source, name, size, shape, len(signals) + 2 * LEAVES * channels)
    padded = np.pad(signals[..., 0], ((0, 0), (up, up), (left, left)))  # node 0 is constant 0
    rows = down * np.arange(n_rows)[:, None, None] + row[:, None, None, :]
    columns = right * np.arange(n_columns)[:, None] + column[:, None, None, :]
    windows: Ids = padded[channel[:, None, None, :], rows, columns]
    return windows


def _places(source: Source, name: str, size: tuple[int, ...], shape: Layer, per_place: int) -> Pair:
    """How many windows fit in each direction."""
    rows, columns = (
        (length - kernel) // stride + 1
        for length, kernel, stride in zip(size, shape.kernel, shape.stride, strict=True)
    )
    if rows < 1 or columns < 1 or rows * columns * per_place > MAX_SIGNALS:
        raise InputError(
            f"{source.path}: {name}{shape.kind} of {shape.kernel} on {size[0]} x {size[1]}: "
            f"{rows} x {columns} places are left"
        )
    return rows, columns


def _tree(source: Source, builder: NetlistBuilder, name: str, gates: Integers, signals: Ids) -> Ids:
    if (len(gates), 2 * gates.shape[1]) != (len(signals), signals.shape[3]):
        raise InputError(
            f"{source.path}: {name}weights: {gates.shape} (channels, gates) do not join "
            f"{len(signals)} channels of {signals.shape[3]} values"
        )
    spread = np.broadcast_to(gates[:, None, None], (*signals.shape[:3], gates.shape[1]))
    return _append(builder, spread, signals[..., 0::2], signals[..., 1::2])


def _pool(source: Source, builder: NetlistBuilder, shape: Layer, signals: Ids) -> Ids:
    if signals.shape[3] != 1:
        raise InputError(f"{source.path}: a pool needs one value a place")
    n_rows, n_columns = _places(
        source, "", (signals.shape[1], signals.shape[2]), shape, len(signals)
    )
    (height, width), (down, right) = shape.kernel, shape.stride
    pooled: Ids | None = None
    for row in range(height):
        for column in range(width):
            there = signals[:, row::down, column::right][:, :n_rows, :n_columns]
            if pooled is None:
                pooled = there
                continue
            joined = builder.gates(OR, pooled.reshape(-1), there.reshape(-1))
            pooled = joined.reshape(there.shape)
    assert pooled is not None  # kernels are 1 or more
    return pooled
