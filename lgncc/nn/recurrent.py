"""Recurrent layers: cells of gates with a state, and the network that is fed step by step.

Recurrent Deep Differentiable Logic Gate Networks; the update rules are `lgncc.cells`. A
layer is unrolled over (batch, steps, features) and starts from h = 0. Compiled, it is one
step for each input vector, and its state is registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch

from lgncc.cells import CELLS, READOUT
from lgncc.nn.layers import LogicDense


class LogicRecurrent(torch.nn.Module):
    """A cell of gates: (batch, steps, in_features) to (batch, steps, hidden).

    `cell` names one of `lgncc.cells.CELLS`. Each of its stacks is `depth` LogicDense layers,
    of `width` gates (`hidden` if not given) but for the last, of `hidden`. `gate_options`
    are those of LogicDense. With `stacks`, as from a file, nothing is drawn. Gumbel noise
    is drawn anew at each step.
    """

    def __init__(
        self,
        in_features: int,
        hidden: int,
        cell: str = "gated",
        depth: int = 2,
        width: int | None = None,
        *,
        stacks: Mapping[str, Sequence[LogicDense]] | None = None,
        generator: torch.Generator | None = None,
        **gate_options: Any,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell={cell!r}: known cells are {', '.join(CELLS)}")
        if min(in_features, hidden) < 1:
            raise ValueError(f"LogicRecurrent: {in_features} features, {hidden} hidden: 1 or more")
        self.in_features, self.hidden, self.cell = in_features, hidden, cell
        reads = {
            name: 2 * hidden if name == READOUT else in_features + hidden
            for name in CELLS[cell].stacks
        }
        if stacks is None:
            if depth < 1:
                raise ValueError(f"LogicRecurrent: depth {depth}; a stack has 1 layer or more")
            inner = [hidden if width is None else width] * (depth - 1)
            stacks = {
                name: _draw([inputs, *inner, hidden], generator, gate_options)
                for name, inputs in reads.items()
            }
        if stacks.keys() != reads.keys():
            raise ValueError(f"a {cell} cell has the stacks {', '.join(reads)}, not {[*stacks]}")
        for name, layers in stacks.items():
            sizes = [layer.out_features for layer in layers]
            chain = [layer.in_features for layer in layers]
            if chain != [reads[name], *sizes[:-1]] or sizes[-1:] != [hidden]:
                raise ValueError(
                    f"{name}: layers of {chain} inputs and {sizes} gates do not lead from "
                    f"{reads[name]} signals to {hidden}"
                )
        self.stacks = torch.nn.Module()  # a ModuleDict has no room for a stack called update
        for name in reads:
            self.stacks.add_module(name, torch.nn.Sequential(*stacks[name]))

    @property
    def out_features(self) -> int:
        return self.hidden

    def layers(self, stack: str) -> list[LogicDense]:
        return cast(list[LogicDense], list(self._stack(stack)))

    def _stack(self, name: str) -> torch.nn.Sequential:
        return cast(torch.nn.Sequential, self.stacks.get_submodule(name))

    def forward(self, x: torch.Tensor, first: torch.Tensor | None = None) -> torch.Tensor:
        """`first` bool (batch, steps): where a sequence begins, so that memories are 0."""
        if x.ndim != 3 or x.shape[2] != self.in_features:
            raise ValueError(
                f"LogicRecurrent: the input is {tuple(x.shape)}, not (batch, steps, "
                f"{self.in_features})"
            )
        if first is not None and (first.shape != x.shape[:2] or first.dtype != torch.bool):
            raise ValueError(
                f"LogicRecurrent: first is {first.dtype} {tuple(first.shape)}; it must be "
                f"torch.bool {tuple(x.shape[:2])}"
            )
        rule = CELLS[self.cell]
        stacks = {name: self._stack(name) for name in rule.stacks}
        memories = (x.new_zeros(len(x), self.hidden),) * rule.memories
        answers = []
        for step in range(x.shape[1]):
            if first is not None:
                begins = first[:, step, None]
                memories = tuple(memory.masked_fill(begins, 0) for memory in memories)
            z = torch.cat([x[:, step], memories[0]], dim=1)
            answer, memories = rule.step(_TensorAlgebra(), stacks, z, memories)
            answers.append(answer)
        return torch.stack(answers, dim=1) if answers else x.new_zeros(len(x), 0, self.hidden)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.hidden}, {self.cell}"


class Streaming(torch.nn.Sequential):
    """A network over sequences: (batch, steps, features) to (batch, steps, ...).

    Layers without a state see each step as a sample.
    """

    def forward(self, x: torch.Tensor, first: torch.Tensor | None = None) -> torch.Tensor:
        """`first`: as of LogicRecurrent."""
        for layer in self:
            if isinstance(layer, LogicRecurrent):
                x = layer(x, first)
            else:
                y = layer(x.flatten(0, 1))
                x = y.reshape(*x.shape[:2], *y.shape[1:])
        return x


def _draw(
    sizes: list[int], generator: torch.Generator | None, gate_options: dict[str, Any]
) -> list[LogicDense]:
    return [
        LogicDense(reads, gates, generator=generator, **gate_options)
        for reads, gates in pairwise(sizes)
    ]


class _TensorAlgebra:
    """Update rules on relaxed bits: what is expected of independent random ones."""

    def gate(self, table: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        at_00, at_a, at_b, at_ab = (table >> row & 1 for row in range(4))
        slope = (at_a - at_00) + (at_ab - at_a - at_b + at_00) * b
        return at_00 + (at_b - at_00) * b + slope * a

    def mux(
        self, select: torch.Tensor, if_set: torch.Tensor, if_clear: torch.Tensor
    ) -> torch.Tensor:
        return if_clear + select * (if_set - if_clear)

    def join(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.cat([first, second], dim=1)
