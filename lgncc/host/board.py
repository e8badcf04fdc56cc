"""A board as a model: samples in, answers out, compared with the golden model.

with open_board(Path("build/digits"), port=None) as board:
    board.check(x)          # raises DesignError that shows the first wrong vector
    board.answer(x).classes

Samples of a network with state are sequences (n, steps, F). Where they are still to come:

    sequence = board.sequence()
    sequence.step(x)        # a step (F,), answered at once
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Integers
from lgncc.errors import DesignError, InputError
from lgncc.golden import predict
from lgncc.host.build import Build, load_build
from lgncc.host.client import Client, Notice, Progress
from lgncc.host.window import Packed
from lgncc.sim.vectors import AnswerFormat, pack_samples

SHOWN_FEATURES = 64


@dataclass(frozen=True, eq=False)
class Answers:
    """What a board said: values int64 (n, count), the fields that its readout has; for sequences
    (n, steps, count), if every step is answered. payloads: uint8 (answers, bytes)."""

    form: AnswerFormat
    payloads: Packed
    values: Integers

    @property
    def classes(self) -> Integers | None:
        """int64 (n,), or (n, steps); of scores the highest, the lowest index on a tie. None for
        bits."""
        if self.form.kind == "bits":
            return None
        scores = self.form.kind == "scores"
        found: Integers = np.argmax(self.values, axis=-1) if scores else self.values[..., 0]
        return found

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """By the names that `lgncc eval --out` uses."""
        found: dict[str, npt.NDArray[np.generic]] = {}
        if self.form.kind == "bits":
            found["bits"] = self.values.astype(np.bool_)
        if self.form.kind == "scores":
            found["scores"] = self.values
        if self.classes is not None:
            found["classes"] = self.classes
        return found


class ConnectedBoard:
    """A board that runs `build`, at the end of an open port."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.build: Build = client.build

    def __enter__(self) -> ConnectedBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.__exit__(kind, error, trace)

    def answer(self, x: npt.ArrayLike, progress: Progress = lambda _: None) -> Answers:
        """The board's answers to samples x (n, F), or sequences (n, steps, F), raw as for training.

        progress: called with the number of samples or steps that are answered.
        """
        if not self.build.has_state:
            payloads = self.client.infer(pack_samples(self.build.model.encoder, x), progress)
            return Answers(self.build.answer, payloads, self.build.answer.unpack(payloads))
        window = self.client.steps()
        sequences = require_sequences(self.build, x)
        for sequence in sequences:
            window.add(pack_samples(self.build.model.encoder, sequence), first=True)
        self.client.ask(window, progress)
        payloads = window.answers()
        values = self.build.answer.unpack(payloads)
        if not self.build.answers_last:
            values = values.reshape(*sequences.shape[:2], -1)
        return Answers(self.build.answer, payloads, values)

    def sequence(self) -> LiveSequence:
        """A sequence whose steps are still to come. Raises InputError without state."""
        return LiveSequence(self)

    def check(self, x: npt.ArrayLike, progress: Progress = lambda _: None) -> Answers:
        """Answers that are the golden model's. Raises DesignError, showing the first other."""
        answers = self.answer(x, progress)
        require_golden(self.build, np.asarray(x), answers.payloads)
        return answers


class LiveSequence:
    """Steps one by one, each answered before the next is given.

    The steps are kept: should the board be reset meanwhile, it is given all of them again.
    """

    def __init__(self, board: ConnectedBoard) -> None:
        if not board.build.has_state:
            raise InputError(f"{board.build.folder}: the network has no state, so no sequences")
        self._board = board
        self._window = board.client.steps(max_open=1)

    def step(self, x: npt.ArrayLike, *, last: bool = False) -> Answers | None:
        """The answer, one row, to a step x (F,). Of a design that answers at the end of sequences,
        None unless it is `last`; then, and after `last` in any case, a new sequence begins."""
        build, window = self._board.build, self._window
        vector = pack_samples(build.model.encoder, np.asarray(x)[None])
        before = len(window)
        window.add(vector, first=before == 0, last=last or not build.answers_last)
        self._board.client.ask(window)
        payloads = window.answers(before)
        if last:
            self._window = self._board.client.steps(max_open=1)
        if not len(payloads):
            return None
        return Answers(build.answer, payloads, build.answer.unpack(payloads))


def require_sequences(build: Build, x: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """x, if it is (n, steps, F). Raises InputError for what else it is."""
    values = np.asarray(x)
    if values.ndim != 3:
        raise InputError(
            f"data: x has shape {values.shape}; the model has state and takes "
            f"(n, steps, {build.model.encoder.n_features})"
        )
    return values


def open_board(
    folder: Path, port: str | None = None, notice: Notice = lambda _: None
) -> ConnectedBoard:
    """Connect to the board that runs this build; without a port, look for it."""
    return ConnectedBoard(Client.connect(port, load_build(folder), notice))


def require_golden(build: Build, x: npt.NDArray[np.generic], payloads: Packed) -> None:
    """Raises DesignError where an answer is not the golden model's."""
    predictions = predict(build.model, x)
    if build.has_state:
        predictions = predictions.of_steps(answers_last=build.answers_last)
    expected = build.answer.pack(predictions)
    wrong = np.flatnonzero((expected != payloads).any(axis=1))
    if not len(wrong):
        return
    first = int(wrong[0])
    ours, theirs = (int.from_bytes(a[first].tobytes(), "little") for a in (expected, payloads))
    what, at, vector = "sample", f"{first}", x
    if build.has_state and not build.answers_last:
        sequence, step = divmod(first, x.shape[1])
        what, at, vector = "step", f"{sequence}, {step}", x.reshape(-1, x.shape[2])
    shown = np.array2string(
        vector[first].reshape(-1), threshold=SHOWN_FEATURES, edgeitems=SHOWN_FEATURES // 2
    ).replace("\n", "\n    ")
    raise DesignError(
        f"board: refuted: {what} {at}: {build.answer.difference(ours, theirs)}; "
        f"{len(wrong):,} of {len(expected):,} {what}s differ\n  x[{at}] = {shown}"
    )
