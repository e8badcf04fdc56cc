"""Run one external tool: its whole output in a log, its exit code checked, no process left over."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from lgncc.errors import DesignError, EnvironmentLacksError
from lgncc.flow.tools import Tool

OnLine = Callable[[str], None]

# yosys and nextpnr print "ERROR: ..."; Python tools end in "SomeError: ...".
_ERROR_LINE = re.compile(r"^\s*(ERROR|FATAL|error|fatal error)\b|^[\w.]*(Error|Exception|Trap)\b:?")


class ToolFailedError(DesignError):
    """A tool ran and refused its input; `line` is its own last error message."""

    def __init__(self, message: str, *, line: str, exit_code: int, log_path: Path) -> None:
        super().__init__(message)
        self.line = line
        self.tool_exit_code = exit_code
        self.log_path = log_path


def run_tool(
    tool: Tool,
    args: Sequence[str],
    *,
    log_path: Path,
    cwd: Path,
    timeout_s: float,
    on_line: OnLine | None = None,
) -> None:
    """Run `tool` with `args` in `cwd`; stdout and stderr go to `log_path`, each line to `on_line`.

    Raises ToolFailedError (a DesignError) when the tool fails or takes longer than `timeout_s`,
    EnvironmentLacksError when it cannot start or is killed from outside. Whatever ends this call,
    the tool and its children are gone when it returns.
    """
    command = [*tool.argv, *args]
    with _sigterm_unwinds(), log_path.open("wb") as log:
        log.write(f"$ {shlex.join(command)}\n".encode())
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, to be killed as one
            )
        except OSError as error:
            raise EnvironmentLacksError(
                f"{tool.name} ({tool.source}) cannot be started: {error}"
            ) from error
        late = threading.Event()

        def stop_late() -> None:
            late.set()
            _kill_group(process)

        timer = threading.Timer(timeout_s, stop_late)
        timer.daemon = True
        timer.start()
        try:
            assert process.stdout is not None  # because of PIPE
            for line in process.stdout:
                log.write(line)
                if on_line is not None:
                    on_line(line.decode(errors="replace").rstrip())
            exit_code = process.wait()
        finally:
            timer.cancel()
            _kill_group(process)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    if late.is_set():
        raise ToolFailedError(
            f"{tool.name} did not finish within {timeout_s:g} s and was stopped.\n"
            f"  log: {log_path}",
            line="",
            exit_code=exit_code,
            log_path=log_path,
        )
    if exit_code != 0:
        raise _failure(tool, exit_code, log_path)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM unwind the stack as an interrupt does, so that the tool is stopped, too."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group outlives its leader while a child runs, so this is also right after a normal end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(tool: Tool, exit_code: int, log_path: Path) -> DesignError | EnvironmentLacksError:
    line = last_error_line(log_path)
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = " (often: out of memory)" if name == "SIGKILL" else ""
        return EnvironmentLacksError(
            f"{tool.name} was ended by {name}{hint}.\n  last line: {line}\n  log: {log_path}"
        )
    if "No module named" in line:
        return EnvironmentLacksError(
            f"{tool.name} ({tool.source}) is broken: {line}\n  log: {log_path}"
        )
    return ToolFailedError(
        f"{tool.name} failed (exit code {exit_code}): {line}\n  log: {log_path}",
        line=line,
        exit_code=exit_code,
        log_path=log_path,
    )


def last_error_line(log_path: Path) -> str:
    """The last line of the log that reads like an error, else its last non-blank line."""
    last_error = last = "(no output)"
    with log_path.open(encoding="utf-8", errors="replace") as log:
        next(log, None)  # the command
        for raw in log:
            line = raw.strip()
            if line:
                last = line
                if _ERROR_LINE.search(line):
                    last_error = line
    return last if last_error == "(no output)" else last_error
