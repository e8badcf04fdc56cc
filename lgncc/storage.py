"""LogicModels on disk: one .npz of plain arrays with a JSON header and a format version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from operator import index
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.model import Fact, LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

FORMAT = "lgncc-model"
VERSION = 1

Arrays = dict[str, npt.NDArray[Any]]

# Every array of the file, its dtype and its number of dimensions.
ARRAYS: dict[str, tuple[str, int]] = {
    "encoder.bits": ("int16", 1),
    "encoder.signed": ("bool", 1),
    "encoder.fraction": ("int16", 1),
    "encoder.feature": ("int32", 1),
    "encoder.threshold": ("int64", 1),
    "netlist.fanin": ("int32", 2),
    "netlist.table": ("uint64", 1),
    "netlist.outputs": ("int32", 1),
    "netlist.next_state": ("int32", 1),
    "netlist.reset": ("bool", 1),
    "readout.output": ("int32", 1),
    "readout.klass": ("int32", 1),
    "readout.weight": ("int32", 1),
    "readout.bias": ("int64", 1),
}


def require_writable(*paths: Path | None) -> None:
    """Raise InputError before hours are spent on what cannot be written there."""
    for path in paths:
        if path is not None:
            _sibling(path).unlink()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that becomes `path` if the block succeeds.

    Raises InputError where the folder does not exist or cannot be written.
    """
    temporary = _sibling(path)
    try:
        temporary.chmod(0o644)
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _sibling(path: Path) -> Path:
    """An empty file beside `path`."""
    if path.is_dir():
        raise InputError(f"{path}: is a directory; give the name of a file")
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            return Path(file.name)
    except OSError as error:
        raise InputError(f"{path}: cannot write there: {error.strerror}") from error


def save_model(model: LogicModel, path: Path) -> None:
    """Write `model` to `path` (.npz), through a temporary sibling."""
    header, arrays = pack_model(model)
    write_npz(path, {"format": FORMAT, "version": VERSION, **header}, arrays)


def pack_model(model: LogicModel) -> tuple[dict[str, Any], Arrays]:
    """A model as the fields of a header and arrays by the names of ARRAYS."""
    netlist, readout = model.netlist, model.readout
    header = {
        "netlist": {
            "n_inputs": netlist.n_inputs,
            "input_names": netlist.input_names,
            "output_names": netlist.output_names,
        },
        "readout": {"kind": readout.kind, "tau": readout.tau, "beta": readout.beta},
        "provenance": asdict(model.provenance),
    }
    parts = {"encoder": model.encoder, "netlist": netlist, "readout": readout}
    arrays = {}
    for name in ARRAYS:
        part, attribute = name.split(".")
        arrays[name] = getattr(parts[part], attribute)
    return header, arrays


def write_npz(path: Path, header: Mapping[str, Any], arrays: Arrays) -> None:
    """An .npz of a JSON header and arrays, through a temporary sibling."""
    encoded = np.frombuffer(json.dumps(header).encode(), np.uint8)
    members: dict[str, Any] = {"header": encoded, **arrays}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **members)


def read_npz(path: Path) -> Arrays:
    """Every array of an .npz, pickles refused. Raises InputError where it is not one."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with stream:
        try:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: is a single array (.npy); an .npz is needed")
            with file:
                arrays = {name: file[name] for name in file.files}
        except InputError:
            raise
        except Exception as error:  # numpy passes on what zipfile, zlib, tokenize, ... raise
            raise InputError(
                f"{path}: cannot be read as an .npz file: {error}\n"
                "  Write it with numpy.savez, or copy it again if it was cut short."
            ) from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands out other members as bytes
            raise InputError(f"{path}: its member {name} is no array; an .npz holds only arrays")
    return arrays


def load_model(path: Path) -> LogicModel:
    """Read what `save_model` wrote. Raises InputError where the file is anything else."""
    arrays = read_npz(path)
    header = read_header(path, arrays, FORMAT, VERSION)
    checked = checked_arrays(path, arrays, ARRAYS)
    with damage_reported(path):
        return unpack_model(header, checked)


def read_header(path: Path, arrays: Arrays, written: str, version: int) -> dict[str, Any]:
    """The JSON header. Raises InputError unless it says the format and version."""
    if "header" not in arrays:
        raise InputError(f"{path}: an .npz without a header array; not written by lgncc")
    try:
        header: Any = json.loads(arrays["header"].astype(np.uint8).tobytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the header is not JSON: {error}") from error
    if not isinstance(header, dict) or header.get("format") != written:
        raise InputError(f"{path}: the header does not say {written!r}; not written by lgncc")
    if header.get("version") != version:
        raise InputError(
            f"{path}: format version {header.get('version')!r}; this lgncc reads version {version}"
        )
    return header


def checked_arrays(path: Path, arrays: Arrays, wanted: Mapping[str, tuple[str, int]]) -> Arrays:
    """The wanted arrays. Raises InputError where one is missing or of another kind."""
    for name, (dtype, ndim) in wanted.items():
        array = arrays.get(name)
        if array is None:
            raise InputError(f"{path}: array {name} is missing")
        if array.dtype != np.dtype(dtype) or array.ndim != ndim:
            raise InputError(
                f"{path}: array {name} is {array.dtype} with {array.ndim} dimensions; "
                f"it must be {dtype} with {ndim}"
            )
    return {name: arrays[name] for name in wanted}


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Turn what damaged contents raise into an InputError that names the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: the header is damaged: {error!r}") from error


def unpack_model(header: Mapping[str, Any], arrays: Arrays) -> LogicModel:
    """What `pack_model` packed. Raises InputError, KeyError and the like for damaged fields."""
    parts: dict[str, dict[str, Any]] = {"encoder": {}, "netlist": {}, "readout": {}}
    for name in ARRAYS:
        part, attribute = name.split(".")
        parts[part][attribute] = arrays[name]
    return LogicModel(
        encoder=Encoder(**parts["encoder"]),
        netlist=Netlist(**parts["netlist"], **_netlist_header(header["netlist"])),
        readout=Readout(**parts["readout"], **_readout_header(header["readout"])),
        provenance=_provenance(header["provenance"]),
    )


def _netlist_header(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "n_inputs": index(fields["n_inputs"]),
        "input_names": tuple(map(str, fields["input_names"])),
        "output_names": tuple(map(str, fields["output_names"])),
    }


def _readout_header(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "tau": float(fields["tau"]), "beta": float(fields["beta"])}


def _provenance(fields: Mapping[str, Any]) -> Provenance:
    facts = tuple(Fact(**fact) for fact in fields["facts"])
    return Provenance(fields["frontend"], fields["path"], fields["sha256"], facts)
