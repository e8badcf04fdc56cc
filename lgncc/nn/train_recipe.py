"""`lgncc train`: a recipe by name, to the checkpoint, its report and its curves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from lgncc.errors import InputError
from lgncc.nn.checkpoint import save
from lgncc.nn.cost import estimate_cells, widths_within
from lgncc.nn.inputs import InputLayer
from lgncc.nn.layers import LogicDense
from lgncc.nn.pruning import Pruning
from lgncc.nn.recipes import Recipe, recipe
from lgncc.nn.recurrent import LogicRecurrent
from lgncc.nn.training import accuracy, deterministic, train
from lgncc.nn.training_display import TrainingDisplay
from lgncc.nn.training_plan import Control, Split
from lgncc.nn.training_report import require_matplotlib, write_report
from lgncc.nn.training_state import state_path
from lgncc.storage import replacing, require_writable


@dataclass(frozen=True)
class TrainOptions:
    """epochs, time_limit (seconds): to stop sooner than the recipe says.

    max_cells: logic cells that the network, compiled for iCE40, may need.
    test_data: also write the held-out samples there, as .npz for `lgncc compile --data`.
    """

    seed: int = 0
    epochs: int | None = None
    time_limit: float | None = None
    checkpoint_seconds: float = 60.0
    resume: bool = False
    max_cells: int | None = None
    test_data: Path | None = None


@dataclass(frozen=True)
class Trained:
    """What was written, and its accuracy on the test part: soft, and discrete as built.

    cells: the estimate of `lgncc.nn.cost`; None for recurrent networks, which it does not know.
    """

    gates: int
    cells: int | None
    accuracy_soft: float
    accuracy_discrete: float
    files: tuple[Path, ...]

    def lines(self) -> list[str]:
        written = [f"{path}: written, {path.stat().st_size / 1024:,.0f} KB" for path in self.files]
        cells = "" if self.cells is None else f", about {self.cells:,} logic cells"
        return [
            f"test accuracy soft {self.accuracy_soft:.2%}  discrete {self.accuracy_discrete:.2%}"
            f"  {self.gates:,} gates{cells}",
            *written,
        ]


def train_recipe(name: str, out: Path, options: TrainOptions | None = None) -> Trained:
    """Train from scratch, or from where an interrupt left off, and write `out`.

    Raises InputError for an unknown recipe, a state that is in the way or of another
    training, and a place that cannot be written; KeyboardInterrupt with the state written.
    """
    options = options or TrainOptions()
    chosen = recipe(name)
    settings = chosen.settings
    if options.epochs is not None:
        if options.epochs < 1:
            raise InputError(f"--epochs {options.epochs}: give at least 1")
        settings = settings.with_epochs(options.epochs)
    if options.time_limit is not None and not options.time_limit > 0:
        raise InputError(f"--time-limit {options.time_limit:g}: give seconds above 0")
    state = state_path(out)
    if state.exists() and not options.resume:
        raise InputError(
            f"{state}: an interrupted training is there; continue it with --resume, "
            "or delete the file to start again"
        )
    require_writable(out, state, options.test_data)
    require_matplotlib()
    split = chosen.split()
    draws = torch.Generator().manual_seed(options.seed)
    widths = chosen.widths
    pruning = None
    if options.max_cells is not None:
        widths = _widths(chosen, split, options.max_cells)
        pruning = Pruning(options.max_cells)
    model = chosen.network(split, widths, draws)
    with TrainingDisplay(name) as display:
        control = Control(
            state=state,
            resume=options.resume,
            checkpoint_seconds=options.checkpoint_seconds,
            time_limit=options.time_limit,
            purpose=f"{name}, seed {options.seed}, layers {widths}, {settings}, {pruning}",
            report=display.report,
            tick=display.tick,
        )
        history = train(model, split, settings, draws, control, chosen.augment, pruning=pruning)
    with deterministic():
        soft = accuracy(model.train(), split.test_x, split.test_y)
        discrete = accuracy(model.eval(), split.test_x, split.test_y)
    metadata = {
        "recipe": name,
        "data": chosen.data,
        "seed": options.seed,
        "accuracy_soft": soft,
        "accuracy_discrete": discrete,
    }
    save(model, out, metadata)
    gates = sum(layer.out_features for layer in model.modules() if isinstance(layer, LogicDense))
    cells = None if _has_memory(model) else estimate_cells(model, discrete=True).rounded()
    facts = {**metadata, "gates": gates, "cells": cells, "settings": asdict(settings)}
    files = [out, *write_report(out, facts, history, model)]
    if options.test_data is not None:
        save_test_data(split, options.test_data)
        files.append(options.test_data)
    state.unlink(missing_ok=True)
    total = None if cells is None else cells["total"]
    return Trained(gates, total, soft, discrete, tuple(files))


def _has_memory(model: torch.nn.Sequential) -> bool:
    return any(isinstance(layer, LogicRecurrent) for layer in model)


def _widths(chosen: Recipe, split: Split, max_cells: int) -> tuple[int, ...]:
    """Of the recipe, to be pruned to the budget, or wider where the budget allows it."""
    network = chosen.network(split, chosen.widths, torch.Generator().manual_seed(0))
    if _has_memory(network):
        raise InputError(
            f"--max-cells {max_cells}: logic cells of recurrent networks are not estimated; "
            "train without it"
        )
    encoder = network[0]
    assert isinstance(encoder, InputLayer)
    features, bits = encoder.features, encoder.input_format.bits
    thresholds = features * encoder.levels
    allowed = widths_within(max_cells, chosen.widths, chosen.classes, features, bits, thresholds)
    return max(chosen.widths, allowed, key=sum)


def save_test_data(split: Split, path: Path) -> None:
    """The test part as `--data` takes it."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, x=split.test_x.numpy(), y=split.test_y.numpy())
