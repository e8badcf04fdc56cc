"""Difflogic's connections, drawn again as its constructor drew them from the seed.

After `torch.manual_seed(seed)` difflogic's CPU stream meets, in this order: whatever
the training script drew first (its data split), then for each layer its weights, if
they are made on the CPU, and its connections. Facts from difflogic 0.1.0
(difflogic.py, functional.py); written anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lgncc.arrays import Integers
from lgncc.errors import InputError

MAX_SPLIT = 100_000_000


@dataclass(frozen=True)
class Replay:
    """How the network was built.

    device: where the weights were drawn; on 'cuda' they leave the CPU stream alone.
    split: samples of the data set that the script split before, by one randperm.
    """

    seed: int
    connections: Literal["random", "unique"]
    device: Literal["cpu", "cuda"]
    split: int | None = None

    def draw(self, inputs: int, sizes: Sequence[int]) -> list[Integers]:
        """Connections int64 (2, out) of layers of these sizes. Raises InputError.

        The draws come from a generator of their own; torch's global one is left alone.
        """
        import torch

        if not -(2**63) <= self.seed < 2**64:
            raise InputError(f"--replay-seed {self.seed}: torch takes seeds of 64 bits")
        stream = torch.Generator(device="cpu").manual_seed(self.seed)
        if self.split is not None:
            if not 1 <= self.split <= MAX_SPLIT:
                raise InputError(f"--replay-split {self.split}: give the number of samples")
            torch.randperm(self.split, generator=stream)
        drawn = []
        width = inputs
        for number, size in enumerate(sizes):
            if 2 * size < width:
                raise InputError(
                    f"layer {number} of {size} gates cannot read {width} nodes: difflogic builds "
                    "no layer of fewer gates than half its inputs"
                )
            if self.device == "cpu":
                torch.randn(size, 16, generator=stream)
            if self.connections == "random":
                flat = torch.randperm(2 * size, generator=stream) % width
                flat = torch.randperm(width, generator=stream)[flat]
                drawn.append(flat.reshape(2, size).numpy())
            else:
                order = torch.randperm(size, generator=stream).numpy()
                drawn.append(unique_pairs(width, size)[:, order])
            width = size
        return drawn


def unique_pairs(width: int, count: int) -> Integers:
    """The first `count` pairs of nodes in difflogic's order: int64 (2, count).

    (0, 1), (2, 3), ...; then (1, 2), (3, 4), ...; then all (i, i + 2), all (i, i + 3)
    and so on. Raises InputError where that order has fewer pairs.
    """
    nodes = np.arange(width, dtype=np.int64)
    starts = [nodes[0 : width - 1 : 2], nodes[1 : width - 1 : 2]]
    ends = [start + 1 for start in starts]
    total = sum(map(len, starts))
    distance = 2
    # difflogic, too, stops at `total <= distance`: a few nodes have few pairs.
    while count > total > distance:
        starts.append(nodes[:-distance])
        ends.append(nodes[distance:])
        total += width - distance
        distance += 1
    if total < count:
        raise InputError(
            f"difflogic has no {count} unique connections of {width} nodes, only {total}; "
            "the layer was built another way"
        )
    return np.stack([np.concatenate(starts), np.concatenate(ends)])[:, :count]
