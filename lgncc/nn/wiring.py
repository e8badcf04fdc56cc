"""Which inputs every gate of a layer reads: int64 (arity, out), fanin 0 in row 0."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import torch

Fixed = Literal["random", "unique"]
Wiring = Literal["random", "unique", "learnable"]


def wire(
    wiring: str,
    in_features: int,
    out_features: int,
    generator: torch.Generator | None = None,
    arity: int = 2,
) -> torch.Tensor:
    """Draw the connections of a layer in which every input is read by some gate."""
    if wiring not in get_args(Fixed):
        raise ValueError(f"wiring={wiring!r}: known wirings are {', '.join(get_args(Wiring))}")
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer of {in_features} inputs and {out_features} gates is empty")
    if in_features > arity * out_features:
        raise ValueError(
            f"{out_features} gates read at most {arity * out_features} inputs, not {in_features}: "
            f"use at least {-(-in_features // arity)} gates or fewer inputs"
        )
    if wiring == "random":
        return _random(in_features, out_features, generator, arity)
    return _unique(in_features, out_features, generator, arity)


def check_connections(
    connections: torch.Tensor, in_features: int, out_features: int, arity: int = 2
) -> None:
    """Raise ValueError unless these are connections of a layer of this size."""
    if connections.dtype != torch.int64 or connections.shape != (arity, out_features):
        raise ValueError(
            f"connections are {connections.dtype} {tuple(connections.shape)}; "
            f"they must be torch.int64 ({arity}, {out_features})"
        )
    check_inputs(connections, in_features)


def check_inputs(connections: torch.Tensor, in_features: int) -> None:
    """Raise ValueError where connections (fanins, out) read what is no input."""
    outside = (connections < 0) | (connections >= in_features)
    if outside.any():
        fanin, gate = outside.nonzero()[0].tolist()
        raise ValueError(
            f"fanin {fanin} of gate {gate} reads input {connections[fanin, gate].item()}; "
            f"inputs are 0 to {in_features - 1}"
        )


def _random(n: int, gates: int, generator: torch.Generator | None, arity: int) -> torch.Tensor:
    """Deal the inputs out in turn over the fanins: their use differs by at most one.

    A choice of inputs may repeat, and a gate may read one input twice.
    """
    slots = torch.randperm(arity * gates, generator=generator) % n
    return torch.randperm(n, generator=generator)[slots].reshape(arity, gates)


def _unique(n: int, gates: int, generator: torch.Generator | None, arity: int) -> torch.Tensor:
    """No gate reads an input twice, and no two gates read the same inputs."""
    available = math.comb(n, arity)
    if gates > available:
        kind = "pairs" if arity == 2 else f"choices of {arity}"
        raise ValueError(
            f"unique wiring: {n} inputs have {available} {kind}, too few for {gates} gates; "
            'use wiring="random", fewer gates or more inputs'
        )
    # A matching first, so that every input is read; what is left over joins the first inputs.
    shuffled = torch.randperm(n, generator=generator)
    sets = torch.cat([shuffled, shuffled[: -n % arity]]).reshape(-1, arity)
    if available <= 4 * gates:
        every = torch.combinations(torch.arange(n), arity)
        sets = _distinct(torch.cat([sets, every[torch.randperm(available, generator=generator)]]))
    while len(sets) < gates:
        drawn = torch.randint(n, (2 * gates, arity), generator=generator)
        sets = _distinct(torch.cat([sets, drawn]))
    order = torch.randperm(gates, generator=generator)
    sets = sets[:gates][order]
    if arity == 2:
        flip = torch.rand(gates, 1, generator=generator) < 0.5
        return torch.where(flip, sets.flip(1), sets).T.contiguous()
    within = torch.rand(gates, arity, generator=generator).argsort(dim=1)
    return sets.gather(1, within).T.contiguous()


def _distinct(sets: torch.Tensor) -> torch.Tensor:
    """The first of each unordered set (m, arity) of different inputs, in their order."""
    ordered = sets.sort(dim=1).values.numpy()
    first = np.sort(np.unique(ordered, axis=0, return_index=True)[1])
    kept = sets[torch.from_numpy(first)]
    apart = (kept.sort(dim=1).values.diff(dim=1) != 0).all(dim=1)
    return kept[apart]
