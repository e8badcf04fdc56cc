"""How a gate's function is learned: what its weights mean, relaxed and discrete.

    raw    a logit for each of the 16 two-input gates; a softmax mixes them
    light  a logit for each row of the truth table; a sigmoid makes it a probability
    walsh  a coefficient for each parity of the fanins; their sum is the logit of a row

Rows follow the project's convention: row r is where the fanins spell r, fanin 0 lowest.
All three start as the same function under residual initialisation.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, get_args

import torch

from lgncc.gates import BUF_A, GATES
from lgncc.netlist import MAX_FANINS
from lgncc.nn.interpolation import interpolate
from lgncc.nn.noise import Sampling

Init = Literal["residual", "random"]
RESIDUAL_LOGIT = 5.0
"""Starting logit of "a through" in `raw`: 91 % of the mixture."""
_STAY = math.exp(RESIDUAL_LOGIT)
ROW_LOGIT = math.log((_STAY + 7) / 8)
"""The logit of a row in that mixture: 8 of the 16 gates are 1 there, one of them "a"."""
CERTAIN_LOGIT = 200.0
"""Over any temperature up to 1, e**-200 is 0 in float32; Gumbel noise is 20 at the utmost."""


class Parametrization(Protocol):
    def columns(self, arity: int) -> int:
        """Weights a gate. Raises ValueError for an arity without this parametrization."""

    def residual(self, arity: int) -> torch.Tensor:
        """Weights (columns,) of a gate that nearly passes fanin 0 through."""

    def rows(self, weights: torch.Tensor) -> torch.Tensor:
        """The discrete truth tables: bool (out, 2**arity)."""

    def certain(self, rows: torch.Tensor) -> torch.Tensor:
        """Weights (out, columns) of these tables, bool (out, 2**arity), soft and discrete alike.

        So far from any other table that no gradient is left, and no noise reaches them.
        """

    def relaxed(
        self, x: torch.Tensor, weights: torch.Tensor, connections: torch.Tensor, sampling: Sampling
    ) -> torch.Tensor:
        """The layer in training: x (batch, in) in [0, 1] to (batch, out)."""


class _Raw:
    """The first of equal logits is the discrete gate."""

    def columns(self, arity: int) -> int:
        if arity != 2:
            raise ValueError(
                f"raw weights name two-input gates, and there are 2**{1 << arity} of {arity} "
                'inputs; use parametrization="light" or "walsh"'
            )
        return len(GATES)

    def residual(self, arity: int) -> torch.Tensor:
        weights = torch.zeros(self.columns(arity))
        weights[BUF_A] = RESIDUAL_LOGIT
        return weights

    def rows(self, weights: torch.Tensor) -> torch.Tensor:
        return _rows_of_gates(weights.device)[weights.argmax(dim=1)]

    def certain(self, rows: torch.Tensor) -> torch.Tensor:
        return CERTAIN_LOGIT * torch.nn.functional.one_hot(pack_tables(rows), len(GATES)).float()

    def relaxed(
        self, x: torch.Tensor, weights: torch.Tensor, connections: torch.Tensor, sampling: Sampling
    ) -> torch.Tensor:
        mixture = sampling.softmax(weights, dim=1)
        return interpolate(x, mixture @ _rows_of_gates(x.device).to(mixture.dtype), connections)


class _Light:
    """Discrete row r is 1 where its logit is above 0."""

    def columns(self, arity: int) -> int:
        return 1 << arity

    def residual(self, arity: int) -> torch.Tensor:
        return _residual_rows(arity)

    def rows(self, weights: torch.Tensor) -> torch.Tensor:
        return weights > 0

    def certain(self, rows: torch.Tensor) -> torch.Tensor:
        return CERTAIN_LOGIT * (2 * rows.float() - 1)

    def relaxed(
        self, x: torch.Tensor, weights: torch.Tensor, connections: torch.Tensor, sampling: Sampling
    ) -> torch.Tensor:
        return interpolate(x, sampling.sigmoid(weights + sampling.logistic(weights)), connections)


class _Walsh:
    """Weight j belongs to the parity of the fanins in j, as +1 for even and -1 for odd.

    A negative sum is 1, as in torchlogix ('warp'); a discrete row is 1 where the sum is
    below 0. The sigmoid comes after the interpolation, not before it.
    """

    def columns(self, arity: int) -> int:
        return 1 << arity

    def residual(self, arity: int) -> torch.Tensor:
        return -walsh_transform(_residual_rows(arity)[None])[0] / (1 << arity)

    def rows(self, weights: torch.Tensor) -> torch.Tensor:
        return walsh_transform(weights.double()) < 0

    def certain(self, rows: torch.Tensor) -> torch.Tensor:
        # The transform is its own inverse, but for a factor.
        return CERTAIN_LOGIT * walsh_transform(1 - 2 * rows.float()) / rows.shape[1]

    def relaxed(
        self, x: torch.Tensor, weights: torch.Tensor, connections: torch.Tensor, sampling: Sampling
    ) -> torch.Tensor:
        logits = -walsh_transform(weights)
        return sampling.sigmoid(interpolate(x, logits + sampling.logistic(logits), connections))


def walsh_transform(weights: torch.Tensor) -> torch.Tensor:
    """(n, 2**k) to (n, 2**k): entry r is the sum of weight j times -1 to the ones in r & j.

    Butterflies in a fixed order, so that rounding is the same on every machine.
    """
    n, size = weights.shape
    span = 1
    while span < size:
        pairs = weights.reshape(n, size // (2 * span), 2, span)
        even, odd = pairs.unbind(2)
        weights = torch.stack([even + odd, even - odd], dim=2).reshape(n, size)
        span *= 2
    return weights


def pack_tables(rows: torch.Tensor) -> torch.Tensor:
    """Truth tables int64 (out,) of rows bool (out, 2**k); of 64 rows, the last is the sign."""
    places = torch.arange(rows.shape[1], device=rows.device)
    return (rows.long() << places).sum(1)


def _rows_of_gates(device: torch.device) -> torch.Tensor:
    """Bool (16, 4): the rows of every two-input gate."""
    tables = torch.tensor([gate.table for gate in GATES], device=device)
    return (tables[:, None] >> torch.arange(4, device=device) & 1).bool()


def _residual_rows(arity: int) -> torch.Tensor:
    """Logits (2**arity,) of rows that nearly pass fanin 0, the lowest bit of a row, through."""
    return torch.tensor([-ROW_LOGIT, ROW_LOGIT]).repeat(1 << arity - 1)


PARAMETRIZATIONS: dict[str, Parametrization] = {"raw": _Raw(), "light": _Light(), "walsh": _Walsh()}
ARITIES = range(2, MAX_FANINS + 1)


def parametrization_of(name: str, arity: int) -> Parametrization:
    """Raises ValueError where there is none of this name, or not of this arity."""
    if name not in PARAMETRIZATIONS:
        raise ValueError(f"parametrization={name!r}: known are {', '.join(PARAMETRIZATIONS)}")
    if arity not in ARITIES:
        raise ValueError(f"arity={arity}: a gate has {ARITIES[0]} to {ARITIES[-1]} inputs")
    PARAMETRIZATIONS[name].columns(arity)
    return PARAMETRIZATIONS[name]


def initial_weights(
    parametrization: Parametrization,
    init: Init,
    arity: int,
    out_features: int,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """Float32 (out, columns). Raises ValueError for an unknown initialisation."""
    if init not in get_args(Init):
        raise ValueError(f"init={init!r}: known initialisations are {get_args(Init)}")
    if init == "residual":
        return parametrization.residual(arity).repeat(out_features, 1)
    return torch.randn(out_features, parametrization.columns(arity), generator=generator)
