"""Serial designs, programs and tables on disk: .npz files that `lgncc verify` proves again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lgncc.arrival import ArrivalTable
from lgncc.mapping.design import NormalForm
from lgncc.mapping.program import Program
from lgncc.mapping.serial import SerialDesign
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.storage import (
    ARRAYS,
    checked_arrays,
    damage_reported,
    read_header,
    read_npz,
    write_npz,
)

SERIAL, PROGRAM, TABLE = "lgncc-serial-design", "lgncc-program", "lgncc-arrival-table"
VERSION = 1
SERIAL_VERSION = 2

T = TypeVar("T")
Columns = Mapping[str, tuple[str, int]]
"""Of arrays: dtype and number of dimensions by name."""
Scalars = Mapping[str, type]

_LUTS = {f"luts.{name[8:]}": kind for name, kind in ARRAYS.items() if name.startswith("netlist.")}
_FORM = {
    f"form.{name}": (kind, 1)
    for name, kind in {
        "node": "int32",
        "inverted": "bool",
        "klass": "int32",
        "column": "int32",
        "constant": "int64",
    }.items()
}
_PLACES = dict.fromkeys(("term", "place", "row", "lane", "group"), ("int32", 1)) | {
    "column": ("int32", 2)
}
_INSTRUCTIONS = {
    "op": ("uint8", 1),
    "table": ("uint8", 1),
    "a": ("int32", 1),
    "b": ("int32", 1),
    "dst": ("int32", 1),
    "immediate": ("int64", 1),
}
_OF_PROGRAM: Scalars = {"depth": int, "n_loads": int}
_ENTRIES = {"threshold": ("int64", 1), "compared": ("bool", 1), "last": ("bool", 1)}
_OF_TABLE: Scalars = {"feature_bits": int, "signed": bool, "n_features": int}


def save_serial(design: SerialDesign, path: Path) -> None:
    """All but the model, which is the build's optimized model."""
    arrays = {name: getattr(design.luts, name[5:]) for name in _LUTS}
    arrays |= {name: getattr(design.form, name[5:]) for name in _FORM}
    arrays |= {name: getattr(design, name) for name in _PLACES}
    header = {
        "format": SERIAL,
        "version": SERIAL_VERSION,
        "bits_a_cycle": design.bits_a_cycle,
        "classes_a_cycle": design.classes_a_cycle,
        "width": design.form.width,
        "n_inputs": design.luts.n_inputs,
    }
    write_npz(path, header, arrays)


def load_serial(path: Path, model: LogicModel) -> SerialDesign:
    """Raises InputError where the file is not what `save_serial` wrote."""
    arrays = read_npz(path)
    header = read_header(path, arrays, SERIAL, SERIAL_VERSION)
    arrays = checked_arrays(path, arrays, _LUTS | _FORM | _PLACES)
    with damage_reported(path):
        luts: dict[str, Any] = {name[5:]: arrays[name] for name in _LUTS}
        form: dict[str, Any] = {name[5:]: arrays[name] for name in _FORM}
        places: dict[str, Any] = {name: arrays[name] for name in _PLACES}
        return SerialDesign(
            model=model,
            luts=Netlist(n_inputs=int(header["n_inputs"]), **luts),
            bits_a_cycle=int(header["bits_a_cycle"]),
            classes_a_cycle=int(header["classes_a_cycle"]),
            form=NormalForm(**form, width=int(header["width"])),
            **places,
        )


def save_program(program: Program, path: Path) -> None:
    """The instructions."""
    _save(program, path, PROGRAM, _INSTRUCTIONS, _OF_PROGRAM)


def load_program(path: Path) -> Program:
    """Raises InputError where the file is not what `save_program` wrote."""
    return _load(path, Program, PROGRAM, _INSTRUCTIONS, _OF_PROGRAM)


def save_table(table: ArrivalTable, path: Path) -> None:
    """The entries."""
    _save(table, path, TABLE, _ENTRIES, _OF_TABLE)


def load_table(path: Path) -> ArrivalTable:
    """Raises InputError where the file is not what `save_table` wrote."""
    return _load(path, ArrivalTable, TABLE, _ENTRIES, _OF_TABLE)


def _save(value: object, path: Path, written: str, columns: Columns, scalars: Scalars) -> None:
    header = {"format": written, "version": VERSION}
    header |= {name: getattr(value, name) for name in scalars}
    write_npz(path, header, {name: getattr(value, name) for name in columns})


def _load(
    path: Path, make: Callable[..., T], written: str, columns: Columns, scalars: Scalars
) -> T:
    arrays = read_npz(path)
    header = read_header(path, arrays, written, VERSION)
    found: dict[str, Any] = dict(checked_arrays(path, arrays, columns))
    with damage_reported(path):
        return make(**found, **{name: kind(header[name]) for name, kind in scalars.items()})
