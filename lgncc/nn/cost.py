"""How many logic cells a network will need: a differentiable estimate, before any tool runs.

It counts four-input cells for a core on iCE40 that takes a sample every cycle:

    shell    SHELL_CELLS and a flip-flop for each bit of the sample
    encoder  a cell for each threshold that is read; bits that arrive as bits are free
    network  a cell for each output that is no constant, and for each gate of every other
             layer below: a cell takes in the two-input gates in front of its own
    readout  READOUT_CELLS for each output that is no constant, and CLASS_CELLS a class

Gates count with the probability that they are no constant, wire or inverter and that some
output depends on them, so that a penalty on the sum moves gates there. Equal gates are not
found equal: the estimate is high by what structural hashing saves.
docs/explanation/training-cost.md has it measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lgncc.errors import InputError
from lgncc.nn.inputs import InputLayer
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.noise import Sampling
from lgncc.nn.parametrization import parametrization_of

SHELL_CELLS = 404
CLASS_CELLS = 20
READOUT_CELLS = 0.85
OUTPUT_CELLS = 1.0 + READOUT_CELLS
"""Of an output that is no constant: the cell that makes it, and its share of the readout."""


@dataclass(frozen=True)
class Cells:
    """Expected logic cells, each a scalar tensor with a gradient where gates are soft."""

    encoder: torch.Tensor
    network: torch.Tensor
    readout: torch.Tensor
    shell: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        return self.encoder + self.network + self.readout + self.shell

    def rounded(self) -> dict[str, int]:
        """Whole cells by part, and their total."""
        return {
            name: round(float(x.detach()))
            for name, x in {**vars(self), "total": self.total}.items()
        }


def estimate_cells(model: torch.nn.Sequential, *, discrete: bool) -> Cells:
    """Of the network as it is built (`discrete`), or in expectation over its soft gates.

    Raises ValueError for layers other than two-input `LogicDense` between input and readout.
    """
    layers = [layer for layer in model if isinstance(layer, LogicDense)]
    if not layers or any(layer.arity != 2 for layer in layers):
        raise ValueError("the estimate knows networks of two-input LogicDense layers only")
    own, read = _own_cells(layers, discrete)
    outputs = own[-1].sum()
    classes = model[-1].classes if isinstance(model[-1], GroupSum) else 0
    encoder = model[0]
    bits, thresholds = layers[0].in_features, torch.tensor(0.0)
    if isinstance(encoder, InputLayer):
        bits = encoder.features * encoder.input_format.bits
        if encoder.input_format.bits > 1:
            thresholds = read.sum()
    return Cells(
        encoder=thresholds,
        network=torch.stack([gates.sum() for gates in own]).sum(),
        readout=READOUT_CELLS * outputs + CLASS_CELLS * classes,
        shell=torch.tensor(float(SHELL_CELLS + bits)),
    )


def gates_with_cells(layers: list[LogicDense]) -> list[torch.Tensor]:
    """Of each layer, the gates that take a cell of their own as built: int64 indices."""
    own, _ = _own_cells(layers, discrete=True)
    return [(gates > 0.5).nonzero()[:, 0] for gates in own]


def widths_within(
    cells: int, widths: tuple[int, ...], classes: int, features: int, bits: int, thresholds: int
) -> tuple[int, ...]:
    """The widest layers, in the proportion of `widths`, that need at most `cells`.

    Every output counts, and every threshold; features of `bits` bits. Raises InputError
    where not even the smallest network fits.
    """
    fixed = SHELL_CELLS + CLASS_CELLS * classes + features * bits
    fixed += thresholds if bits > 1 else 0
    hidden = [width / widths[-1] for width in widths[:-1]]
    per_output = OUTPUT_CELLS + sum(hidden[-2::-2])
    last = int((cells - fixed) / per_output) // classes * classes
    if last < classes:
        raise InputError(
            f"--max-cells {cells}: shell, {features} features of {bits} bits and {thresholds} "
            f"thresholds need about {fixed:,} cells before the first gate; give more than that"
        )
    return (*(round(ratio * last) for ratio in hidden), last)


def budget_penalty(model: torch.nn.Sequential, cells: int) -> torch.Tensor:
    """What to add to the loss: 0 within the budget, and 10 for each time it is exceeded."""
    over = estimate_cells(model, discrete=False).total / cells - 1
    return 10.0 * over.clamp(min=0)


def _own_cells(layers: list[LogicDense], discrete: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The probability of each gate of each layer that it takes a cell of its own, and of
    each input of the first layer that it is read.
    """
    own: list[torch.Tensor] = []
    read = torch.ones(layers[-1].out_features)
    for above, layer in enumerate(reversed(layers)):
        rows = _rows(layer, discrete)
        both = torch.stack(_depends(rows))
        if above == 0:
            own.append(_varies(rows))
        elif above % 2 == 0:
            own.append(read * both.prod(0))
        else:  # the layer above takes it in
            own.append(torch.zeros_like(read))
        read = _read(layer, read * both)
    return own[::-1], read


def _rows(layer: LogicDense, discrete: bool) -> torch.Tensor:
    """Float (out, 4): the probability that the gate is 1 in each row of its table."""
    if discrete:
        tables = layer.tables()
        return (tables[:, None] >> torch.arange(4) & 1).float()
    # The corners of the square: there the relaxation is its table, whatever parametrizes it.
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = corners.repeat_interleave(layer.out_features, dim=1)
    connections = torch.arange(2 * layer.out_features).reshape(2, -1)
    gates = parametrization_of(layer.parametrization, 2)
    soft = Sampling(temperature=layer.temperature)
    return gates.relaxed(x, layer.weights, connections, soft).T


def _varies(rows: torch.Tensor) -> torch.Tensor:
    """The probability that a gate is no constant, its rows drawn independently."""
    return 1 - rows.prod(1) - (1 - rows).prod(1)


def _depends(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities that a gate depends on fanin 0 and on fanin 1."""

    def differ(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return p + q - 2 * p * q

    r0, r1, r2, r3 = rows.unbind(1)
    on_first = 1 - (1 - differ(r0, r1)) * (1 - differ(r2, r3))
    on_second = 1 - (1 - differ(r0, r2)) * (1 - differ(r1, r3))
    return on_first, on_second


def _read(layer: LogicDense, reads: torch.Tensor) -> torch.Tensor:
    """The probability of each input (in,) that some gate does; `reads` (2, out): by fanin."""
    unread = torch.log1p(-reads.clamp(max=1 - 1e-6)).flatten()
    nobody = torch.zeros(layer.in_features).index_add(0, layer.wires().flatten(), unread)
    return 1 - nobody.exp()
