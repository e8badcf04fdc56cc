"""Fixed input layers: raw features to network bits, and the format the features have.

The compiler builds the comparisons, so it must know how a feature arrives: the layer
states that format and the checkpoint carries it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lgncc.model import MAX_FEATURE_BITS


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


class Thermometer(torch.nn.Module):
    """Bit (f, l) is x[f] > thresholds[f, l], strictly: (batch, F) to (batch, F * levels).

    Bits are feature-major: all levels of feature 0 first. `thresholds` float64
    (F, levels) is a buffer of the state dict, so nothing here is trained.
    """

    thresholds: torch.Tensor

    def __init__(self, thresholds: torch.Tensor, input_format: InputFormat) -> None:
        super().__init__()
        if thresholds.ndim != 2 or 0 in thresholds.shape:
            raise ValueError(
                f"thresholds has shape {tuple(thresholds.shape)}; it must be (features, levels)"
            )
        if thresholds.isnan().any():
            feature, level = thresholds.isnan().nonzero()[0].tolist()
            raise ValueError(f"threshold {level} of feature {feature} is NaN")
        self.input_format = input_format
        # float64, so that 32-bit features compare exactly.
        self.register_buffer("thresholds", thresholds.to(torch.float64, copy=True))

    @property
    def features(self) -> int:
        return self.thresholds.shape[0]

    @property
    def levels(self) -> int:
        return self.thresholds.shape[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] != self.features:
            raise ValueError(f"Thermometer: {x.shape[-1]} features given, {self.features} expected")
        return (x.unsqueeze(-1) > self.thresholds).flatten(-2).to(torch.get_default_dtype())

    def extra_repr(self) -> str:
        return f"{self.features}, levels={self.levels}, {self.input_format}"


class Threshold(Thermometer):
    """A thermometer of one level, the same for every feature: bit f is x[f] > threshold."""

    def __init__(self, features: int, threshold: float, input_format: InputFormat) -> None:
        super().__init__(torch.full((features, 1), threshold, dtype=torch.float64), input_format)
