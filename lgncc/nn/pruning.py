"""Pruning toward a budget of logic cells: gates that hardly matter become constants or wires.

In: a network as `lgncc.nn.cost` can estimate it, training samples, a budget. Out: the same
network with some gates replaced, in place, until the estimate is within the budget.

    outputs            become constants: saves a cell and their share of the readout
    gates below that   become a constant, a wire or an inverter, which the cell above
    take a cell        takes in

What a replacement adds to the loss of the network as built is estimated to second order for
an output, to first order for the gates below. The cheapest by cell go first, in rounds,
because each replacement changes what the next one does. Constants keep the mean score of
every class: else many that each help a little would shift a class altogether.

A replaced gate gets weights so large that they have no gradient (`Parametrization.certain`):
training goes on around it, and nothing else need remember what was pruned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from lgncc.gates import BUF_A, BUF_B, CONST0, CONST1, NOT_A, NOT_B
from lgncc.nn.cost import OUTPUT_CELLS, estimate_cells, gates_with_cells
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.parametrization import parametrization_of

SAMPLES = 4096
"""Enough to judge gates by."""
ROUND = 8
"""A round saves one part in so many of what is too much."""


@dataclass(frozen=True)
class Pruning:
    """To `cells` logic cells; start and end are the shares of a phase between which gates go.

    What is too much shrinks with the cube of the time that is left to prune, so that most
    gates go while the others still learn fast.
    """

    cells: int
    start: float = 0.2
    end: float = 0.7

    def is_due(self, model: torch.nn.Sequential) -> bool:
        return float(estimate_cells(model, discrete=True).total) > self.cells

    def apply(
        self,
        model: torch.nn.Sequential,
        x: torch.Tensor,
        y: torch.Tensor,
        before: float,
        now: float,
    ) -> None:
        """Prune after an epoch, where `before` and `now` are shares of the phase.

        What is due follows from the network itself: an interrupt loses nothing.
        """
        if now > self.start:
            cells = float(estimate_cells(model, discrete=True).total)
            left, after = (max(0.0, self.end - max(at, self.start)) for at in (before, now))
            kept = (after / left) ** 3 if left else 0.0
            prune(model, x, y, self.cells + kept * max(0.0, cells - self.cells))


def prune(model: torch.nn.Sequential, x: torch.Tensor, y: torch.Tensor, cells: float) -> int:
    """Replace gates until the estimate is at most `cells`; returns how many.

    x (n, features) and y int64 (n,) are what the loss is measured on. Raises ValueError for
    networks without `GroupSum`, and where nothing is left to prune.
    """
    readout = model[-1]
    if not isinstance(readout, GroupSum):
        raise ValueError(f"pruning needs a GroupSum at the end, not {type(readout).__name__}")
    training = model.training
    model.eval()
    replaced = 0
    while (over := float(estimate_cells(model, discrete=True).total) - cells) > 0:
        replaced += _replace(_candidates(model, readout, x, y), over / ROUND)
    model.train(training)
    return replaced


@dataclass(frozen=True)
class _Candidates:
    """In `layer`, gates int64 (m,) that can be replaced.

    effects (m,): on the summed loss. price: the cells that each saves.
    tables: of those that are chosen, bool (m,), what each becomes.
    """

    layer: LogicDense
    gates: torch.Tensor
    effects: torch.Tensor
    price: float
    tables: Callable[[torch.Tensor], torch.Tensor]


def _candidates(
    model: torch.nn.Sequential, readout: GroupSum, x: torch.Tensor, y: torch.Tensor
) -> list[_Candidates]:
    """The best replacement of every gate that takes a cell of its own."""
    layers = [layer for layer in model if isinstance(layer, LogicDense)]
    first = next(index for index, layer in enumerate(model) if isinstance(layer, LogicDense))
    with torch.no_grad():
        values = [model[:first](x.float())]
    values[0].requires_grad_()
    for layer in layers:
        values.append(layer(values[-1]))
    scores = readout(values[-1])
    *hidden, outputs = gates_with_cells(layers)
    with torch.no_grad():
        found = [_outputs(layers[-1], outputs, values[-1], readout, scores, y)]
    below = [index for index, gates in enumerate(hidden) if len(gates)]
    if below:
        loss = torch.nn.functional.cross_entropy(scores, y, reduction="sum")
        gradients = torch.autograd.grad(loss, [values[index + 1] for index in below])
        with torch.no_grad():
            for index, gradient in zip(below, gradients, strict=True):
                around = (values[index], values[index + 1])
                found.append(_hidden(layers[index], hidden[index], *around, gradient))
    return found


def _outputs(
    layer: LogicDense,
    gates: torch.Tensor,
    bits: torch.Tensor,
    readout: GroupSum,
    scores: torch.Tensor,
    y: torch.Tensor,
) -> _Candidates:
    """Each output as its mean. bits (n, out), scores (n, classes)."""
    classes = gates // (layer.out_features // readout.classes)
    bits, means = bits[:, gates], bits[:, gates].mean(0)
    share = scores.softmax(1)
    slope = share - torch.nn.functional.one_hot(y, readout.classes)
    bend = share * (1 - share)
    first = means * slope.sum(0)[classes] - _along(bits, slope, classes)
    # (mean - bit)**2, where a bit is its own square
    second = means**2 * bend.sum(0)[classes] + (1 - 2 * means) * _along(bits, bend, classes)
    # A gain is not to be had twice, and the other replacements are after it too.
    effects = first.abs() / readout.tau + second / (2 * readout.tau**2)
    return _Candidates(
        layer, gates, effects, OUTPUT_CELLS, partial(_balanced, means=means, classes=classes)
    )


def _along(bits: torch.Tensor, each: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """(m,): the sum over the samples of bits (n, m) times `each` (n, classes) of its class."""
    return (each.T @ bits).gather(0, classes[None])[0]


def _balanced(chosen: torch.Tensor, means: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Constants for these outputs: as many ones in a class as the means add up to."""
    means, classes = means[chosen], classes[chosen]
    order = means.argsort(descending=True, stable=True)
    order = order[classes[order].argsort(stable=True)]
    sizes = torch.bincount(classes)
    ones = torch.zeros(len(sizes)).index_add(0, classes, means).round()
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[classes[order]]
    return torch.where(place < ones[classes], CONST1, CONST0)


