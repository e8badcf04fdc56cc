"""The checkpoint of `lgncc.nn`: one self-describing torch file of plain containers.

    {"format": "lgncc-nn", "version": 1,
     "layers": [{"kind": "LogicDense", "in_features": 192, "out_features": 1000}, ...],
     "state": {"0.weights": tensor, "0.connections": tensor, ...},
     "metadata": {...}}

It loads with `torch.load(weights_only=True)`. What is read is checked here, once, for
both `load` and the compiler's native frontend.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lgncc.errors import InputError
from lgncc.frontends.source import Source
from lgncc.nn.inputs import InputFormat, Thermometer
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.storage import replacing

FORMAT = "lgncc-nn"
VERSION = 1
CONTENTS: dict[str, type] = {"layers": list, "state": dict, "metadata": dict}

Options = dict[str, Any]
Tensors = dict[str, torch.Tensor]


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
    """The network of a checkpoint, in eval mode. Raises InputError where it is malformed."""
    return torch.nn.Sequential(*read(Source(Path(path))).layers).eval()


def read(source: Source) -> Checkpoint:
    """Check a checkpoint and rebuild its layers. Raises InputError where it is malformed."""
    return _parse(source.checkpoint, source.path)


def _parse(content: object, path: Path) -> Checkpoint:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of lgncc.nn; write one with lgncc.nn.save")
    if content.get("version") != VERSION:
        raise InputError(
            f"{path}: format version {content.get('version')!r}; this lgncc reads version {VERSION}"
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
        try:
            layers.append(_layer(KINDS[stated], index, record, state))
        except ValueError as error:
            raise InputError(f"{path}: layer {index} ({stated}): {error}") from error
    if state:
        raise InputError(f"{path}: state holds {_names(state)}, which no layer has")
    try:
        _check_chain(layers)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return Checkpoint(tuple(layer.eval() for layer in layers), content["metadata"])


def _layer(kind: Kind, index: int, record: Options, state: Tensors) -> torch.nn.Module:
    """Build one layer; takes its tensors out of `state`. Raises ValueError."""
    options = {name: value for name, value in record.items() if name != "kind"}
    if unknown := options.keys() - kind.options.keys():
        raise ValueError(f"unknown option {_names(unknown)}")
    for name, expected in kind.options.items():
        if name not in options:
            raise ValueError(f"option {name!r} is missing")
        if type(options[name]) is not expected:  # a bool is no int here
            raise ValueError(f"{name} is {options[name]!r}; it must be of type {expected.__name__}")
    tensors = {}
    for name, dtypes in kind.tensors.items():
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


def _check_chain(layers: list[torch.nn.Module]) -> None:
    """Raise ValueError unless each layer takes what the one before it makes."""
    if not any(isinstance(layer, LogicDense) for layer in layers):
        raise ValueError("the network has no LogicDense layer")
    width: int | None = None
    for index, layer in enumerate(layers):
        name = f"layer {index} ({type(layer).__name__})"
        if isinstance(layer, Thermometer):
            if index:
                raise ValueError(f"{name}: only the first layer can encode features")
            width = layer.features * layer.levels
        elif isinstance(layer, LogicDense):
            if width is not None and width != layer.in_features:
                raise ValueError(f"{name}: takes {layer.in_features} bits, but gets {width}")
            width = layer.out_features
        elif isinstance(layer, GroupSum):
            if index != len(layers) - 1:
                raise ValueError(f"{name}: only the last layer can sum groups")
            if width is None or width % layer.classes:
                raise ValueError(
                    f"{name}: {width} bits do not divide into {layer.classes} equal groups"
                )


def _names(names: Any) -> str:
    return ", ".join(sorted(repr(name) for name in names))


# What each kind of layer keeps in the file, and how it is built from that.


@dataclass(frozen=True)
class Kind:
    layer: type[torch.nn.Module]
    options: dict[str, type]
    tensors: dict[str, tuple[torch.dtype, ...]]
    describe: Callable[[Any], Options]
    build: Callable[[Options, Tensors], torch.nn.Module]


def _describe_thermometer(layer: Thermometer) -> Options:
    return {"features": layer.features, "levels": layer.levels, **vars(layer.input_format)}


def _build_thermometer(options: Options, tensors: Tensors) -> Thermometer:
    thresholds = tensors["thresholds"]
    stated = (options.pop("features"), options.pop("levels"))
    if thresholds.shape != stated:
        raise ValueError(f"thresholds has shape {tuple(thresholds.shape)}; the layer says {stated}")
    return Thermometer(thresholds, InputFormat(**options))


def _describe_logic_dense(layer: LogicDense) -> Options:
    return {"in_features": layer.in_features, "out_features": layer.out_features}


def _build_logic_dense(options: Options, tensors: Tensors) -> LogicDense:
    weights = tensors["weights"]
    expected = (options["out_features"], 16)
    if weights.shape != expected:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; it must be {expected}")
    if not weights.isfinite().all():
        gate = int((~weights.isfinite()).any(dim=1).nonzero()[0])
        raise ValueError(f"gate {gate} has a weight that is not a finite number")
    layer = LogicDense(**options, wiring=tensors["connections"])
    layer.weights = torch.nn.Parameter(weights.clone())
    return layer


def _describe_group_sum(layer: GroupSum) -> Options:
    return {"classes": layer.classes, "tau": layer.tau}


def _build_group_sum(options: Options, tensors: Tensors) -> GroupSum:
    return GroupSum(**options)


_FLOATS = (torch.float32, torch.float64)
KINDS: dict[str, Kind] = {
    "Thermometer": Kind(
        Thermometer,
        {"features": int, "levels": int, "bits": int, "signed": bool, "fraction": int},
        {"thresholds": _FLOATS},
        _describe_thermometer,
        _build_thermometer,
    ),
    "LogicDense": Kind(
        LogicDense,
        {"in_features": int, "out_features": int},
        {"weights": _FLOATS, "connections": (torch.int64,)},
        _describe_logic_dense,
        _build_logic_dense,
    ),
    "GroupSum": Kind(
        GroupSum, {"classes": int, "tau": float}, {}, _describe_group_sum, _build_group_sum
    ),
}
