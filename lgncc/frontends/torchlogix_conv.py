"""Torchlogix's layers on images and volumes: convolutions by trees of gates, OR pooling.

Signals are node ids int32 (channels, *spatial). Outside of an image is node 0: it reads 0.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.frontends import image
from lgncc.frontends.torchlogix_layers import Conv, OrPool
from lgncc.frontends.torchlogix_state import Checkpoint, join, no_wiring


def conv(checkpoint: Checkpoint, builder: NetlistBuilder, layer: Conv, signals: Ids) -> Ids:
    """One tree of gates a kernel, the same at every position of its window.

    In the file, `tree_weights.l` are float (nodes, kernels, columns), the leaves first;
    `_indices_L0` int (rank, kernels, positions, leaves, ndim + 1) are places in the
    padded input, channel last; `_indices_Ll` int (rank, nodes) are nodes of level l - 1.
    """
    name = layer.name or ""
    first = join(name, "connections._indices_L0")
    if first not in checkpoint.state.keys:
        raise no_wiring(checkpoint.source, checkpoint.state)
    if signals.ndim != layer.dimension + 1:
        raise checkpoint.error(
            f"{name}: conv{layer.dimension}d takes (channels, {layer.dimension} lengths), "
            f"what comes before it has shape {signals.shape}"
        )
    places = checkpoint.state.take(first, (None,) * 4 + (layer.dimension + 1,), "int")
    rank = len(places)
    padding = [(0, 0)] + [(layer.padding, layer.padding)] * layer.dimension
    padded = np.pad(signals, padding)
    size = _check_places(checkpoint, layer, places, padded.shape)

    spatial = tuple(np.moveaxis(places[..., :-1], -1, 0))
    fanin = padded[(places[..., -1], *spatial)]  # (rank, kernels, positions, leaves)
    level = 0
    while True:
        tables = checkpoint.tables(join(name, f"tree_weights.{level}"), rank, layer.parametrization)
        _, kernels, _, nodes = fanin.shape
        if tables.shape != (nodes, kernels):
            raise checkpoint.error(
                f"{name}: tree_weights.{level} are of {tables.shape} (nodes, kernels), the wiring "
                f"of {(nodes, kernels)}"
            )
        signals = image.append_gates(builder, tables.T[:, None], np.moveaxis(fanin, 0, -1))
        level += 1
        if join(name, f"tree_weights.{level}") not in checkpoint.state.keys:
            break
        key = join(name, f"connections._indices_L{level}")
        children = checkpoint.state.take(key, (rank, None), "int")
        if children.size and not 0 <= children.min() <= children.max() < nodes:
            raise checkpoint.error(f"{key}: out of range; the level below has {nodes} nodes")
        fanin = np.moveaxis(signals[..., children], 2, 0)
    if signals.shape[-1] != 1:
        raise checkpoint.error(f"{name}: the trees end in {signals.shape[-1]} nodes, not in one")
    return signals.reshape(len(signals), *size)


def _check_places(
    checkpoint: Checkpoint, layer: Conv, places: Integers, padded: tuple[int, ...]
) -> tuple[int, ...]:
    """How many windows there are along each dimension.

    Raises InputError unless the places are one window, slid row by row over the whole of
    a padded input of this shape (channels, *spatial): the list and the file would
    contradict each other.
    """
    where = f"{layer.name}: connections._indices_L0"
    limit = np.array([*padded[1:], padded[0]])
    if not places.size:
        raise checkpoint.error(f"{where} is empty")
    outside = (places < 0) | (places >= limit)
    if outside.any():
        raise checkpoint.error(
            f"{where} is out of range: place {places[outside.any(axis=-1)][0].tolist()} "
            f"(channel last) of a padded input {limit.tolist()}; input_shape, padding and the "
            "layers before must be those of the model"
        )
    window = places[:, :, :1]
    starts = places[:1, :1, :, :1] - window[:1, :1, :, :1]
    inside = window[..., :-1] < np.array(layer.receptive_field_size)
    if not inside.all() or not np.array_equal(places, window + starts):
        raise checkpoint.error(
            f"{where} is not a window of receptive_field_size "
            f"{list(layer.receptive_field_size)} at several places"
        )
    starts = starts.reshape(-1, places.shape[-1])
    steps = {int(step) for axis in starts.T for step in np.diff(np.unique(axis))}
    slack = np.array(padded[1:]) - layer.receptive_field_size
    # With one window alone, any stride past the slack makes it the only one.
    stride = steps.pop() if steps else int(slack.max()) + 1
    size = tuple(int(count) for count in slack // max(stride, 1) + 1)
    grid = np.stack(np.meshgrid(*(np.arange(n) * stride for n in size), indexing="ij"), axis=-1)
    expected = np.pad(grid.reshape(-1, layer.dimension), ((0, 0), (0, 1)))
    if steps or (slack < 0).any() or not np.array_equal(starts, expected):
        raise checkpoint.error(
            f"{where} has {len(starts)} windows, not those of receptive_field_size "
            f"{list(layer.receptive_field_size)} on a padded input {list(padded[1:])}; "
            "input_shape, padding and the layers before must be those of the model"
        )
    return size


def or_pool(checkpoint: Checkpoint, builder: NetlistBuilder, layer: OrPool, signals: Ids) -> Ids:
    """OR over windows, channel by channel."""
    dimension = len(layer.kernel_size)
    if signals.ndim != dimension + 1:
        raise checkpoint.error(
            f"or_pool{dimension}d takes (channels, {dimension} lengths), what comes before it has "
            f"shape {signals.shape}"
        )
    halves = [2 * p <= k for p, k in zip(layer.padding, layer.kernel_size, strict=True)]
    padded = [n + 2 * p for n, p in zip(signals.shape[1:], layer.padding, strict=True)]
    fits = [k <= n for k, n in zip(layer.kernel_size, padded, strict=True)]
    if not all(halves + fits):
        raise checkpoint.error(
            f"or_pool{dimension}d: kernel_size {list(layer.kernel_size)} with padding "
            f"{list(layer.padding)} on {list(signals.shape[1:])}; torch takes padding up to half "
            "the kernel, and kernels up to the padded input"
        )
    return image.or_pool(builder, signals, layer.kernel_size, layer.stride, layer.padding)