def _hidden(
    layer: LogicDense,
    gates: torch.Tensor,
    inputs: torch.Tensor,
    bits: torch.Tensor,
    gradient: torch.Tensor,
) -> _Candidates:
    """Each gate as the best constant, wire or inverter: inputs (n, in), the others (n, out)."""
    slope = gradient[:, gates]
    on_a, on_b = ((slope * inputs[:, wires]).sum(0) for wires in layer.wires()[:, gates])
    total, now = slope.sum(0), (slope * bits[:, gates]).sum(0)
    tables = torch.tensor([CONST0, CONST1, BUF_A, NOT_A, BUF_B, NOT_B])
    values = [torch.zeros_like(total), total, on_a, total - on_a, on_b, total - on_b]
    effects, best = (torch.stack(values) - now).min(0)
    return _Candidates(layer, gates, effects, 1.0, tables[best].__getitem__)


def _replace(candidates: list[_Candidates], cells: float) -> int:
    """Carry out those of the least effect for a cell, until `cells` are saved; at least one."""
    prices = torch.cat([torch.full_like(one.effects, one.price) for one in candidates])
    if not len(prices):
        raise ValueError("over the budget still, and no gate is left to prune")
    order = (torch.cat([one.effects for one in candidates]) / prices).argsort(stable=True)
    count = int((prices[order].cumsum(0) < cells).sum()) + 1
    chosen = torch.zeros(len(order), dtype=torch.bool).index_fill(0, order[:count], True)
    for one in candidates:
        mine, others = chosen[: len(one.gates)], chosen[len(one.gates) :]
        make_certain(one.layer, one.gates[mine], one.tables(mine))
        chosen = others
    return count


def make_certain(layer: LogicDense, gates: torch.Tensor, tables: torch.Tensor) -> None:
    """Make gates int64 (m,) these truth tables (m,), for good."""
    rows = (tables[:, None] >> torch.arange(1 << layer.arity) & 1).bool()
    weights = parametrization_of(layer.parametrization, layer.arity).certain(rows)
    with torch.no_grad():
        layer.weights[gates] = weights.to(layer.weights.dtype)
