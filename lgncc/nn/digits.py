"""The documented recipe: scikit-learn's digits to a network for a small FPGA.

`python -m lgncc.nn.digits --out digits.pt` trains; the same seed gives the same weights
on the same machine. Features are the pixels as they are: 64 integers from 0 to 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from lgncc.errors import EnvironmentLacksError, LgnccError
from lgncc.nn import training
from lgncc.nn.checkpoint import save
from lgncc.nn.inputs import InputFormat, Thermometer
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.training_plan import Augment, Control, Phase, Progress, Settings, Split
from lgncc.storage import replacing

CLASSES = 10
TEST_SAMPLES = 360
SPLIT_SEED = 0
"""Fixed: `--seed` changes the network, never what it is tested on."""
PIXEL = InputFormat(bits=5)
REPORTS = 10


@dataclass(frozen=True)
class Recipe:
    """Chosen on validation splits of the training part.

    thresholds: of every pixel; each of these reads at most 4 of its 5 bits, one LUT4.
    jitter: standard deviation of the noise on the pixels in training, as augmentation.
    """

    gates: tuple[int, ...] = (1000, 1000)
    thresholds: tuple[int, ...] = (3, 7, 11, 13)
    tau: float = 3.0
    epochs: int = 600
    batch: int = 128
    learning_rate: float = 0.02
    jitter: float = 1.5


@dataclass(frozen=True)
class Digits:
    """Pixels uint8 (n, 64) and labels int64 (n,), for training and held out for testing."""

    train_x: torch.Tensor
    train_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor


def load_digits() -> Digits:
    """The 1797 digits in a fixed stratified split, 1437 to train and 360 to test.

    Raises EnvironmentLacksError where scikit-learn, which ships them, is not installed.
    """
    try:
        from sklearn import datasets
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise EnvironmentLacksError(
            "scikit-learn ships the digits and is not installed: pip install 'lgncc[train]'"
        ) from error
    digits = datasets.load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data.astype(np.uint8),
        digits.target.astype(np.int64),
        test_size=TEST_SAMPLES,
        stratify=digits.target,
        random_state=SPLIT_SEED,
    )
    return Digits(*map(torch.from_numpy, (train_x, train_y, test_x, test_y)))


def train(
    digits: Digits,
    recipe: Recipe,
    seed: int = 0,
    report: Callable[[Progress], None] = lambda _: None,
) -> tuple[torch.nn.Sequential, Progress]:
    """Train from scratch; every random draw comes from `seed`. Returns the last epoch's network."""
    draws = torch.Generator().manual_seed(seed)
    model = network(digits.train_x.shape[1], recipe, draws)
    split = Split(digits.train_x, digits.train_y, digits.test_x, digits.test_y)
    control = Control(report=report)
    history = training.train(
        model, split, settings(recipe), draws, control, augment=noise(recipe.jitter)
    )
    return model, history[-1]


def settings(recipe: Recipe) -> Settings:
    """All samples of the training part train; none are held back to stop early."""
    return Settings(
        (Phase(recipe.epochs, recipe.learning_rate),),
        batch=recipe.batch,
        evaluate_every=max(1, recipe.epochs // REPORTS),
    )


def noise(deviation: float) -> Augment:
    """Gaussian noise on the pixels."""
    return lambda x, draws: x + deviation * torch.randn(x.shape, generator=draws)


def network(pixels: int, recipe: Recipe, draws: torch.Generator) -> torch.nn.Sequential:
    thresholds = torch.tensor(recipe.thresholds, dtype=torch.float64).expand(pixels, -1)
    layers: list[torch.nn.Module] = [Thermometer(thresholds, PIXEL)]
    width = thresholds.numel()
    for gates in recipe.gates:
        layers.append(LogicDense(width, gates, wiring="unique", generator=draws))
        width = gates
    return torch.nn.Sequential(*layers, GroupSum(CLASSES, recipe.tau))


def run(
    out: Path, seed: int = 0, test_data: Path | None = None, recipe: Recipe | None = None
) -> None:
    """Train, printing the progress, and write the checkpoint and, if asked, the test part."""
    recipe = recipe or Recipe()
    digits = load_digits()
    model, last = train(digits, recipe, seed, report=print)
    metadata = {
        "data": "scikit-learn digits",
        "split": f"stratified, seed {SPLIT_SEED}, {len(digits.train_x)}/{len(digits.test_x)}",
        "seed": seed,
        "accuracy_soft": last.accuracy_soft,
        "accuracy_discrete": last.accuracy_discrete,
        "recipe": {name: _plain(value) for name, value in asdict(recipe).items()},
    }
    save(model, out, metadata)
    print(f"{out}: written, {out.stat().st_size / 1024:.0f} KB")
    if test_data is not None:
        with replacing(test_data) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, x=digits.test_x.numpy(), y=digits.test_y.numpy())
        print(f"{test_data}: written, {len(digits.test_x)} held-out samples")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def main(
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")],
    seed: Annotated[int, typer.Option(help="Of the wiring and the training.")] = 0,
    test_data: Annotated[
        Path | None, typer.Option(help="Also write the held-out samples, as .npz.")
    ] = None,
) -> None:
    """Train a logic-gate network on scikit-learn's digits."""
    try:
        run(out, seed, test_data)
    except LgnccError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error


if __name__ == "__main__":
    typer.run(main)
