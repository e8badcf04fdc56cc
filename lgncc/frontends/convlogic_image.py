"""Convlogic's layers on images, and the list of them that its state dicts lack.

Signals are node ids (channels, rows, columns, values a place); there is one value a place
except between a bare convolution of four gates and the trees that join them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.errors import InputError
from lgncc.frontends.common import read_toml, tables_from_difflogic
from lgncc.frontends.image import MAX_LENGTH, MAX_SIGNALS, append_gates, or_pool, windows
from lgncc.frontends.source import Source
from lgncc.frontends.state_dict import StateDict

LEAVES = 4
COMPLETE = 7

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
    content = read_toml(path)
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
    signals = _join(builder, gates[:, :LEAVES], fanin)
    if gates.shape[1] == LEAVES:
        return signals
    signals = _tree(source, builder, name, gates[:, LEAVES : LEAVES + 2], signals)
    signals = _tree(source, builder, name, gates[:, LEAVES + 2 :], signals)
    return _pool(source, builder, Layer("pool", (2, 2), (2, 2)), signals)


def _gates(state: StateDict, name: str) -> Integers:
    """Gate numbers (channels, gates)."""
    ids: Integers = state.take(f"{name}weights", (None, None, 16), "float").argmax(axis=2)
    return ids


def _join(builder: NetlistBuilder, gates: Integers, signals: Ids) -> Ids:
    """Gate p (channels, n) joins values 2p and 2p + 1 of each place (channels, ..., 2n)."""
    tables = tables_from_difflogic(gates.reshape(-1)).reshape(len(gates), 1, 1, -1)
    return append_gates(builder, tables, signals.reshape(*signals.shape[:-1], -1, 2))


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
    up, left = shape.padding
    size = signals.shape[1] + 2 * up, signals.shape[2] + 2 * left
    _check_places(source, name, size, shape, len(signals) + 2 * LEAVES * channels)
    seen = windows(signals[..., 0], shape.kernel, shape.stride, shape.padding)
    # (Cout, 8) indices around two slices: numpy puts their axes first.
    return np.moveaxis(seen[channel, :, :, row, column], 1, -1)


def _check_places(
    source: Source, name: str, size: tuple[int, ...], shape: Layer, per_place: int
) -> None:
    """Raise InputError unless windows fit, and not more than can be meant."""
    rows, columns = (
        (length - kernel) // stride + 1
        for length, kernel, stride in zip(size, shape.kernel, shape.stride, strict=True)
    )
    if rows < 1 or columns < 1 or rows * columns * per_place > MAX_SIGNALS:
        raise InputError(
            f"{source.path}: {name}{shape.kind} of {shape.kernel} on {size[0]} x {size[1]}: "
            f"{rows} x {columns} places are left"
        )


def _tree(source: Source, builder: NetlistBuilder, name: str, gates: Integers, signals: Ids) -> Ids:
    if (len(gates), 2 * gates.shape[1]) != (len(signals), signals.shape[3]):
        raise InputError(
            f"{source.path}: {name}weights: {gates.shape} (channels, gates) do not join "
            f"{len(signals)} channels of {signals.shape[3]} values"
        )
    return _join(builder, gates, signals)


def _pool(source: Source, builder: NetlistBuilder, shape: Layer, signals: Ids) -> Ids:
    if signals.shape[3] != 1:
        raise InputError(f"{source.path}: a pool needs one value a place")
    _check_places(source, "", signals.shape[1:3], shape, len(signals))
    pooled = or_pool(builder, signals[..., 0], shape.kernel, shape.stride, (0, 0))
    return pooled[..., None]
