"""What the commands share: fact options, progress, errors as one message and an exit code."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
import time
import types
import typing
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from lgncc.errors import EnvironmentLacksError, InputError, LgnccError
from lgncc.facts import GivenFacts

# What a shell says of a program that the signal ended: 128 and its number.
INTERRUPTED = 130
READER_LEFT = 141

# No markup: what is printed holds the user's file names, whose brackets are no styles.
stdout = Console(highlight=False, markup=False, emoji=False)
stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)


def with_facts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each of GivenFacts, and --frontend.

    The command takes them as `given: GivenFacts` and `frontend: str | None`.
    """
    hints = typing.get_type_hints(GivenFacts, include_extras=True)
    options = []
    for field in fields(GivenFacts):
        hint, help_text = typing.get_args(hints[field.name])
        parser = None
        if _plain(hint) is tuple:
            hint, parser = str | None, parse_shape
        option = typer.Option(help=help_text, parser=parser, rich_help_panel="Facts of the model")
        options.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[hint, option],
            )
        )

    @functools.wraps(command)
    def wrapper(**arguments: Any) -> None:
        facts = GivenFacts(**{f.name: arguments.pop(f.name) for f in fields(GivenFacts)})
        command(**arguments, given=facts)

    signature = inspect.signature(command, eval_str=True)
    own = [p for name, p in signature.parameters.items() if name != "given"]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    parameters = [*keyword_only, *options]
    vars(wrapper)["__signature__"] = signature.replace(parameters=parameters)
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _plain(hint: Any) -> Any:
    """`tuple` for `tuple[int, ...] | None`, and so on."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return typing.get_origin(members[0]) or members[0]


def parse_shape(text: str) -> tuple[int, ...]:
    """`1,28,28` to (1, 28, 28)."""
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = (0,)
    if min(shape) < 1:
        raise typer.BadParameter(f"{text!r}: give whole numbers above 0, like 1,28,28")
    return shape


class Steps:
    """Says on stderr what is being done: a spinner on a terminal, else a line a step.

    Call it with the name of the step that begins; use it as a context manager.
    """

    def __init__(self) -> None:
        self._status: Status | None = None
        self._name = ""
        self._started = 0.0

    def __enter__(self) -> Steps:
        self._status = stderr.status("") if stderr.is_terminal else None
        if self._status:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close("failed" if kind else "done")
        if self._status:
            self._status.stop()

    def __call__(self, name: str) -> None:
        self._close("done")
        self._name, self._started = name, time.perf_counter()
        if self._status:
            self._status.update(name)

    def _close(self, how: str) -> None:
        if self._name:
            seconds = time.perf_counter() - self._started
            stderr.print(f"  {how:6} {self._name} ({seconds:.1f} s)")
        self._name = ""


def run(app: typer.Typer) -> None:
    """Run the command line; never returns. Expected failures are one message, no traceback."""
    # Amaranth's: what a refused design had built already.
    warnings.filterwarnings("ignore", message=".* created but never used")
    try:
        code = _exit_code(app)
    except BrokenPipeError:
        code = READER_LEFT
    except SystemExit as error:  # what typer and rich make of a broken pipe
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        code = READER_LEFT
    if code == READER_LEFT:  # for what is not flushed yet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _exit_code(app: typer.Typer) -> int:
    """Run the command line. Says what failed."""
    try:
        result = app(prog_name="lgncc", standalone_mode=False)
        if result == INTERRUPTED:  # newer typers return it, older ones raise Abort
            raise KeyboardInterrupt
        if sys.stdout is not None:  # it is where the shell closed it
            sys.stdout.flush()  # here, and not as Python ends: a reader that has left is no defect
    except LgnccError as error:
        _print_error(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        stderr.print("interrupted; nothing that looks finished was left behind")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        # A full disk, a folder that may not be written: nobody foresees every place.
        where = f"{error.filename}: " if error.filename else ""
        fix = "; make room there, or write elsewhere" if error.errno == errno.ENOSPC else ""
        _print_error(f"{where}{error.strerror or error}{fix}")
        return EnvironmentLacksError.exit_code
    except Exception as error:
        # The parser's own errors (unknown option, missing argument) know how to show themselves.
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or not isinstance(code, int):
            raise
        show()
        return code
    return result if isinstance(result, int) else 0


def _print_error(message: str) -> None:
    stderr.print(Text.assemble(("error:", "bold red"), f" {message}"), soft_wrap=True)


def existing(path: Path) -> Path:
    """A build folder that the user named. Raises InputError where it is none."""
    if not path.is_dir():
        what = "is no folder" if path.exists() else "no such folder"
        raise InputError(f"{path}: {what}; give the --out of a finished `lgncc compile`")
    return path
