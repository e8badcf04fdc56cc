"""Recipes that need a memory: streaming parity with reset, and digits read row by row."""

from __future__ import annotations

import torch

from lgncc.nn import digits
from lgncc.nn.inputs import InputFormat, Thermometer, Threshold
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.recurrent import LogicRecurrent, Streaming
from lgncc.nn.training_plan import Phase, Settings, Split

# Parity: bits and resets come in, and at every step the parity since the last reset goes out.

PARITY_STEPS = 5
"""Of the sequences trained on: a network that solves these solves any length."""
PARITY_LONG = 1000
RESET_SHARE = 0.15


def parity_split() -> Split:
    """Short sequences to train on, long ones to validate and test; always the same."""
    draws = torch.Generator().manual_seed(0)
    train_x, train_y = parity(2048, PARITY_STEPS, draws)
    valid_x, valid_y = parity(32, 100, draws)
    test_x, test_y = parity(32, PARITY_LONG, draws)
    return Split(train_x, train_y, test_x, test_y, valid_x, valid_y)


def parity(n: int, steps: int, draws: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """x uint8 (n, steps, 2): a bit, and a reset that forgets what came before it.

    y int64 (n, steps): whether an odd number of ones came since, this step's included.
    """
    bits = torch.randint(2, (n, steps), generator=draws)
    resets = torch.rand(n, steps, generator=draws) < RESET_SHARE
    ones = bits.cumsum(1)
    forgotten = ((ones - bits) * resets).cummax(1).values
    return torch.stack([bits, resets], dim=2).to(torch.uint8), (ones - forgotten) % 2


def parity_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    """Every wire may read any bit, of the input and of the memory."""
    width, hidden = widths
    cell = LogicRecurrent(
        2,
        hidden,
        "recompute",
        2,
        width,
        parametrization="light",
        wiring="learnable",
        candidates=2 + hidden,
        generator=draws,
    )
    return Streaming(Threshold(2, 0, InputFormat(bits=1)), cell, GroupSum(2, 0.5))


PARITY_WIDTHS = (16, 8)
PARITY_SETTINGS = Settings((Phase(20, 0.1),), batch=64, patience=6)

# Digits by rows: a row of 8 pixels is a step, and the digit is known at the last one.

SIDE = 8


def rows_split() -> Split:
    """scikit-learn's digits in the split of `digits`: x uint8 (n, 8, 8), y int64 (n,)."""
    data = digits.load_digits()
    train_x, test_x = (x.reshape(-1, SIDE, SIDE) for x in (data.train_x, data.test_x))
    return Split(train_x, data.train_y, test_x, data.test_y)


def rows_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    """A gate starts as its first fanin, so that bits of a row wander on through the memory."""
    hidden, *above = widths
    thresholds = torch.tensor(digits.Recipe().thresholds, dtype=torch.float64).expand(SIDE, -1)
    bits = thresholds.numel()
    cell = LogicRecurrent(bits, hidden, "recompute", 1, parametrization="light", generator=draws)
    layers: list[torch.nn.Module] = [Thermometer(thresholds, digits.PIXEL), cell]
    width = hidden
    for gates in above:
        layers.append(LogicDense(width, gates, parametrization="light", generator=draws))
        width = gates
    return Streaming(*layers, GroupSum(digits.CLASSES, digits.Recipe().tau))


ROWS_WIDTHS = (600, 1000)
ROWS_SETTINGS = Settings((Phase(80, 0.05, temperature=(1.0, 0.2)),), evaluate_every=10)
"""Chosen on a fifth of the training part; at a temperature of 1 the gap is 5 points."""
