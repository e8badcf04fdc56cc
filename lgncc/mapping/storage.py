"""MappedDesigns on disk: one .npz, so that `lgncc verify` can prove a mapping again.

Of `extended` only the ghosts are kept: it begins with the LUTs, or the design is refuted.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.errors import InputError
from lgncc.mapping.design import Compression, MappedDesign, NormalForm, Ragged
from lgncc.netlist import Netlist
from lgncc.storage import (
    ARRAYS,
    Arrays,
    checked_arrays,
    damage_reported,
    pack_model,
    read_header,
    read_npz,
    unpack_model,
    write_npz,
)

FORMAT = "lgncc-mapped-design"
VERSION = 1

_MODEL = {f"model.{name}": kind for name, kind in ARRAYS.items()}
_LUTS = {f"luts.{name[8:]}": kind for name, kind in ARRAYS.items() if name.startswith("netlist.")}
_FORM = {
    "form.node": ("int32", 1),
    "form.inverted": ("bool", 1),
    "form.klass": ("int32", 1),
    "form.column": ("int32", 1),
    "form.constant": ("int64", 1),
}
_COMPRESSION = {
    "compression.nodes": ("int32", 2),
    "compression.klass": ("int32", 1),
    "compression.column": ("int32", 1),
    "compression.leaf": ("int32", 1),
    "compression.constants": ("int32", 1),
    "compression.word": ("int32", 2),
}
_RAGGED = ("inputs", "outputs", "gates")
_LISTS = {
    f"compression.{name}.{field.name}": ("int32", 1) for name in _RAGGED for field in fields(Ragged)
}
_GHOSTS = {"ghosts.fanin": ("int32", 2), "ghosts.table": ("uint64", 1)}
_READOUT = _FORM | _COMPRESSION | _LISTS | _GHOSTS


def save_design(design: MappedDesign, path: Path) -> None:
    """Write `design` to `path` (.npz). `extended` must begin with `luts`."""
    luts, form, compression = design.luts, design.form, design.compression
    header, model_arrays = pack_model(design.model)
    header = {"format": FORMAT, "version": VERSION, "model": header, "width": None}
    arrays = {f"model.{name}": array for name, array in model_arrays.items()}
    arrays |= {name: getattr(luts, name[5:]) for name in _LUTS}
    arrays["part"] = design.part
    if form is not None and compression is not None:
        header["width"] = form.width
        arrays |= {name: getattr(form, name[5:]) for name in _FORM}
        arrays |= {name: getattr(compression, name.split(".")[1]) for name in _COMPRESSION}
        for name in _LISTS:
            _, ragged, field = name.split(".")
            arrays[name] = getattr(getattr(compression, ragged), field)
        arrays["ghosts.fanin"] = compression.extended.fanin[luts.n_gates :]
        arrays["ghosts.table"] = compression.extended.table[luts.n_gates :]
    write_npz(path, header, arrays)


def load_design(path: Path) -> MappedDesign:
    """Read what `save_design` wrote. Raises InputError where the file is anything else."""
    arrays = read_npz(path)
    header = read_header(path, arrays, FORMAT, VERSION)
    has_readout = header.get("width") is not None
    wanted = _MODEL | _LUTS | {"part": ("uint8", 1)} | (_READOUT if has_readout else {})
    arrays = checked_arrays(path, arrays, wanted)
    with damage_reported(path):
        model = unpack_model(header["model"], {name: arrays[f"model.{name}"] for name in ARRAYS})
        of_luts: dict[str, Any] = {name[5:]: arrays[name] for name in _LUTS}
        luts = Netlist(n_inputs=model.step_width, **of_luts)
        if not has_readout:
            return MappedDesign(model, luts, arrays["part"], None, None)
        of_form: dict[str, Any] = {name[5:]: arrays[name] for name in _FORM}
        form = NormalForm(**of_form, width=int(header["width"]))
        return MappedDesign(model, luts, arrays["part"], form, _compression(arrays, luts))


def _compression(arrays: Arrays, luts: Netlist) -> Compression:
    ghosts, tables = arrays["ghosts.fanin"], arrays["ghosts.table"]
    if ghosts.shape[1] != luts.k:
        raise InputError(f"ghosts of {ghosts.shape[1]} fanins for LUTs of {luts.k}")
    extended = replace(
        luts,
        fanin=np.concatenate([luts.fanin, ghosts]),
        table=np.concatenate([luts.table, tables]),
    )
    lists: dict[str, Any] = {
        name: Ragged(**{f.name: arrays[f"compression.{name}.{f.name}"] for f in fields(Ragged)})
        for name in _RAGGED
    }
    plain: dict[str, Any] = {name.split(".")[1]: arrays[name] for name in _COMPRESSION}
    return Compression(extended=extended, **plain, **lists)
