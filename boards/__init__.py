"""The boards that lgncc builds for: one TOML file each, read into a `Board`.

`load_board("icebreaker")` reads a board of this folder; `load_board("mine.toml")` reads a file of
the same form. A board file says what fits and what the link is; the pins stay in amaranth-boards.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lgncc.errors import InputError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BoardClock:
    """The clock that runs the design: its amaranth-boards resource and its frequency."""

    resource: str
    hz: int


@dataclass(frozen=True, slots=True)
class BoardUart:
    """The serial link to the host: its amaranth-boards resource and default speed."""

    resource: str
    number: int
    baud: int


@dataclass(frozen=True, slots=True)
class Board:
    """One FPGA board; `capacity` is keyed by nextpnr's resource names."""

    name: str
    title: str
    url: str
    family: str
    part: str
    package: str
    platform: str
    logic_cells: str
    programmers: tuple[tuple[str, ...], ...]
    clock: BoardClock
    uart: BoardUart
    capacity: Mapping[str, int]


def list_boards() -> list[str]:
    """Names of the boards that come with lgncc, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_board(name_or_path: str | Path) -> Board:
    """Read a board by name, or from a file whose name ends in `.toml`."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _known(str(name_or_path))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such board file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as TOML: {error}") from error
    board = typing.cast(Board, _record(Board, table, f"{path}: "))
    _check(board, path)
    return board


def _known(name: str) -> Path:
    names = list_boards()
    if name in names:
        return _FOLDER / f"{name}.toml"
    close = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"there is no board {name!r}.{hint}\n"
        f"  Known boards: {', '.join(names)}. Your own: --board FILE.toml"
    )


def _record(cls: type, table: Mapping[str, object], where: str) -> object:
    """Build the dataclass `cls` from a TOML table whose keys are exactly its fields."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    for key in table:
        if key not in names:
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(f"{where}unknown key {key!r}{hint} Known: {', '.join(names)}")
    for name in names:
        if name not in table:
            raise InputError(f"{where}the key {name!r} is missing")
    return cls(**{name: _value(hints[name], table[name], f"{where}{name}") for name in names})


def _value(hint: typing.Any, value: object, where: str) -> object:
    """Check one TOML value against a field's type and freeze it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _record(typing.cast(type, hint), value, f"{where}.")
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        items = {key: _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
        return MappingProxyType(items)
    if hint is str and isinstance(value, str) and value:
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    expected = {str: "a non-empty string", int: "an integer of at least 0", tuple: "a list"}
    raise InputError(f"{where} must be {expected.get(origin or hint, 'a table')}, not {value!r}")


def _check(board: Board, path: Path) -> None:
    """What the types cannot say."""
    if board.logic_cells not in board.capacity:
        raise InputError(
            f"{path}: logic_cells names {board.logic_cells!r}, which [capacity] does not have"
        )
    module, colon, name = board.platform.partition(":")
    if not (module and colon and name):
        raise InputError(
            f"{path}: platform must read 'package.module:Class', not {board.platform!r}"
        )
    if board.clock.hz == 0 or board.uart.baud == 0:
        raise InputError(f"{path}: clock.hz and uart.baud must be above 0")
    if board.clock.hz // board.uart.baud < 4:
        raise InputError(
            f"{path}: uart.baud {board.uart.baud} leaves fewer than 4 clock cycles a bit at "
            f"clock.hz {board.clock.hz}"
        )
    for command in board.programmers:
        if "{bitstream}" not in command:
            raise InputError(
                f"{path}: the programmer {' '.join(command)!r} has no {{bitstream}} in it"
            )
