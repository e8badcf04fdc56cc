"""A board as a model: samples in, answers out, compared with the golden model.

with open_board(Path("build/digits"), port=None) as board:
    board.check(x)          # raises DesignError that shows the first wrong vector
    board.answer(x).classes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Integers
from lgncc.errors import DesignError
from lgncc.golden import predict
from lgncc.host.build import Build, load_build
from lgncc.host.client import Client, Notice, Progress
from lgncc.host.window import Packed
from lgncc.sim.vectors import AnswerFormat, pack_samples

SHOWN_FEATURES = 64


@dataclass(frozen=True, eq=False)
class Answers:
    """What a board said: values int64 (n, count), the fields that its readout has."""

    form: AnswerFormat
    payloads: Packed
    values: Integers

    @property
    def classes(self) -> Integers | None:
        """int64 (n,); of scores the highest, the lowest index on a tie. None for bits."""
        if self.form.kind == "bits":
            return None
        scores = self.form.kind == "scores"
        found: Integers = np.argmax(self.values, axis=1) if scores else self.values[:, 0]
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
        """The board's answers to samples x (n, F), raw as for training."""
        payloads = self.client.infer(pack_samples(self.build.model.encoder, x), progress)
        return Answers(self.build.answer, payloads, self.build.answer.unpack(payloads))

    def check(self, x: npt.ArrayLike, progress: Progress = lambda _: None) -> Answers:
        """Answers that are the golden model's. Raises DesignError, showing the first other."""
        answers = self.answer(x, progress)
        require_golden(self.build, np.asarray(x), answers.payloads)
        return answers


def open_board(
    folder: Path, port: str | None = None, notice: Notice = lambda _: None
) -> ConnectedBoard:
    """Connect to the board that runs this build; without a port, look for it."""
    return ConnectedBoard(Client.connect(port, load_build(folder), notice))


def require_golden(build: Build, x: npt.NDArray[np.generic], payloads: Packed) -> None:
    """Raises DesignError where an answer is not the golden model's."""
    expected = build.answer.pack(predict(build.model, x))
    wrong = np.flatnonzero((expected != payloads).any(axis=1))
    if not len(wrong):
        return
    first = int(wrong[0])
    ours, theirs = (int.from_bytes(a[first].tobytes(), "little") for a in (expected, payloads))
    sample = np.array2string(
        x[first].reshape(-1), threshold=SHOWN_FEATURES, edgeitems=SHOWN_FEATURES // 2
    ).replace("\n", "\n    ")
    raise DesignError(
        f"board: refuted: sample {first}: {build.answer.difference(ours, theirs)}; "
        f"{len(wrong):,} of {len(x):,} samples differ\n  x[{first}] = {sample}"
    )
