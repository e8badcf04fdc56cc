"""Which gates of a network some output depends on, through layers and through memories.

Every gate is replaced by the sum of the fanins that it depends on, so that exactly what an
output depends on has a positive gradient. A memory counts where an output depends on it,
in this step or after any number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lgncc.cells import CELLS
from lgncc.nn.layers import LogicDense
from lgncc.nn.recurrent import LogicRecurrent

Bools = npt.NDArray[np.bool_]
Sum = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class LayerUsage:
    """name: "layer 1", or of a stack's gates "layer 1, update 0"; counted from 0.

    rows: truth tables bool (n, 2**k). reads: bool (k, n), see `dependence`. used: bool (n,),
    whether an output of the network depends on the gate.
    """

    name: str
    rows: Bools
    reads: Bools
    used: Bools


def layer_usages(model: torch.nn.Sequential) -> list[LayerUsage]:
    """Of every LogicDense, of the discrete network, the first one first.

    Those below a layer of another kind, as a convolution, are left out.
    """
    sums = _Sums()
    chain = _last_of_gates(model)
    if not chain:
        return []
    x = torch.zeros(1, chain[0][1].in_features, dtype=torch.float64)
    for index, layer in chain:
        if isinstance(layer, LogicDense):
            x = sums.dense(f"layer {index}", layer)(x)
        else:
            x = sums.step(f"layer {index}", layer, x)
    return sums.usages(x)


def dependence(rows: Bools) -> Bools:
    """Of tables bool (n, 2**k): bool (k, n), whether gate n's output changes with fanin k."""
    size = rows.shape[1]
    index = np.arange(size)
    fanins = range(size.bit_length() - 1)
    return np.stack([(rows != rows[:, index ^ (1 << fanin)]).any(axis=1) for fanin in fanins])


def _last_of_gates(model: torch.nn.Sequential) -> list[tuple[int, LogicDense | LogicRecurrent]]:
    """The last layers of gates that follow each other, and their places in the model."""
    chain: list[tuple[int, LogicDense | LogicRecurrent]] = []
    for index, layer in reversed([*enumerate(model)]):
        if isinstance(layer, LogicDense | LogicRecurrent):
            chain.insert(0, (index, layer))
        elif chain:
            break
    return chain


class _Sums:
    """One step of a network as sums, and what their gradients say."""

    def __init__(self) -> None:
        self._layers: list[tuple[str, Bools, Bools]] = []
        self._taps: list[torch.Tensor] = []  # zeros added to gates, to get their gradients
        self._memories: list[torch.Tensor] = []
        self._next: list[torch.Tensor] = []

    def dense(self, name: str, layer: LogicDense) -> Sum:
        tables = layer.tables().numpy()
        rows: Bools = (tables[:, None] >> np.arange(1 << layer.arity) & 1) > 0
        reads = dependence(rows)
        tap = _source(layer.out_features)
        self._layers.append((name, rows, reads))
        self._taps.append(tap)
        wires, weights = layer.wires(), torch.from_numpy(reads).double()
        return lambda x: (x[:, wires] * weights).sum(1) + tap

    def step(self, name: str, layer: LogicRecurrent, x: torch.Tensor) -> torch.Tensor:
        rule = CELLS[layer.cell]
        memories = tuple(_source(layer.hidden) for _ in range(rule.memories))
        stacks = {
            stack: _composed(
                [self.dense(f"{name}, {stack} {i}", d) for i, d in enumerate(layer.layers(stack))]
            )
            for stack in rule.stacks
        }
        z = torch.cat([x, *memories[:1]], dim=1)
        answer, kept = rule.step(_SumAlgebra(), stacks, z, memories)
        self._memories += memories
        self._next += kept
        return answer

    def usages(self, outputs: torch.Tensor) -> list[LayerUsage]:
        used_after = [torch.zeros_like(memory) for memory in self._memories]
        while True:
            gradients = torch.autograd.grad(
                [outputs, *self._next],
                [*self._taps, *self._memories],
                [torch.ones_like(outputs), *used_after],
                retain_graph=True,
                materialize_grads=True,
            )
            used = [(gradient > 0).double() for gradient in gradients]
            before, used_after = used_after, used[len(self._taps) :]
            if all(map(torch.equal, before, used_after)):
                break
        return [
            LayerUsage(name, rows, reads, kept[0].bool().numpy())
            for (name, rows, reads), kept in zip(self._layers, used, strict=False)
        ]


class _SumAlgebra:
    """Every function in the rules of `lgncc.cells` depends on all that it is given."""

    def gate(self, _table: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b

    def mux(
        self, select: torch.Tensor, if_set: torch.Tensor, if_clear: torch.Tensor
    ) -> torch.Tensor:
        return select + if_set + if_clear

    def join(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.cat([first, second], dim=1)


def _source(width: int) -> torch.Tensor:
    return torch.zeros(1, width, dtype=torch.float64, requires_grad=True)


def _composed(functions: list[Sum]) -> Sum:
    def run(x: torch.Tensor) -> torch.Tensor:
        for function in functions:
            x = function(x)
        return x

    return run
