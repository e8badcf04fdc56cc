"""Layers on images: convolutions by trees of gates, OR pooling, and the ways in and out.

Convolutional Differentiable Logic Gate Networks (Petersen et al. 2024). Images are
(batch, channels, rows, columns) in [0, 1]. A kernel is a binary tree of gates that reads
random places of its window, the same tree at every position; outside of the image is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch

from lgncc.frontends.image import MAX_LENGTH, MAX_SIGNALS
from lgncc.nn.layers import LogicDense

Shape = tuple[int, ...]
"""Of one sample: (bits,) or (channels, rows, columns)."""


class Image(torch.nn.Module):
    """The bits of an encoder as an image: (batch, C * H * W * levels) to (batch, C * levels, H, W).

    Features lie in the order of `shape` (C, H, W), the levels of each side by side, as a
    Thermometer makes them; channel c * levels + l is level l of channel c.
    """

    def __init__(self, channels: int, rows: int, columns: int, levels: int = 1) -> None:
        super().__init__()
        self.channels, self.rows, self.columns, self.levels = channels, rows, columns, levels
        _check_size(channels * levels, rows, columns)

    @property
    def bits(self) -> int:
        return self.channels * self.rows * self.columns * self.levels

    def shape_after(self, shape: Shape | None) -> Shape:
        if shape not in (None, (self.bits,)):
            raise ValueError(f"takes {self.bits} bits, but gets {shape_text(shape)}")
        return self.channels * self.levels, self.rows, self.columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shape_after(tuple(x.shape[1:]))
        levels_last = x.reshape(len(x), self.channels, self.rows, self.columns, self.levels)
        return levels_last.permute(0, 1, 4, 2, 3).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.rows}, {self.columns}, levels={self.levels}"


class LogicConv2d(torch.nn.Module):
    """Trees of two-input gates slid over an image: (batch, C, H, W) to (batch, channels, ...).

    `levels`: a LogicDense for each level of the trees, all kernels side by side, leaves
    first. The first reads the window, flat as (channel, row, column); gate j of a later one
    reads gates 2j and 2j + 1. Parametrization and noise are those of LogicDense, and so is
    the training kernel: positions are samples to it, so weights are shared.

    `gate_options` are those of LogicDense but wiring and arity. With `levels`, as from a
    file, nothing is drawn.
    """

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        depth: int = 2,
        *,
        levels: Sequence[LogicDense] | None = None,
        generator: torch.Generator | None = None,
        **gate_options: Any,
    ) -> None:
        super().__init__()
        self.in_shape, self.channels, self.depth = tuple(in_shape), channels, depth
        self.kernel, self.stride, self.padding = kernel, stride, padding
        if not 1 <= depth <= 16 or channels < 1:
            raise ValueError(f"{channels} trees of depth {depth}: give 1 or more, of depth 1 to 16")
        width = in_shape[0] * kernel**2
        self.out_shape = _slide(self.in_shape, kernel, stride, padding)
        sizes = [channels << depth - 1 - level for level in range(depth)]
        _check_size(width + sum(sizes), *self.out_shape[1:])
        self.out_shape = (channels, *self.out_shape[1:])
        if levels is None:
            if refused := gate_options.keys() & {"wiring", "arity"}:
                raise ValueError(
                    f"LogicConv2d takes no {', '.join(sorted(refused))}: it draws trees"
                )
            wires = [_draw_places(width, channels, 1 << depth, generator)]
            wires += [torch.arange(2 * size).reshape(-1, 2).T.contiguous() for size in sizes[1:]]
            levels = [
                LogicDense(reads, size, wiring=wire, generator=generator, **gate_options)
                for reads, size, wire in zip([width, *sizes], sizes, wires, strict=False)
            ]
        found = [(level.in_features, level.out_features) for level in levels]
        if found != list(zip([width, *sizes], sizes, strict=False)):
            raise ValueError(f"levels of (inputs, gates) {found} are no trees of this layer")
        self.levels = torch.nn.ModuleList(levels)

    @property
    def trees(self) -> list[LogicDense]:
        """The levels, typed."""
        return cast(list[LogicDense], list(self.levels))

    def shape_after(self, shape: Shape | None) -> Shape:
        if shape != self.in_shape:
            raise ValueError(
                f"takes an image {shape_text(self.in_shape)}, but gets {shape_text(shape)}; "
                "nn.Image makes one of bits"
            )
        return self.out_shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, rows, columns = self.shape_after(tuple(x.shape[1:]))
        seen = torch.nn.functional.unfold(x, self.kernel, padding=self.padding, stride=self.stride)
        signals = seen.transpose(1, 2).flatten(0, 1)  # (batch * positions, window)
        for level in self.trees:
            signals = level(signals)
        by_position = signals.reshape(len(x), rows * columns, channels)
        return by_position.transpose(1, 2).reshape(len(x), channels, rows, columns)

    def extra_repr(self) -> str:
        return (
            f"{self.in_shape}, {self.channels}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, depth={self.depth}"
        )


class OrPool2d(torch.nn.Module):
    """OR over windows, relaxed as the maximum, which trains only the input that is it.

    (batch, C, H, W) to (batch, C, ...); rows and columns that fill no window are dropped.
    """

    def __init__(self, kernel: int = 2, stride: int | None = None) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, kernel if stride is None else stride

    def shape_after(self, shape: Shape | None) -> Shape:
        return _slide(shape, self.kernel, self.stride, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shape_after(tuple(x.shape[1:]))
        return torch.nn.functional.max_pool2d(x, self.kernel, self.stride)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}"


class Flatten(torch.nn.Module):
    """(batch, C, H, W) to (batch, C * H * W), for the layers that take bits."""

    def shape_after(self, shape: Shape | None) -> Shape:
        if shape is None or len(shape) != 3:
            raise ValueError(_no_image(shape))
        return (math.prod(shape),)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def _check_size(per_place: int, rows: int, columns: int) -> None:
    """Raise ValueError unless so many signals can be meant."""
    if min(per_place, rows, columns) < 1 or per_place * rows * columns > MAX_SIGNALS:
        raise ValueError(
            f"{rows} x {columns} places of {per_place} signals: give 1 or more of each, "
            f"and at most {MAX_SIGNALS} together"
        )


def _no_image(shape: Shape | None) -> str:
    return (
        f"takes an image (channels, rows, columns), but gets {shape_text(shape)}; "
        "nn.Image makes one of bits"
    )


def _slide(shape: Shape | None, kernel: int, stride: int, padding: int) -> Shape:
    """The shape that a window leaves of an image. Raises ValueError where it does not fit."""
    if shape is None or len(shape) != 3:
        raise ValueError(_no_image(shape))
    if not all(1 <= n <= MAX_LENGTH for n in (*shape, kernel, stride)) or not (
        0 <= padding < kernel
    ):
        raise ValueError(
            f"kernel {kernel}, stride {stride}, padding {padding} on {shape_text(shape)}: "
            f"lengths are 1 to {MAX_LENGTH}, and padding is less than the kernel"
        )
    places = [(n + 2 * padding - kernel) // stride + 1 for n in shape[1:]]
    if min(places) < 1:
        raise ValueError(f"a kernel of {kernel} is larger than the image {shape_text(shape)}")
    return shape[0], *places


def _draw_places(
    window: int, trees: int, leaves: int, generator: torch.Generator | None
) -> torch.Tensor:
    """Int64 (2, trees * leaves / 2): what the first gates read; no place twice in a tree.

    Only a tree with more leaves than the window has places repeats them, and evenly.
    """
    rounds = -(-leaves // window)
    drawn = torch.rand(trees, rounds, window, generator=generator).argsort(dim=2)
    return drawn.flatten(1)[:, :leaves].reshape(-1, 2).T.contiguous()


def shape_text(shape: Shape | None) -> str:
    """`8 bits`, or `3 x 8 x 8`."""
    if shape is None:
        return "the features of a sample"
    return " x ".join(map(str, shape)) if len(shape) != 1 else f"{shape[0]} bits"
