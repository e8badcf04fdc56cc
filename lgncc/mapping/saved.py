"""Serial designs, programs and tables on disk: .npz files that `lgncc verify` proves again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
_ENTRIES = {"threshold": ("int64", 1), "compared": ("bool", 1), "last": ("bool", 1)}


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
    header = {
        "format": PROGRAM,
        "version": VERSION,
        "depth": program.depth,
        "n_loads": program.n_loads,
    }
    write_npz(path, header, {name: getattr(program, name) for name in _INSTRUCTIONS})


def load_program(path: Path) -> Program:
    """Raises InputError where the file is not what `save_program` wrote."""
    arrays = read_npz(path)
    header = read_header(path, arrays, PROGRAM, VERSION)
    arrays = checked_arrays(path, arrays, _INSTRUCTIONS)
    with damage_reported(path):
        columns: dict[str, Any] = {name: arrays[name] for name in _INSTRUCTIONS}
        return Program(**columns, depth=int(header["depth"]), n_loads=int(header["n_loads"]))


def save_table(table: ArrivalTable, path: Path) -> None:
    """The entries."""
    header = {
        "format": TABLE,
        "version": VERSION,
        "feature_bits": table.feature_bits,
        "signed": table.signed,
        "n_features": table.n_features,
    }
    write_npz(path, header, {name: getattr(table, name) for name in _ENTRIES})


def load_table(path: Path) -> ArrivalTable:
    """Raises InputError where the file is not what `save_table` wrote."""
    arrays = read_npz(path)
    header = read_header(path, arrays, TABLE, VERSION)
    arrays = checked_arrays(path, arrays, _ENTRIES)
    with damage_reported(path):
        entries: dict[str, Any] = {name: arrays[name] for name in _ENTRIES}
        return ArrivalTable(
            feature_bits=int(header["feature_bits"]),
            signed=bool(header["signed"]),
            n_features=int(header["n_features"]),
            **entries,
        )
