"""What a training is given and says: data, phases, when to stop, how far it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
Penalty = Callable[[torch.nn.Sequential], torch.Tensor]


@dataclass(frozen=True)
class Split:
    """Samples x (n, ...) and labels y int64; `valid` decides, `test` only measures.

    x (n, F) has y (n,). Sequences x (n, steps, F) have y (n, steps), a label for every
    step, or y (n,), the label of the last one.
    """

    train_x: torch.Tensor
    train_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor
    valid_x: torch.Tensor | None = None
    valid_y: torch.Tensor | None = None

    @property
    def watched(self) -> tuple[str, torch.Tensor, torch.Tensor]:
        """The part whose accuracy is shown while training, and its name."""
        if self.valid_x is None or self.valid_y is None:
            return "test", self.test_x, self.test_y
        return "validation", self.valid_x, self.valid_y


def judged(scores: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores (m, classes) that have a label, and their labels (m,): see `Split`."""
    if scores.ndim == 2:
        return scores, y
    if y.ndim == 1:
        return scores[:, -1], y
    return scores.flatten(0, 1), y.flatten()


@dataclass(frozen=True)
class Phase:
    """A run of Adam with cosine decay from `learning_rate` to 0.

    fixed: learnable wires become what they chose, and only gates go on learning.
    temperature: of the relaxation in the first and the last epoch, geometric between.
    """

    epochs: int
    learning_rate: float
    fixed: bool = False
    temperature: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Settings:
    """patience: stop after so many epochs without a better discrete validation accuracy,
    which ends the phase. None trains to the end. With a validation part, the best epoch of
    the last phase is kept; without, the last one.
    """

    phases: tuple[Phase, ...]
    batch: int = 128
    patience: int | None = None
    evaluate_every: int = 1

    @property
    def epochs(self) -> int:
        return sum(phase.epochs for phase in self.phases)

    def with_epochs(self, epochs: int) -> Settings:
        """The same phases in proportion, `epochs` altogether."""
        total, start, end, phases = self.epochs, 0, 0, []
        for phase in self.phases:
            end += phase.epochs
            stop = round(epochs * end / total)
            phases.append(dataclasses.replace(phase, epochs=stop - start))
            start = stop
        kept = tuple(phase for phase in phases if phase.epochs)
        return dataclasses.replace(self, phases=kept)


@dataclass(frozen=True)
class Progress:
    """How far training is; accuracies are shares of the part that is watched."""

    epoch: int
    epochs: int
    loss: float
    part: str
    accuracy_soft: float
    accuracy_discrete: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:4}/{self.epochs}  loss {self.loss:.3f}  {self.part} accuracy "
            f"soft {self.accuracy_soft:6.2%}  discrete {self.accuracy_discrete:6.2%}"
            f"  {self.seconds:3.0f} s"
        )


@dataclass(frozen=True)
class Control:
    """Where a training keeps its state, and when it stops early. `time_limit` in seconds.

    `purpose` says what is trained; a state of another purpose is refused on resume.
    """

    state: Path | None = None
    resume: bool = False
    checkpoint_seconds: float = 60.0
    time_limit: float | None = None
    purpose: str = ""
    report: Callable[[Progress], None] = lambda _: None
    tick: Callable[[float], None] = lambda _: None
