"""The layers of a compilable network; `torch.nn.Sequential` puts them together.

In training mode a `LogicDense` is a relaxation of its gates; in eval mode it is the one
gate each that the compiler will build, so eval-mode accuracy is hardware accuracy.
"""

from __future__ import annotations

import math

import torch

from lgncc.nn.interpolation import interpolate
from lgncc.nn.learnable_wiring import LearnableWiring
from lgncc.nn.noise import SampledLayer, Sampling
from lgncc.nn.parametrization import Init, initial_weights, pack_tables, parametrization_of
from lgncc.nn.wiring import Wiring, check_connections, wire


class LogicDense(SampledLayer):
    """A layer of gates of `arity` inputs, 2 to 6: (batch, in_features) to (batch, out_features).

    `weights` (out, columns): what the `parametrization` learns of every gate (raw, light
    or walsh; see `lgncc.nn.parametrization`). Inputs are in [0, 1] in training mode and in
    {0, 1} in eval mode.

    `wiring` is "random" or "unique" (see `lgncc.nn.wiring`), the connections themselves,
    or "learnable": each fanin chooses one of `candidates` inputs (`LearnableWiring`). The
    state dict holds `connections` int64 (arity, out), or what the choice is made from.

    `gumbel` trains with noise and straight-through estimates at `temperature`
    (`lgncc.nn.noise`), which `set_temperature` or a `TemperatureSchedule` changes.
    """

    weights: torch.nn.Parameter
    connections: torch.Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        parametrization: str = "raw",
        arity: int = 2,
        wiring: Wiring | torch.Tensor | LearnableWiring = "random",
        candidates: int = 8,
        init: Init = "residual",
        gumbel: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.arity = in_features, out_features, arity
        self.parametrization = parametrization
        self._gates = parametrization_of(parametrization, arity)
        self.sampling = Sampling(gumbel, float(temperature))
        if wiring == "learnable":
            wiring = LearnableWiring.draw(in_features, out_features, arity, candidates, generator)
        self.wiring: LearnableWiring | None = None
        if isinstance(wiring, LearnableWiring):
            wiring.check(in_features, out_features, arity)
            self.wiring = wiring
            # Fanin f of gate g is column f * out + g of what the wiring selects.
            connections = torch.arange(arity * out_features).reshape(arity, out_features)
        elif isinstance(wiring, torch.Tensor):
            check_connections(wiring, in_features, out_features, arity)
            connections = wiring.clone()
        else:
            connections = wire(wiring, in_features, out_features, generator, arity)
        self.register_buffer("connections", connections, persistent=self.wiring is None)
        self.weights = torch.nn.Parameter(
            initial_weights(self._gates, init, arity, out_features, generator)
        )

    @property
    def temperature(self) -> float:
        return self.sampling.temperature

    def tables(self) -> torch.Tensor:
        """Truth tables int64 (out,) of the discrete network; of arity 6, bit 63 is the sign."""
        return pack_tables(self._gates.rows(self.weights.detach()))

    def wires(self) -> torch.Tensor:
        """Connections int64 (arity, out) of the discrete network, fanin 0 in row 0."""
        return self.connections if self.wiring is None else self.wiring.chosen()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"LogicDense: the input is {tuple(x.shape)}, not (batch, {self.in_features})"
            )
        if not self.training:
            rows = self._gates.rows(self.weights.detach())
            return interpolate(x, rows.to(self.weights.dtype), self.wires())
        if self.wiring is not None:
            x = self.wiring(x, self.sampling)
        return self._gates.relaxed(x, self.weights, self.connections, self.sampling)

    def extra_repr(self) -> str:
        options = [f"{self.in_features}, {self.out_features}, {self.parametrization}"]
        options += [f"arity={self.arity}"] * (self.arity != 2)
        options += [f"gumbel, temperature={self.temperature:g}"] * self.sampling.gumbel
        return ", ".join(options)


class GroupSum(torch.nn.Module):
    """Class scores: the sum of each of `classes` contiguous equal groups, over `tau`."""

    def __init__(self, classes: int, tau: float = 1.0) -> None:
        super().__init__()
        if classes < 1 or not 0 < tau < math.inf:
            raise ValueError(f"GroupSum needs classes >= 1 and tau > 0, not {classes} and {tau}")
        self.classes, self.tau = classes, float(tau)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] % self.classes:
            raise ValueError(
                f"GroupSum: {x.shape[1]} bits do not divide into {self.classes} equal groups"
            )
        return x.reshape(len(x), self.classes, x.shape[1] // self.classes).sum(dim=2) / self.tau

    def extra_repr(self) -> str:
        return f"{self.classes}, tau={self.tau:g}"
