"""Input layers: raw features to network bits, and the format the features have.

The compiler builds the comparisons, so it must know how a feature arrives: the layer
states that format and the checkpoint carries it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from lgncc.encoder import MAX_FEATURE_BITS


@dataclass(frozen=True)
class InputFormat:
    """A feature is an integer of `bits` bits (two's complement if `signed`) / 2**fraction."""

    bits: int
    signed: bool = False
    fraction: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_FEATURE_BITS:
            raise ValueError(f"a feature has 1 to {MAX_FEATURE_BITS} bits, not {self.bits}")
        if not 0 <= self.fraction <= MAX_FEATURE_BITS:
            raise ValueError(
                f"0 to {MAX_FEATURE_BITS} bits may be behind the point, not {self.fraction}"
            )

    @property
    def step(self) -> float:
        """Between one representable value and the next."""
        return math.ldexp(1.0, -self.fraction)

    def nearest(self, x: torch.Tensor) -> torch.Tensor:
        """The representable values float64 nearest to x: what the hardware would be given."""
        low = -(1 << self.bits - 1) if self.signed else 0
        return (x.double() / self.step).round().clamp(low, low + (1 << self.bits) - 1) * self.step


class InputLayer(torch.nn.Module, ABC):
    """Bit (f, l) is x[f] > boundaries[f, l], strictly: (batch, F) to (batch, F * levels).

    Bits are feature-major: all levels of feature 0 first.
    """

    def __init__(self, input_format: InputFormat) -> None:
        super().__init__()
        self.input_format = input_format

    @abstractmethod
    def boundaries(self) -> torch.Tensor:
        """Float64 (F, levels), detached: what the compiler builds."""

    @property
    def features(self) -> int:
        return self.boundaries().shape[0]

    @property
    def levels(self) -> int:
        return self.boundaries().shape[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] != self.features:
            name = type(self).__name__
            raise ValueError(f"{name}: {x.shape[-1]} features given, {self.features} expected")
        return (x.unsqueeze(-1) > self.boundaries()).flatten(-2).to(torch.get_default_dtype())

    def extra_repr(self) -> str:
        return f"{self.features}, levels={self.levels}, {self.input_format}"


class Thermometer(InputLayer):
    """Fixed thresholds: a buffer float64 (F, levels) of the state dict; nothing is trained."""

    thresholds: torch.Tensor

    def __init__(self, thresholds: torch.Tensor, input_format: InputFormat) -> None:
        super().__init__(input_format)
        # float64, so that 32-bit features compare exactly.
        self.register_buffer(
            "thresholds", check_thresholds(thresholds).to(torch.float64, copy=True)
        )

    @classmethod
    def distributive(cls, x: torch.Tensor, levels: int, input_format: InputFormat) -> Thermometer:
        """Thresholds at the quantiles of the training data x (n, F): see `quantiles`."""
        return cls(quantiles(x, levels), input_format)

    def boundaries(self) -> torch.Tensor:
        return self.thresholds


class Threshold(Thermometer):
    """A thermometer of one level, the same for every feature: bit f is x[f] > threshold."""

    def __init__(self, features: int, threshold: float, input_format: InputFormat) -> None:
        super().__init__(torch.full((features, 1), threshold, dtype=torch.float64), input_format)


def quantiles(x: torch.Tensor, levels: int) -> torch.Tensor:
    """Float64 (F, levels) from x (n, F): about equally many samples lie between thresholds.

    Each is a value of the data, so a representable one where the data are. Features of
    few distinct values get equal thresholds, which cost nothing in hardware.
    """
    if x.ndim != 2 or not len(x) or levels < 1:
        raise ValueError(
            f"quantiles of data {tuple(x.shape)} at {levels} levels; give (samples, features)"
        )
    at = [len(x) * level // (levels + 1) for level in range(1, levels + 1)]
    return x.double().sort(dim=0).values[at].T.contiguous()


def check_thresholds(thresholds: torch.Tensor) -> torch.Tensor:
    if thresholds.ndim != 2 or 0 in thresholds.shape:
        raise ValueError(
            f"thresholds has shape {tuple(thresholds.shape)}; it must be (features, levels)"
        )
    if thresholds.isnan().any():
        feature, level = thresholds.isnan().nonzero()[0].tolist()
        raise ValueError(f"threshold {level} of feature {feature} is NaN")
    return thresholds
