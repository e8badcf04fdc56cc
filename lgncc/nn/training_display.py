"""What a training shows on stderr: a bar on a terminal, a line an evaluation everywhere."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lgncc.console import stderr
from lgncc.nn import training_plan


class TrainingDisplay:
    """A context manager; `report` and `tick` go to `lgncc.nn.training_plan.Control`."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=stderr, transient=True)
        self._task = self._bar.add_task(title, total=1.0)

    def __enter__(self) -> TrainingDisplay:
        if stderr.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def report(self, progress: training_plan.Progress) -> None:
        stderr.print(str(progress), soft_wrap=True)

    def tick(self, share: float) -> None:
        """`share` of all epochs is done."""
        self._bar.update(self._task, completed=share)
