"""The layers of a compilable network; `torch.nn.Sequential` puts them together.

In training mode a `LogicDense` is the relaxed mixture of the 16 gates; in eval mode it
is the one gate that the compiler will build, so eval-mode accuracy is hardware accuracy.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch

from lgncc.gates import BUF_A
from lgncc.nn.relaxation import GATE_COEFFICIENTS, gate_layer
from lgncc.nn.wiring import Wiring, check_connections, wire

Init = Literal["residual", "random"]
RESIDUAL_LOGIT = 5.0
"""Starting logit of "pass a through" under residual initialisation: 91 % of the mixture."""


class LogicDense(torch.nn.Module):
    """A layer of two-input gates: (batch, in_features) to (batch, out_features).

    `weights` (out, 16): logits over the gates, indexed by truth table as in `lgncc.gates`.
    `connections` int64 (2, out): the inputs each gate reads, fanin 0 in row 0. Both are in
    the state dict. Inputs are in [0, 1] in training mode and in {0, 1} in eval mode.

    `wiring` is "random", "unique" (see `lgncc.nn.wiring`) or the connections themselves.
    """

    weights: torch.nn.Parameter
    connections: torch.Tensor
    coefficients: torch.Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        wiring: Wiring | torch.Tensor = "random",
        init: Init = "residual",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if init not in get_args(Init):
            raise ValueError(f"init={init!r}: known initialisations are {get_args(Init)}")
        self.in_features, self.out_features = in_features, out_features
        if isinstance(wiring, torch.Tensor):
            check_connections(wiring, in_features, out_features)
            connections = wiring.clone()
        else:
            connections = wire(wiring, in_features, out_features, generator)
        self.register_buffer("connections", connections)
        if init == "residual":
            weight = torch.zeros(out_features, len(GATE_COEFFICIENTS))
            weight[:, BUF_A] = RESIDUAL_LOGIT
        else:
            weight = torch.randn(out_features, len(GATE_COEFFICIENTS), generator=generator)
        self.weights = torch.nn.Parameter(weight)
        # A copy: `.to()` on one model must not move the constant of the others.
        self.register_buffer("coefficients", GATE_COEFFICIENTS.clone(), persistent=False)

    def tables(self) -> torch.Tensor:
        """Truth tables int64 (out,) of the discrete network; the first of equal logits wins."""
        return self.weights.argmax(dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"LogicDense: the input is {tuple(x.shape)}, not (batch, {self.in_features})"
            )
        if self.training:
            coefficients = self.weights.softmax(dim=1) @ self.coefficients
        else:
            coefficients = self.coefficients[self.tables()]
        return gate_layer(x, coefficients, self.connections)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"


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
