"""The checkpoint of `lgncc.nn`: one self-describing torch file of plain containers.

    {"format": "lgncc-nn", "version": 2,
     "layers": [{"kind": "LogicDense", "in_features": 192, "out_features": 1000, ...}, ...],
     "state": {"0.weights": tensor, "0.connections": tensor, ...},
     "metadata": {...}}

`lgncc.nn.kinds` and `composite_kinds` say what each layer keeps. Version 1 had fewer options;
what it means by their absence stands there too.

It loads with `torch.load(weights_only=True)`. What is read is checked here, once, for
both `load` and the compiler's native frontend.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lgncc.errors import InputError
from lgncc.frontends.source import Source
from lgncc.nn.boolean_kind import BOOLEAN_KINDS
from lgncc.nn.chain import shapes
from lgncc.nn.composite_kinds import COMPOSITE_KINDS
from lgncc.nn.kinds import KINDS as SIMPLE_KINDS
from lgncc.nn.kinds import Kind, Options, Tensors, check_options, names
from lgncc.nn.recurrent import LogicRecurrent, Streaming
from lgncc.storage import replacing

FORMAT = "lgncc-nn"
VERSION = 2
READABLE = (1, VERSION)
KINDS: dict[str, Kind] = {**SIMPLE_KINDS, **COMPOSITE_KINDS, **BOOLEAN_KINDS}
CONTENTS: dict[str, type] = {"layers": list, "state": dict, "metadata": dict}


@dataclass(frozen=True)
class Checkpoint:
    """A file's layers, checked and in eval mode, and what was noted beside them."""

    layers: tuple[torch.nn.Module, ...]
    metadata: dict[str, Any]


def save(
    model: torch.nn.Sequential, path: str | Path, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write `model` and `metadata` (plain values), replacing `path` only if it can be read back.

    Raises InputError for a layer that does not compile, and where `path` cannot be written.
    """
    path = Path(path)
    layers, state = [], {}
    for index, layer in enumerate(model):
        name = next((name for name, kind in KINDS.items() if isinstance(layer, kind.layer)), None)
        if name is None:
            raise InputError(
                f"{path}: layer {index} is a {type(layer).__name__}, which does not compile; "
                f"known layers are {', '.join(KINDS)}"
            )
        layers.append({"kind": name, **KINDS[name].describe(layer)})
        for key, tensor in layer.state_dict().items():
            state[f"{index}.{key}"] = tensor.detach().cpu().clone()
    content = {
        "format": FORMAT,
        "version": VERSION,
        "layers": layers,
        "state": state,
        "metadata": {"torch": str(torch.__version__), **(metadata or {})},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
        _parse(Source(temporary).checkpoint, path)


def load(path: str | Path) -> torch.nn.Sequential:
    """The network of a checkpoint, in eval mode; `Streaming` where it has a state.

    Raises InputError where the file is malformed.
    """
    layers = read(Source(Path(path))).layers
    recurrent = any(isinstance(layer, LogicRecurrent) for layer in layers)
    return (Streaming if recurrent else torch.nn.Sequential)(*layers).eval()


def read(source: Source) -> Checkpoint:
    """Check a checkpoint and rebuild its layers. Raises InputError where it is malformed."""
    return _parse(source.checkpoint, source.path)


def _parse(content: object, path: Path) -> Checkpoint:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of lgncc.nn; write one with lgncc.nn.save")
    version = content.get("version")
    if type(version) is not int or version not in READABLE:
        raise InputError(
            f"{path}: format version {version!r}; "
            f"this lgncc reads versions {' and '.join(map(str, READABLE))}"
        )
    for name, expected in CONTENTS.items():
        if not isinstance(content.get(name), expected):
            found = type(content[name]).__name__ if name in content else "missing"
            raise InputError(f"{path}: {name!r} is {found}; it must be a {expected.__name__}")
    state = dict(content["state"])
    layers = []
    for index, record in enumerate(content["layers"]):
        stated = record.get("kind") if isinstance(record, dict) else None
        if not isinstance(stated, str) or stated not in KINDS:
            raise InputError(
                f"{path}: layer {index} is of unknown kind {stated!r}; "
                f"known kinds are {', '.join(KINDS)}"
            )
        kind = KINDS[stated]
        implied = kind.before_version_2 if version == 1 else {}
        try:
            layers.append(_layer(kind, index, {**implied, **record}, state))
        except ValueError as error:
            raise InputError(f"{path}: layer {index} ({stated}): {error}") from error
    if state:
        raise InputError(f"{path}: state holds {names(state)}, which no layer has")
    try:
        shapes(layers)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return Checkpoint(tuple(layer.eval() for layer in layers), content["metadata"])


def _layer(kind: Kind, index: int, record: Options, state: Tensors) -> torch.nn.Module:
    """Build one layer; takes its tensors out of `state`. Raises ValueError."""
    options = {name: value for name, value in record.items() if name != "kind"}
    check_options(kind, options)
    tensors: Tensors = {}
    for name, dtypes in kind.tensors(options).items():
        key = f"{index}.{name}"
        if key not in state:
            raise ValueError(f"{key!r} is missing from the state")
        tensor = state.pop(key)
        if not isinstance(tensor, torch.Tensor) or tensor.dtype not in dtypes:
            found = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
            raise ValueError(f"{key!r} is {found}; it must be {' or '.join(map(str, dtypes))}")
        # A strided view could claim any size from a small file.
        if tensor.layout != torch.strided or tensor.is_meta or not tensor.is_contiguous():
            raise ValueError(f"{key!r} is not a plain contiguous tensor")
        tensors[name] = tensor.detach()
    return kind.build(options, tensors)
