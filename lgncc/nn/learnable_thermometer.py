"""Thresholds that are trained with the network and compiled like fixed ones."""

from __future__ import annotations

import torch

from lgncc.nn.inputs import InputFormat, InputLayer, check_thresholds, quantiles
from lgncc.nn.noise import Sampling, straight_through


class LearnableThermometer(InputLayer):
    """Thresholds that are trained and stay in order.

    `differences` float64 (F, levels) is the parameter: the first threshold of a feature,
    then what softplus makes the positive distances to the next ones, in units of
    `softness`. In training a bit is sigmoid((x - threshold) / temperature), all in the
    units of x; with `straight_through` that is only its gradient, and its value is the bit.
    """

    def __init__(
        self,
        thresholds: torch.Tensor,
        input_format: InputFormat,
        *,
        temperature: float = 1.0,
        softness: float = 0.1,
        straight_through: bool = True,
    ) -> None:
        """`thresholds` (F, levels) must rise; training starts from them."""
        super().__init__(input_format)
        self.temperature = Sampling(temperature=float(temperature)).temperature
        self.softness = Sampling(temperature=float(softness)).temperature
        self.straight_through = straight_through
        start = check_thresholds(thresholds).to(torch.float64)
        distances = start.diff(dim=1)
        if not (distances > 0).all():
            feature, level = (~(distances > 0)).nonzero()[0].tolist()
            raise ValueError(
                f"thresholds {level} and {level + 1} of feature {feature} do not rise; "
                "LearnableThermometer.distributive makes them"
            )
        # The inverse of softplus, log(exp(d) - 1), where exp(d) may be too large for a float.
        scaled = distances / self.softness
        inverse = self.softness * (scaled + torch.log(-torch.expm1(-scaled)))
        self.differences = torch.nn.Parameter(torch.cat([start[:, :1], inverse], dim=1))

    @classmethod
    def distributive(
        cls,
        x: torch.Tensor,
        levels: int,
        input_format: InputFormat,
        *,
        temperature: float = 1.0,
        softness: float = 0.1,
        straight_through: bool = True,
    ) -> LearnableThermometer:
        """Starts at the quantiles of the training data x (n, F), where they differ.

        Half a step above them, since training makes them inexact: a threshold on a
        representable value would fall to either side of it. Equal ones part by a step.
        """
        step = input_format.step
        index = torch.arange(levels) * step
        apart = (quantiles(x, levels) - index).cummax(dim=1).values + index + step / 2
        return cls(
            apart,
            input_format,
            temperature=temperature,
            softness=softness,
            straight_through=straight_through,
        )

    def thresholds(self) -> torch.Tensor:
        """Float64 (F, levels), with their gradient."""
        first, rest = self.differences[:, :1], self.differences[:, 1:]
        distances = self.softness * torch.nn.functional.softplus(rest / self.softness)
        return torch.cat([first, distances], dim=1).cumsum(dim=1)

    def boundaries(self) -> torch.Tensor:
        return self.thresholds().detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bits = super().forward(x)
        if not self.training:
            return bits
        distance = x.unsqueeze(-1) - self.thresholds()
        soft = (distance / self.temperature).sigmoid().flatten(-2).to(bits.dtype)
        return straight_through(bits, soft) if self.straight_through else soft
