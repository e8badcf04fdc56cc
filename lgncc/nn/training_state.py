"""The state file of a training: all that its next step depends on, and nothing else."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lgncc.errors import InputError
from lgncc.storage import replacing

FORMAT = "lgncc-training"
VERSION = 1


@dataclass
class State:
    """Where a training is: `epoch` and `batch` are done in `phase`, in the order `order`.

    loss: summed over the `samples` of this epoch. best: the state dict of the epoch that
    was best on the validation part in this phase. stale: evaluations since then.
    """

    phase: int = 0
    epoch: int = 0
    batch: int = 0
    order: torch.Tensor | None = None
    loss: float = 0.0
    samples: int = 0
    best: dict[str, torch.Tensor] | None = None
    best_accuracy: float = -1.0
    stale: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


Restore = Callable[
    [
        torch.nn.Module,
        torch.optim.Optimizer,
        torch.optim.lr_scheduler.LRScheduler,
        torch.Generator,
    ],
    None,
]


def state_path(out: Path) -> Path:
    """Where the training that is to write `out` keeps its state."""
    return out.with_name(out.name + ".state")


def write_state(
    path: Path,
    state: State,
    purpose: str,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    draws: torch.Generator,
) -> None:
    """Write all of it; `path` is replaced in one step. Raises InputError where it cannot be."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "purpose": purpose,
        "at": vars(state),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "draws": draws.get_state(),
        "global_draws": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_state(path: Path, purpose: str) -> tuple[State, Restore]:
    """The state, and what puts model, optimizer, schedule and generators back into it.

    Raises InputError where there is none, or where it is of a training of another purpose.
    """
    if not path.is_file():
        raise InputError(f"{path}: no interrupted training to resume; train without --resume")
    try:
        content = torch.load(path, weights_only=True)
        found = (content["format"], content["version"])
        stated = str(content["purpose"])
        state = State(**content["at"])
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the state of a training: {error}") from error
    if found != (FORMAT, VERSION):
        raise InputError(f"{path}: is {found}; this lgncc resumes {(FORMAT, VERSION)}")
    if stated != purpose:
        raise InputError(
            f"{path}: is the state of another training; give the options it was begun with, "
            f"or delete it\n  begun: {stated}\n  given: {purpose}"
        )

    def restore(
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        draws: torch.Generator,
    ) -> None:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        schedule.load_state_dict(content["schedule"])
        draws.set_state(content["draws"])
        torch.set_rng_state(content["global_draws"])

    return state, restore
