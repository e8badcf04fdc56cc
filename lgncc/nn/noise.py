"""Choosing while training: soft mixtures, or Gumbel noise with straight-through estimates.

With noise, a choice is drawn anew at every step: forward it is discrete, as the built
network will be; backward it is the soft choice at the same noise ("Mind the Gap:
Removing the Discretization Gap in Differentiable Logic Gate Networks", 2025). Draws come
from torch's default generator: `torch.manual_seed` repeats them, and
`torch.get_rng_state` is what a resumed training needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Sampling:
    """gumbel: noise and straight-through. temperature: what logits are divided by."""

    gumbel: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature={self.temperature}: it must be above 0 and finite")

    def softmax(self, logits: torch.Tensor, dim: int) -> torch.Tensor:
        """One of `dim`, the first of equals; with noise, a one-hot draw."""
        if not self.gumbel:
            return (logits / self.temperature).softmax(dim)
        noisy = logits + gumbel_noise(logits)
        chosen = torch.zeros_like(logits).scatter_(dim, noisy.argmax(dim, keepdim=True), 1.0)
        return straight_through(chosen, (noisy / self.temperature).softmax(dim))

    def sigmoid(self, logits: torch.Tensor) -> torch.Tensor:
        """Above 0 or not. The noise is `logistic`, added by the caller where its place is."""
        soft = (logits / self.temperature).sigmoid()
        return straight_through((logits > 0).to(soft.dtype), soft) if self.gumbel else soft

    def logistic(self, like: torch.Tensor) -> torch.Tensor | float:
        """What Gumbel noise on both of two choices is to their difference; 0 without noise."""
        return gumbel_noise(like) - gumbel_noise(like) if self.gumbel else 0.0


class SampledLayer(torch.nn.Module):
    """A layer that makes choices in training; `set_temperature` finds it."""

    sampling: Sampling


def gumbel_noise(like: torch.Tensor) -> torch.Tensor:
    """Standard Gumbel noise of that shape and dtype."""
    return -torch.empty_like(like).exponential_().log()


def straight_through(hard: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """The value of `hard`, exactly, with the gradient of `soft`."""
    return hard.detach() + (soft - soft.detach())


class TemperatureSchedule:
    """Geometric from `start` to `end` in `steps` calls of `step`, for all layers of a model.

    For a schedule of your own, call `set_temperature`.
    """

    def __init__(self, model: torch.nn.Module, start: float, end: float, steps: int) -> None:
        for temperature in (start, end):
            Sampling(temperature=temperature)
        if steps < 1:
            raise ValueError(f"a schedule of {steps} steps; at least 1")
        self._model, self._start, self._end, self._steps = model, start, end, steps
        self._done = 0
        set_temperature(model, start)

    @property
    def temperature(self) -> float:
        share = min(self._done / self._steps, 1.0)
        return float(self._start ** (1 - share) * self._end**share)

    def step(self) -> None:
        self._done += 1
        set_temperature(self._model, self.temperature)

    def state_dict(self) -> dict[str, int]:
        return {"done": self._done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._done = state["done"]
        set_temperature(self._model, self.temperature)


def set_temperature(model: torch.nn.Module, temperature: float) -> None:
    """Of every layer in `model` that has one. Raises ValueError unless above 0 and finite."""
    for module in model.modules():
        if isinstance(module, SampledLayer):
            module.sampling = replace(module.sampling, temperature=float(temperature))
