"""Layers of `lgncc.nn` as gates: whatever is made of LogicDense, at every position at once.

Signals are node ids, bits (n,) or an image (channels, rows, columns); outside of it is
node 0, which reads 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.frontends.image import append_gates, or_pool, windows

if TYPE_CHECKING:
    from lgncc.nn.conv import Image, LogicConv2d, OrPool2d
    from lgncc.nn.layers import LogicDense


def lower_dense(builder: NetlistBuilder, layer: LogicDense, signals: Ids) -> Ids:
    """signals (..., in_features) to (..., out_features)."""
    fanin = signals[..., layer.wires().numpy().T]
    return append_gates(builder, layer.tables().numpy().view(np.uint64), fanin)


def lower_image(layer: Image, signals: Ids) -> Ids:
    levels_last = signals.reshape(layer.channels, layer.rows, layer.columns, layer.levels)
    return np.moveaxis(levels_last, 3, 1).reshape(-1, layer.rows, layer.columns)


def lower_conv(builder: NetlistBuilder, layer: LogicConv2d, signals: Ids) -> Ids:
    pair = (layer.kernel,) * 2, (layer.stride,) * 2, (layer.padding,) * 2
    seen = np.moveaxis(windows(signals, *pair), 0, 2)  # (rows, columns, channels, kernel, kernel)
    signals = seen.reshape(*seen.shape[:2], -1)
    for level in layer.trees:
        signals = lower_dense(builder, level, signals)
    return np.moveaxis(signals, 2, 0)


def lower_pool(builder: NetlistBuilder, layer: OrPool2d, signals: Ids) -> Ids:
    return or_pool(builder, signals, (layer.kernel,) * 2, (layer.stride,) * 2, (0, 0))
