"""Wiring that is trained: every fanin chooses one of a few candidate inputs.

Forward, a fanin reads its best candidate; backward, the scores get the gradient of a
softmax over the candidates (straight-through). What is built is the best candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lgncc.nn.noise import Sampling
from lgncc.nn.wiring import check_inputs, wire


class LearnableWiring(torch.nn.Module):
    """`candidates` int64 (choices, arity, out) and `scores` (choices, arity, out) beside it."""

    candidates: torch.Tensor

    def __init__(self, candidates: torch.Tensor, scores: torch.Tensor | None = None) -> None:
        """Scores start equal, so that the first candidate is read and none is preferred."""
        super().__init__()
        if candidates.dtype != torch.int64 or candidates.ndim != 3 or 0 in candidates.shape:
            raise ValueError(
                f"candidates are {candidates.dtype} {tuple(candidates.shape)}; "
                "they must be torch.int64 (choices, arity, out)"
            )
        scores = torch.zeros(candidates.shape) if scores is None else scores
        if scores.shape != candidates.shape or not scores.isfinite().all():
            raise ValueError(
                f"scores of shape {tuple(scores.shape)} must be finite numbers of the "
                f"candidates' shape {tuple(candidates.shape)}"
            )
        self.register_buffer("candidates", candidates.clone())
        self.scores = torch.nn.Parameter(scores.clone())

    @classmethod
    def draw(
        cls,
        in_features: int,
        out_features: int,
        arity: int,
        choices: int,
        generator: torch.Generator | None = None,
    ) -> LearnableWiring:
        """Distinct candidates for every fanin; the first ones are a "random" wiring."""
        if not 1 <= choices <= in_features:
            raise ValueError(f"{choices} candidates of {in_features} inputs: give 1 to all of them")
        first = wire("random", in_features, out_features, generator, arity)
        shuffled = torch.randperm(in_features, generator=generator)
        place = torch.empty_like(shuffled)
        place[shuffled] = torch.arange(in_features)
        # Steps of at least one that never go round: the candidates of a fanin differ.
        longest = (in_features - 1) // max(choices - 1, 1)
        size = (choices - 1, *first.shape)
        steps = torch.randint(1, longest + 1, size, generator=generator) if choices > 1 else None
        walks = first.new_zeros(0, *first.shape) if steps is None else steps.cumsum(0)
        walks = torch.cat([torch.zeros_like(first)[None], walks])
        return cls(shuffled[(place[first] + walks) % in_features])

    def check(self, in_features: int, out_features: int, arity: int) -> None:
        """Raise ValueError unless this wires a layer of this size."""
        if self.candidates.shape[1:] != (arity, out_features):
            raise ValueError(
                f"candidates are {tuple(self.candidates.shape)}; the layer needs (choices, "
                f"{arity}, {out_features})"
            )
        check_inputs(self.candidates.flatten(0, 1), in_features)

    def chosen(self) -> torch.Tensor:
        """Connections int64 (arity, out): the best candidates, the first of equals."""
        best = self.scores.detach().argmax(0, keepdim=True)
        return self.candidates.gather(0, best)[0]

    def forward(self, x: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        """x (batch, in) to what the fanins read: (batch, arity * out), all of fanin 0 first."""
        candidates, scores = self.candidates.flatten(1), self.scores.flatten(1)
        shares = sampling.softmax(scores, dim=0)
        best = (shares if sampling.gumbel else scores).argmax(0, keepdim=True)
        reads = candidates.gather(0, best)[0]
        return _select(x, shares, reads, candidates)

    def extra_repr(self) -> str:
        return f"{len(self.candidates)} candidates"


class _Select(torch.autograd.Function):
    """Column `reads` of x; the gradient of `shares` (choices, wires) as if they were mixed."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        shares: torch.Tensor,
        reads: torch.Tensor,
        candidates: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, reads, candidates)
        return x.index_select(1, reads)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, reads, candidates = ctx.saved_tensors
        grad_x = torch.zeros_like(x).index_add_(1, reads, g) if ctx.needs_input_grad[0] else None
        # One candidate at a time: all at once would be a copy of the layer's inputs for each.
        grad_shares = torch.stack([(x.index_select(1, inputs) * g).sum(0) for inputs in candidates])
        return grad_x, grad_shares, None, None


# Named with its type, which torch does not state for `apply`.
_select: Callable[..., torch.Tensor] = _Select.apply
