"""The boards that lgncc builds for: one TOML file each, read into a `Board`.

`load_board("icebreaker")` reads a board of this folder; `load_board("mine.toml")` reads a file of
the same form. A board file says what the part and the link are; what its part holds is in
`parts/PART.toml`, because boards share parts; the pins stay in amaranth-boards.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lgncc.errors import InputError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BoardClock:
    """The clock that runs the design: its amaranth-boards resource and its frequency.

    `pll` names the PLL cell to use where the pin allows only one of the family's.
    """

    resource: str
    hz: int
    pll: str = ""


@dataclass(frozen=True, slots=True)
class BoardUart:
    """The serial link to the host: its amaranth-boards resource and default speed."""

    resource: str
    number: int
    baud: int


@dataclass(frozen=True, slots=True)
class BlockRam:
    """Block RAM: the nextpnr resource, and one block's rows and bits a row.

    masked: 1 where single bits of a row can be written, 0 where each takes a block of its own.
    """

    resource: str
    rows: int
    width: int
    masked: int


@dataclass(frozen=True, slots=True)
class BoardFlash:
    """The SPI flash of `size` bytes that holds the program of a folded core from byte `offset` on.

    pulse_hz: pulses a second that it and the pads bear. ram: single-port RAM that the program may
    be loaded into, a nextpnr resource, if the part has any. programmers: the commands, of those
    programs that write the bitstream, that write a file of its own; without any the program stands
    behind the bitstream in one file.
    """

    resource: str
    offset: int
    size: int
    pulse_hz: int
    ram: str = ""
    programmers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PllLimits:
    """Lowest and highest frequency of a PLL's phase detector, oscillator and output."""

    pfd_hz: tuple[int, ...]
    vco_hz: tuple[int, ...]
    out_hz: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One FPGA board with its part.

    `family` names the flow, `device` is what the family's tools call the part. `capacity` is keyed
    by nextpnr's resource names; `logic_cells` and `flip_flops` are two of them. `packer_options`
    are added to those that the family gives its packer. `level_ps`: picoseconds of a LUT and the
    wires to it on the slowest way of a routed design; `register_ps`: of what a way takes besides,
    from a register and to one. Registers are planned by them. `full_percent`: of the logic cells,
    how many wires reach; beyond, routing takes long and often fails. `serial_full_percent`: the
    same of a class-serial core, most of whose wires are the network's and go anywhere.
    `lone_flip_flops`: 1 where a flip-flop whose input is no LUT of its own takes a logic cell, to
    get there; 0 where it has an input beside the LUT.
    """

    name: str
    title: str
    url: str
    part: str
    package: str
    platform: str
    programmers: tuple[tuple[str, ...], ...]
    clock: BoardClock
    uart: BoardUart
    family: str
    device: str
    logic_cells: str
    flip_flops: str
    capacity: Mapping[str, int]
    speed: str = ""
    level_ps: int = 4000
    register_ps: int = 0
    full_percent: int = 80
    serial_full_percent: int = 75
    lone_flip_flops: int = 1
    packer_options: tuple[str, ...] = ()
    pll: PllLimits | None = None
    block_ram: BlockRam | None = None
    flash: BoardFlash | None = None

    @property
    def part_name(self) -> str:
        """Family, part and package, for people."""
        return f"{self.family} {self.part}-{self.package}"


def list_boards() -> list[str]:
    """Names of the boards that come with lgncc, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def list_parts() -> list[str]:
    """Names of the FPGA parts that come with lgncc, sorted."""
    return sorted(path.stem for path in (_FOLDER / "parts").glob("*.toml"))


def load_board(name_or_path: str | Path) -> Board:
    """Read a board by name, or from a file whose name ends in `.toml`."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _known(str(name_or_path))
    table = _read(path)
    # A board of an unlisted part may say itself what a part file would.
    table = {**_part(table.get("part"), path), **table}
    if "part" in table and "family" not in table:
        raise InputError(
            f"{path}: there is no file for the part {table['part']!r}.\n"
            f"  Known parts: {', '.join(list_parts())}. For another, write parts/PART.toml beside "
            "the board file (docs/reference/boards.md)"
        )
    board = typing.cast(Board, _record(Board, table, f"{path}: "))
    _check(board, path)
    return board


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such board file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as TOML: {error}") from error


def _part(name: object, board_path: Path) -> dict[str, object]:
    """The table of a part, from `parts/` beside the board file or from ours; empty if unlisted."""
    for folder in (board_path.parent, _FOLDER):
        path = folder / "parts" / f"{name}.toml"
        if path.is_file():
            return _read(path)
    return {}


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
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]
    for key in table:
        if key not in names:
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(f"{where}unknown key {key!r}{hint} Known: {', '.join(names)}")
    for field in fields:
        if field.name not in table and field.default is dataclasses.MISSING:
            raise InputError(f"{where}the key {field.name!r} is missing")
    return cls(**{key: _value(hints[key], table[key], f"{where}{key}") for key in table})


def _value(hint: typing.Any, value: object, where: str) -> object:
    """Check one TOML value against a field's type and freeze it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # a table that may be left out
        return _value(arguments[0], value, where)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _record(typing.cast(type, hint), value, f"{where}.")
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        items = {key: _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
        return types.MappingProxyType(items)
    if hint is str and isinstance(value, str) and value:
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    expected = {str: "a non-empty string", int: "an integer of at least 0", tuple: "a list"}
    raise InputError(f"{where} must be {expected.get(origin or hint, 'a table')}, not {value!r}")


def _check(board: Board, path: Path) -> None:
    """What the types cannot say."""
    for key in ("logic_cells", "flip_flops"):
        resource = getattr(board, key)
        if resource not in board.capacity:
            raise InputError(f"{path}: {key} names {resource!r}, which [capacity] does not have")
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
    for key in PllLimits.__slots__ if board.pll else ():
        if len(getattr(board.pll, key)) != 2:
            raise InputError(f"{path}: pll.{key} must be the lowest and the highest frequency")
    _check_commands(board.programmers, ("{bitstream}",), f"{path}: the programmer")
    if board.flash is None:
        return
    flash = board.flash
    if flash.pulse_hz == 0 or flash.offset >= flash.size or flash.size > 1 << 24:
        raise InputError(
            f"{path}: flash.pulse_hz must be above 0, and flash.offset below flash.size, of at "
            f"most {1 << 24} bytes (three bytes of address)"
        )
    _check_commands(flash.programmers, ("{flash}", "{offset}"), f"{path}: the flash's programmer")
    lacking = {c[0] for c in board.programmers} - {c[0] for c in flash.programmers}
    if flash.programmers and lacking:
        raise InputError(
            f"{path}: flash.programmers has no command of {', '.join(sorted(lacking))}"
        )


def _check_commands(
    commands: tuple[tuple[str, ...], ...], places: tuple[str, ...], where: str
) -> None:
    for command in commands:
        for place in places:
            if place not in command:
                raise InputError(f"{where} {' '.join(command)!r} has no {place} in it")
