"""Which two inputs every gate of a layer reads: int64 (2, out), fanin 0 in row 0."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch

Wiring = Literal["random", "unique"]


def wire(
    wiring: Wiring, in_features: int, out_features: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draw the connections of a layer in which every input is read by some gate."""
    if wiring not in get_args(Wiring):
        raise ValueError(f"wiring={wiring!r}: known wirings are {', '.join(get_args(Wiring))}")
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer of {in_features} inputs and {out_features} gates is empty")
    if in_features > 2 * out_features:
        raise ValueError(
            f"{out_features} gates read at most {2 * out_features} inputs, not {in_features}: "
            f"use at least {-(-in_features // 2)} gates or fewer inputs"
        )
    if wiring == "random":
        return _random(in_features, out_features, generator)
    return _unique(in_features, out_features, generator)


def check_connections(connections: torch.Tensor, in_features: int, out_features: int) -> None:
    """Raise ValueError unless these are connections of a layer of this size."""
    if connections.dtype != torch.int64 or connections.shape != (2, out_features):
        raise ValueError(
            f"connections are {connections.dtype} {tuple(connections.shape)}; "
            f"they must be torch.int64 (2, {out_features})"
        )
    outside = (connections < 0) | (connections >= in_features)
    if outside.any():
        fanin, gate = outside.nonzero()[0].tolist()
        raise ValueError(
            f"fanin {fanin} of gate {gate} reads input {connections[fanin, gate].item()}; "
            f"inputs are 0 to {in_features - 1}"
        )


def _random(n: int, gates: int, generator: torch.Generator | None) -> torch.Tensor:
    """Deal the inputs out in turn over the 2*gates fanins: their use differs by at most one.

    A pair may repeat, and a gate may read one input twice.
    """
    slots = torch.randperm(2 * gates, generator=generator) % n
    return torch.randperm(n, generator=generator)[slots].reshape(2, gates)


def _unique(n: int, gates: int, generator: torch.Generator | None) -> torch.Tensor:
    """No gate reads an input twice, and no two gates read the same two inputs."""
    available = n * (n - 1) // 2
    if gates > available:
        raise ValueError(
            f"unique wiring: {n} inputs have {available} pairs, too few for {gates} gates; "
            'use wiring="random", fewer gates or more inputs'
        )
    # A matching first, so that every input is read; an odd one out joins the first pair's input.
    shuffled = torch.randperm(n, generator=generator)
    pairs = torch.cat([shuffled, shuffled[: n % 2]]).reshape(-1, 2)
    if available <= 4 * gates:
        every = torch.combinations(torch.arange(n))
        pairs = _distinct(torch.cat([pairs, every[torch.randperm(available, generator=generator)]]))
    while len(pairs) < gates:
        drawn = torch.randint(n, (2 * gates, 2), generator=generator)
        pairs = _distinct(torch.cat([pairs, drawn]))
    order = torch.randperm(gates, generator=generator)
    flip = torch.rand(gates, 1, generator=generator) < 0.5
    pairs = pairs[:gates][order]
    return torch.where(flip, pairs.flip(1), pairs).T.contiguous()


def _distinct(pairs: torch.Tensor) -> torch.Tensor:
    """The first of each unordered pair (m, 2) of two different inputs, in their order."""
    ordered = pairs.sort(dim=1).values.numpy()
    first = np.sort(np.unique(ordered, axis=0, return_index=True)[1])
    kept = pairs[torch.from_numpy(first)]
    return kept[kept[:, 0] != kept[:, 1]]
