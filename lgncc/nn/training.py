"""The one training loop: from a network and its data to the trained network, resumably.

Everything random comes from the seed, and everything that the next step depends on is in
the state file (`lgncc.nn.training_state`), so that an interrupted training, resumed, ends
in the same weights, bit for bit. The test part never decides anything.
"""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import torch

from lgncc.nn.inputs import InputLayer
from lgncc.nn.layers import LogicDense
from lgncc.nn.noise import set_temperature
from lgncc.nn.pruning import SAMPLES, Pruning, prune
from lgncc.nn.training_plan import (
    Augment,
    Control,
    Penalty,
    Phase,
    Progress,
    Settings,
    Split,
    judged,
)
from lgncc.nn.training_state import State, read_state, write_state

EVALUATION_BATCH = 1000


def train(
    model: torch.nn.Sequential,
    split: Split,
    settings: Settings,
    draws: torch.Generator,
    control: Control | None = None,
    augment: Augment | None = None,
    penalty: Penalty | None = None,
    pruning: Pruning | None = None,
) -> list[Progress]:
    """Train `model` in place; returns what was reported. `pruning` is of the last phase.

    SIGINT writes the state between two batches and raises KeyboardInterrupt.
    Raises InputError where a state cannot be resumed.
    """
    run = _Run(model, split, settings, draws, control or Control(), augment, penalty, pruning)
    with deterministic(), torch.random.fork_rng(devices=[]), _interruptions() as interrupted:
        torch.manual_seed(draws.initial_seed())  # Gumbel noise comes from the default generator
        return run.to_the_end(interrupted)


