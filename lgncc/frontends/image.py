"""What all readers of convolutions lower alike: windows on an image, trees of gates, OR pooling.

Signals are node ids int32 (channels, *spatial). Outside of an image is node 0: it reads 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.gates import OR

MAX_LENGTH = 1 << 16
"""Of an image, a kernel, a stride: a file that claims more is refused."""
MAX_SIGNALS = 1 << 26
"""Of one layer, for the same reason."""


def windows(
    signals: Ids, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Ids:
    """What a window sees at each of its positions: (channels, *positions, *kernel), a view."""
    padded = np.pad(signals, [(0, 0), *((p, p) for p in padding)])
    axes = tuple(range(1, signals.ndim))
    seen = np.lib.stride_tricks.sliding_window_view(padded, tuple(kernel), axes)
    return seen[(slice(None), *(slice(None, None, step) for step in stride))]


def append_gates(builder: NetlistBuilder, tables: npt.ArrayLike, fanin: Ids) -> Ids:
    """Gates of any shape: fanin (..., k), and tables that broadcast to (...); their ids (...)."""
    shape, k = fanin.shape[:-1], fanin.shape[-1]
    spread = np.broadcast_to(np.asarray(tables, np.uint64), shape)
    return builder.luts(spread.reshape(-1), fanin.reshape(-1, k)).reshape(shape)


def or_pool(
    builder: NetlistBuilder,
    signals: Ids,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
) -> Ids:
    """OR over windows, channel by channel: along one dimension after the other."""
    for axis, (length, step, margin) in enumerate(zip(kernel, stride, padding, strict=True), 1):
        width = [(margin, margin) if at == axis else (0, 0) for at in range(signals.ndim)]
        seen = np.lib.stride_tricks.sliding_window_view(np.pad(signals, width), length, axis)
        every = [slice(None, None, step if at == axis else None) for at in range(signals.ndim)]
        signals = or_all(builder, seen[tuple(every)])
    return signals


def or_all(builder: NetlistBuilder, signals: Ids) -> Ids:
    """OR over the last axis, as a balanced tree: (..., n) to (...)."""
    while signals.shape[-1] > 1:
        half = signals.shape[-1] // 2
        left, right = signals[..., :half], signals[..., half : 2 * half]
        joined = builder.gates(OR, left.reshape(-1), right.reshape(-1)).reshape(left.shape)
        signals = np.concatenate([joined, signals[..., 2 * half :]], axis=-1)
    return signals[..., 0]
