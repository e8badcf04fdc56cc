"""Where candidates are mapped: processes on this machine, or workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from lgncc.errors import EnvironmentLacksError
from lgncc.mapping import MappingOptions
from lgncc.search.candidate import Evaluation, Task, evaluate
from lgncc.search.identity import code_identity
from lgncc.wording import counted

CONNECT_S = 5.0
GIVE_UP_S = 5.0


class Pool(Protocol):
    """`lost`: what a future raises whose worker is gone. `close` returns soon: candidates under way
    are given up."""

    name: str
    lost: tuple[type[BaseException], ...]

    def submit(self, options: MappingOptions) -> Future[Evaluation]: ...
    def close(self) -> None: ...


class Processes:
    """Processes of this machine, to each of which the task is sent once."""

    lost: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def __init__(self, task: Task, workers: int | None = None) -> None:
        workers = workers or len(os.sched_getaffinity(0))
        self.name = counted(workers, "process", "processes")
        self._others = set(multiprocessing.active_children())
        # Not by fork: threads of this process may hold locks that nobody would release there.
        self._executor = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_remember,
            initargs=(task,),
        )

    def submit(self, options: MappingOptions) -> Future[Evaluation]:
        with _without_interrupts():
            return self._executor.submit(_evaluate_remembered, options)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        ours = [one for one in multiprocessing.active_children() if one not in self._others]
        for process in ours:
            process.terminate()
        for process in ours:
            process.join(GIVE_UP_S)
            process.kill()  # nothing to a process that is gone


_tasks: list[Task] = []  # the one of a worker process, where nothing else could hold it


def _remember(task: Task) -> None:
    _tasks.append(task)


def _evaluate_remembered(options: MappingOptions) -> Evaluation:
    (task,) = _tasks
    try:
        return evaluate(task, options)
    except SystemExit:  # of a SIGTERM, once ABC is stopped; the executor would swallow it
        os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started meanwhile never see a Ctrl-C: it is for this one to end the search."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DaskCluster:
    """The workers of a running scheduler, which need the same lgncc as is here."""

    def __init__(self, task: Task, address: str) -> None:
        try:
            from distributed import Client
            from distributed.client import FutureCancelledError
            from distributed.comm.addressing import get_address_host_port
            from distributed.scheduler import KilledWorker
        except ImportError as error:
            raise EnvironmentLacksError(
                "--dask needs Dask, which is not installed: pip install 'lgncc[dask]'"
            ) from error
        self.lost: tuple[type[BaseException], ...] = (KilledWorker, FutureCancelledError, OSError)
        try:
            get_address_host_port(address)  # of a wrong one, a client would be left half made
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EnvironmentLacksError(
                f"--dask {address}: no scheduler answers there: {error}\n"
                "  Start one with `dask scheduler` and `dask worker`, and give its address, "
                "tcp://HOST:8786"
            ) from error
        try:
            self._require_workers(address)
            self._task: Any = self._client.scatter(task, broadcast=True)
            self._executor = self._client.get_executor(pure=False)
        except BaseException:
            self._client.close()
            raise
        self.name = f"Dask at {address}"

    def _require_workers(self, address: str) -> None:
        try:
            versions = self._client.run(code_identity)
        except ImportError as error:
            raise EnvironmentLacksError(
                f"--dask {address}: a worker has no lgncc: {error}"
            ) from error
        if not versions:
            raise EnvironmentLacksError(f"--dask {address}: the scheduler has no workers")
        for worker, version in versions.items():
            if version != code_identity():
                raise EnvironmentLacksError(
                    f"--dask {address}: worker {worker} has lgncc {version}, "
                    f"here it is {code_identity()}"
                )

    def submit(self, options: MappingOptions) -> Future[Evaluation]:
        future: Future[Evaluation] = self._executor.submit(evaluate, self._task, options)
        return future

    def close(self) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()