class _Run:
    def __init__(
        self,
        model: torch.nn.Sequential,
        split: Split,
        settings: Settings,
        draws: torch.Generator,
        control: Control,
        augment: Augment | None,
        penalty: Penalty | None,
        pruning: Pruning | None,
    ) -> None:
        self.model, self.split, self.settings = model, split, settings
        self.draws, self.control = draws, control
        self.augment, self.penalty, self.pruning = augment, penalty, pruning
        self.at = State()
        # Without augmentation a fixed encoder says the same in every epoch.
        fixed = isinstance(model[0], InputLayer) and not any(True for _ in model[0].parameters())
        self.encode_once = fixed and augment is None
        self.train_x = _encoded(model[0], split.train_x) if self.encode_once else split.train_x
        self.saved = self.started = time.monotonic()

    def to_the_end(self, interrupted: threading.Event) -> list[Progress]:
        self.start_phase()
        if self.control.resume and self.control.state is not None:
            self.resume(self.control.state)
        self.started = time.monotonic() - self.at.seconds
        while True:
            phase = self.settings.phases[self.at.phase]
            while self.at.epoch < phase.epochs and not self.is_over():
                if self.at.order is None:
                    self.at.order = torch.randperm(len(self.train_x), generator=self.draws)
                self.set_temperature(phase)
                while self.at.batch * self.settings.batch < len(self.train_x):
                    self.step()
                    self.keep_state(interrupted)
                    if self.is_out_of_time():
                        break
                self.end_epoch()
            if self.is_out_of_time() or self.at.phase + 1 == len(self.settings.phases):
                break
            # The best of this phase may have wires that the next one no longer has.
            self.at.phase, self.at.epoch, self.at.stale = self.at.phase + 1, 0, 0
            self.at.best, self.at.best_accuracy = None, -1.0
            self.start_phase()
        if self.at.best is not None:
            self.model.load_state_dict(self.at.best)
        if self.pruning is not None:  # what is due still, where the time was up before
            x, y = self.split.train_x[:SAMPLES], self.split.train_y[:SAMPLES]
            prune(self.model, x, y, self.pruning.cells)
        return [Progress(**record) for record in self.at.history]

    def start_phase(self) -> None:
        phase = self.settings.phases[self.at.phase]
        if any(earlier.fixed for earlier in self.settings.phases[: self.at.phase + 1]):
            fix_wiring(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=phase.learning_rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, phase.epochs)

    def set_temperature(self, phase: Phase) -> None:
        start, end = phase.temperature
        share = self.at.epoch / max(1, phase.epochs - 1)
        set_temperature(self.model, start ** (1 - share) * end**share)

    def step(self) -> None:
        assert self.at.order is not None
        first = self.at.batch * self.settings.batch
        batch = self.at.order[first : first + self.settings.batch]
        x = self.train_x[batch].float()
        if self.augment is not None:
            x = self.augment(x, self.draws)
        self.model.train()
        scores = self.model[1:](x) if self.encode_once else self.model(x)
        loss = torch.nn.functional.cross_entropy(*judged(scores, self.split.train_y[batch]))
        objective = loss if self.penalty is None else loss + self.penalty(self.model)
        self.optimizer.zero_grad()
        torch.autograd.backward(objective)
        self.optimizer.step()
        self.at.loss += loss.item() * len(batch)
        self.at.samples += len(batch)
        self.at.batch += 1

    def end_epoch(self) -> None:
        with warnings.catch_warnings():
            # Resumed at the end of the first epoch, torch misses the steps before the interrupt.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            self.schedule.step()
        self.prune()
        self.at.epoch, self.at.batch, self.at.order = self.at.epoch + 1, 0, None
        done = self.at.epoch + sum(p.epochs for p in self.settings.phases[: self.at.phase])
        last = done == self.settings.epochs or self.is_out_of_time()
        if done % self.settings.evaluate_every == 0 or last:
            self.evaluate(done)
        self.at.loss, self.at.samples = 0.0, 0

    def prune(self) -> None:
        if self.pruning is not None and self.at.phase + 1 == len(self.settings.phases):
            assert self.at.order is not None
            epochs = self.settings.phases[-1].epochs
            some = self.at.order[:SAMPLES]
            x, y = self.split.train_x[some], self.split.train_y[some]
            shares = (self.at.epoch / epochs, (self.at.epoch + 1) / epochs)
            self.pruning.apply(self.model, x, y, *shares)

    def is_too_large(self) -> bool:
        """Whether gates are to go yet, so that this epoch cannot be the one to keep."""
        last = self.at.phase + 1 == len(self.settings.phases)
        return last and self.pruning is not None and self.pruning.is_due(self.model)

    def evaluate(self, done: int) -> None:
        part, x, y = self.split.watched
        soft = accuracy(self.model.train(), x, y)
        discrete = accuracy(self.model.eval(), x, y)
        seconds = time.monotonic() - self.started
        loss = self.at.loss / max(1, self.at.samples)
        progress = Progress(done, self.settings.epochs, loss, part, soft, discrete, seconds)
        self.at.history.append(asdict(progress))
        self.control.report(progress)
        if self.is_too_large():
            return
        self.at.stale += 1
        if part == "validation" and discrete > self.at.best_accuracy:
            self.at.best_accuracy, self.at.stale = discrete, 0
            self.at.best = {name: t.clone() for name, t in self.model.state_dict().items()}

    def is_over(self) -> bool:
        patience = self.settings.patience
        stopped = patience is not None and self.at.stale >= patience
        return (stopped and self.split.valid_x is not None) or self.is_out_of_time()

    def is_out_of_time(self) -> bool:
        limit = self.control.time_limit
        return limit is not None and time.monotonic() - self.started >= limit

    def keep_state(self, interrupted: threading.Event) -> None:
        """Write the state if it is time to, or if the training has been interrupted."""
        batches = -(-len(self.train_x) // self.settings.batch)
        before = sum(p.epochs for p in self.settings.phases[: self.at.phase])
        done = (before + self.at.epoch + self.at.batch / batches) / self.settings.epochs
        self.control.tick(done)
        now = time.monotonic()
        due = now - self.saved >= self.control.checkpoint_seconds
        if self.control.state is not None and (due or interrupted.is_set()):
            self.at.seconds = now - self.started
            running = (self.model, self.optimizer, self.schedule, self.draws)
            write_state(self.control.state, self.at, self.control.purpose, *running)
            self.saved = now
        if interrupted.is_set():
            raise KeyboardInterrupt

    def resume(self, path: Path) -> None:
        self.at, restore = read_state(path, self.control.purpose)
        self.start_phase()
        restore(self.model, self.optimizer, self.schedule, self.draws)


def fix_wiring(model: torch.nn.Module) -> None:
    """Replace every layer with learnable wires by one that keeps what they chose.

    Layers inside of other layers too, as those of recurrent cells.
    """
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, LogicDense) and layer.wiring is not None:
                parent.add_module(name, _fixed(layer))


def _fixed(layer: LogicDense) -> LogicDense:
    fixed = LogicDense(
        layer.in_features,
        layer.out_features,
        parametrization=layer.parametrization,
        arity=layer.arity,
        wiring=layer.wires(),
        gumbel=layer.sampling.gumbel,
        temperature=layer.temperature,
        generator=torch.Generator().manual_seed(0),  # weights follow; draw from no stream
    )
    fixed.weights = layer.weights
    return fixed


def accuracy(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share of right answers of `model` in the mode that it is in: see `judged`."""
    right = 0
    with torch.no_grad():
        for first in range(0, len(x), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            scores, labels = judged(model(x[part]), y[part])
            right += int((scores.argmax(dim=1) == labels).sum())
    return right / y.numel()


def _encoded(encoder: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the encoder makes of every sample, as bool."""
    with torch.no_grad():
        return torch.cat([encoder(part).bool() for part in batches(x)])


def batches(x: torch.Tensor) -> Iterator[torch.Tensor]:
    """The samples in their order, few enough at a time to fit the memory."""
    for first in range(0, len(x), EVALUATION_BATCH):
        yield x[first : first + EVALUATION_BATCH]


@contextmanager
def deterministic() -> Iterator[None]:
    """One thread, so that sums are always added in one order; restores what was set."""
    threads, enabled = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(enabled)


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """Set on SIGINT, so that no batch is left half done; a second SIGINT does not wait."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may set handlers
        return

    def note(_signal: int, _frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
