"""What each kind of layer keeps in a checkpoint, and how it is built from that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from lgncc.nn.inputs import InputFormat, Thermometer
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.learnable_thermometer import LearnableThermometer
from lgncc.nn.learnable_wiring import LearnableWiring
from lgncc.nn.parametrization import parametrization_of

Options = dict[str, Any]
Tensors = dict[str, torch.Tensor]
Dtypes = dict[str, tuple[torch.dtype, ...]]

_FLOATS = (torch.float32, torch.float64)
_FORMAT: dict[str, type] = {"bits": int, "signed": bool, "fraction": int}


@dataclass(frozen=True)
class Kind:
    """options: with their types. tensors: what the options say is in the state.

    `tensors` may trust the types of the options, `build` those of both; they raise
    ValueError for what they hold.
    """

    layer: type[torch.nn.Module]
    options: dict[str, type]
    tensors: Callable[[Options], Dtypes]
    describe: Callable[[Any], Options]
    build: Callable[[Options, Tensors], torch.nn.Module]
    before_version_2: Options = field(default_factory=dict)
    """Options that files of version 1 lack."""


def check_options(kind: Kind, options: Options) -> None:
    """Raise ValueError unless these are the options of this kind, of its types."""
    if unknown := options.keys() - kind.options.keys():
        raise ValueError(f"unknown option {names(unknown)}")
    for name, expected in kind.options.items():
        if name not in options:
            raise ValueError(f"option {name!r} is missing")
        if type(options[name]) is not expected:  # a bool is no int here
            raise ValueError(f"{name} is {options[name]!r}; it must be of type {expected.__name__}")


def names(several: Iterable[object]) -> str:
    return ", ".join(sorted(repr(name) for name in several))


def _describe_thermometer(layer: Thermometer) -> Options:
    return {"features": layer.features, "levels": layer.levels, **vars(layer.input_format)}


def _build_thermometer(options: Options, tensors: Tensors) -> Thermometer:
    return Thermometer(*_thresholds(options, tensors["thresholds"]))


def _describe_learnable_thermometer(layer: LearnableThermometer) -> Options:
    return {
        "features": layer.features,
        "levels": layer.levels,
        **vars(layer.input_format),
        "temperature": layer.temperature,
        "softness": layer.softness,
        "straight_through": layer.straight_through,
    }


def _build_learnable_thermometer(options: Options, tensors: Tensors) -> LearnableThermometer:
    differences, input_format = _thresholds(options, tensors["differences"])
    if not differences.isfinite().all():
        raise ValueError("differences holds a number that is not finite")
    rising = torch.arange(differences.shape[1]).expand(differences.shape)
    layer = LearnableThermometer(rising, input_format, **options)
    layer.differences = torch.nn.Parameter(differences.clone())
    return layer


def _thresholds(options: Options, tensor: torch.Tensor) -> tuple[torch.Tensor, InputFormat]:
    """The tensor, of the shape that the options state; takes both facts out of them."""
    stated = (options.pop("features"), options.pop("levels"))
    if tensor.shape != stated:
        raise ValueError(f"thresholds has shape {tuple(tensor.shape)}; the layer says {stated}")
    return tensor, InputFormat(**{name: options.pop(name) for name in _FORMAT})


def _logic_dense_tensors(options: Options) -> Dtypes:
    if options["learnable_wiring"]:
        wiring: Dtypes = {"wiring.candidates": (torch.int64,), "wiring.scores": _FLOATS}
    else:
        wiring = {"connections": (torch.int64,)}
    return {"weights": _FLOATS, **wiring}


def _describe_logic_dense(layer: LogicDense) -> Options:
    return {
        "in_features": layer.in_features,
        "out_features": layer.out_features,
        "parametrization": layer.parametrization,
        "arity": layer.arity,
        "learnable_wiring": layer.wiring is not None,
        "gumbel": layer.sampling.gumbel,
        "temperature": layer.temperature,
    }


def _build_logic_dense(options: Options, tensors: Tensors) -> LogicDense:
    weights = tensors["weights"]
    gates = parametrization_of(options["parametrization"], options["arity"])
    # Checked before the layer is made: options may claim any size, tensors cannot.
    expected = (options["out_features"], gates.columns(options["arity"]))
    if weights.shape != expected:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; it must be {expected}")
    if not weights.isfinite().all():
        gate = int((~weights.isfinite()).any(dim=1).nonzero()[0])
        raise ValueError(f"gate {gate} has a weight that is not a finite number")
    wiring: torch.Tensor | LearnableWiring
    if options.pop("learnable_wiring"):
        wiring = LearnableWiring(tensors["wiring.candidates"], tensors["wiring.scores"])
    else:
        wiring = tensors["connections"]
    layer = LogicDense(**options, wiring=wiring)
    layer.weights = torch.nn.Parameter(weights.clone())
    return layer


def _describe_group_sum(layer: GroupSum) -> Options:
    return {"classes": layer.classes, "tau": layer.tau}


def _build_group_sum(options: Options, tensors: Tensors) -> GroupSum:
    return GroupSum(**options)


KINDS: dict[str, Kind] = {
    "Thermometer": Kind(
        Thermometer,
        {"features": int, "levels": int, **_FORMAT},
        lambda _: {"thresholds": _FLOATS},
        _describe_thermometer,
        _build_thermometer,
    ),
    "LearnableThermometer": Kind(
        LearnableThermometer,
        {"features": int, "levels": int, **_FORMAT}
        | {"temperature": float, "softness": float, "straight_through": bool},
        lambda _: {"differences": _FLOATS},
        _describe_learnable_thermometer,
        _build_learnable_thermometer,
    ),
    "LogicDense": Kind(
        LogicDense,
        {"in_features": int, "out_features": int, "parametrization": str, "arity": int}
        | {"learnable_wiring": bool, "gumbel": bool, "temperature": float},
        _logic_dense_tensors,
        _describe_logic_dense,
        _build_logic_dense,
        {"parametrization": "raw", "arity": 2, "learnable_wiring": False}
        | {"gumbel": False, "temperature": 1.0},
    ),
    "GroupSum": Kind(
        GroupSum,
        {"classes": int, "tau": float},
        lambda _: {},
        _describe_group_sum,
        _build_group_sum,
    ),
}
