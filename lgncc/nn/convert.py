"""From and to torchlogix (0.2.1 on), for what both can say the same way.

Dense gates (raw, light, and walsh, which is called warp there), fixed and learnable
wiring, fixed thermometers, GroupSum. The weights are kept, in the other's order; both
networks then answer alike in eval mode, and training goes on from where it was. All
else is refused, with what it is: nothing is dropped silently.

A torchlogix state dict holds neither GroupSum nor the format of features nor the name of
a parametrization, so these are given, or handed back beside the state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_difflogic
from lgncc.nn.inputs import InputFormat, Thermometer
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.learnable_wiring import LearnableWiring
from lgncc.nn.parametrization import walsh_transform

THEIR_NAMES = {"raw": "raw", "light": "light", "walsh": "warp"}
THEIR_ARITIES = (2, 4, 6)
FLOAT32_BITS = 24

_KEY = re.compile(
    r"(?:(?P<path>.*)\.)?"
    r"(?P<tensor>weight|connections\.indices|connections\.weights|thresholds|raw_diffs)"
)
_EXPORTED = re.compile(r"(?:.*\.)?_export_\w+")  # copies of what is there already

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Torchlogix:
    """What to build and what to load: class names of torchlogix.layers, with arguments.

    layers = [getattr(torchlogix.layers, name)(**options) for name, options in layers]
    torch.nn.Sequential(*layers).load_state_dict(state)
    """

    layers: tuple[tuple[str, dict[str, Any]], ...]
    state: State


def to_torchlogix(model: torch.nn.Sequential) -> Torchlogix:
    """Raises InputError where torchlogix has no word for a part of `model`."""
    layers: list[tuple[str, dict[str, Any]]] = []
    state: State = {}
    for index, layer in enumerate(model):
        try:
            name, options, tensors = _to_layer(layer)
        except ValueError as error:
            raise InputError(f"to torchlogix: layer {index}: {error}") from error
        layers.append((name, options))
        state |= {f"{index}.{key}": tensor.detach().clone() for key, tensor in tensors.items()}
    return Torchlogix(tuple(layers), state)


def from_torchlogix(
    state: Mapping[str, torch.Tensor],
    *,
    parametrization: str | None = None,
    in_features: int | None = None,
    input_format: InputFormat | None = None,
    classes: int | None = None,
    tau: float = 1.0,
) -> torch.nn.Sequential:
    """A network of `lgncc.nn` from a state dict, its layers in the order of the file.

    parametrization: "light" or "walsh", of gates that 16 columns do not show to be raw.
    in_features: of the first layer, and input_format: of its features, where thresholds
    do not and do stand before it. classes: of the GroupSum at the end, None without one.

    Raises InputError where a fact is missing, or this package has no word for it.
    """
    layers: list[torch.nn.Module] = []
    width = in_features
    for path, tensors in _modules(state).items():
        layer: Thermometer | LogicDense
        try:
            if "weight" in tensors:
                layer = _dense(tensors, width, parametrization)
                width = layer.out_features
            else:
                if layers:
                    raise ValueError("thresholds behind other layers")
                layer = _thermometer(tensors, in_features, input_format)
                width = layer.features * layer.levels
        except ValueError as error:
            raise InputError(f"from torchlogix: {path or 'the layer'}: {error}") from error
        layers.append(layer)
    if input_format is not None and not any(isinstance(layer, Thermometer) for layer in layers):
        raise InputError(f"from torchlogix: {input_format}, but the state has no thresholds")
    if classes is not None:
        layers.append(GroupSum(classes, tau))
    return torch.nn.Sequential(*layers)


def _to_layer(layer: torch.nn.Module) -> tuple[str, dict[str, Any], State]:
    if isinstance(layer, GroupSum):
        return "GroupSum", {"k": layer.classes, "tau": layer.tau}, {}
    if isinstance(layer, Thermometer):
        return "FixedBinarization", *_to_thresholds(layer)
    if not isinstance(layer, LogicDense):
        raise ValueError(
            f"{type(layer).__name__} cannot be said there; of LearnableThermometer, say "
            "nn.Thermometer(layer.boundaries(), layer.input_format)"
        )
    if layer.arity not in THEIR_ARITIES or layer.arity > layer.in_features:
        raise ValueError(
            f"arity {layer.arity} of {layer.in_features} inputs; torchlogix has arities "
            f"{THEIR_ARITIES}, and at least as many inputs"
        )
    weights = layer.weights.detach()
    if weights.dtype != torch.float32:
        raise ValueError(f"weights of {weights.dtype}; torchlogix has float32: model.float()")
    options: dict[str, Any] = {
        "in_dim": layer.in_features,
        "out_dim": layer.out_features,
        "lut_rank": layer.arity,
        "parametrization": THEIR_NAMES[layer.parametrization],
        "parametrization_kwargs": {
            "forward_sampling": "gumbel_hard" if layer.sampling.gumbel else "soft",
            "temperature": layer.temperature,
        },
    }
    order = _order(layer.parametrization, layer.arity)
    theirs = weights[:, order]
    _check_ties(layer.parametrization, weights, theirs, order)
    tensors = {"weight": theirs}
    if layer.wiring is None:
        return "LogicDense", options, {**tensors, "connections.indices": layer.connections}
    choices = len(layer.wiring.candidates)
    if layer.arity * choices > layer.in_features != choices:
        raise ValueError(
            f"{choices} candidates for {layer.arity} fanins; torchlogix allows all "
            f"{layer.in_features} inputs, or at most {layer.in_features // layer.arity}"
        )
    options |= {
        "connections": "learnable",
        "connections_kwargs": {
            "num_candidates": -1 if choices == layer.in_features else choices,
            "temperature": layer.temperature,
            "gumbel": layer.sampling.gumbel,
        },
    }
    tensors["connections.weights"] = layer.wiring.scores
    return "LogicDense", options, {**tensors, "connections.indices": layer.wiring.candidates}


def _to_thresholds(layer: Thermometer) -> tuple[dict[str, Any], State]:
    thresholds = layer.thresholds.float()
    if layer.input_format.bits > FLOAT32_BITS or not torch.equal(
        thresholds.double(), layer.thresholds
    ):
        raise ValueError(
            f"features of {layer.input_format} and thresholds as {layer.thresholds.dtype}: "
            "torchlogix compares in float32, which rounds them"
        )
    return {"thresholds": thresholds}, {"thresholds": thresholds}


def _modules(state: Mapping[str, torch.Tensor]) -> dict[str, State]:
    """Tensors by the path of their module, which must be numbered alike: 0, 1, ... 10."""
    modules: dict[str, State] = {}
    for key, tensor in state.items():
        if _EXPORTED.fullmatch(key):
            continue
        match = _KEY.fullmatch(key)
        if match is None:
            raise InputError(
                f"from torchlogix: {key!r} cannot be said here; dense layers and fixed "
                "thresholds can. `lgncc compile` reads convolutions, too"
            )
        modules.setdefault(match["path"] or "", {})[match["tensor"]] = tensor
    stems = {re.sub(r"\d+$", "", path) for path in modules}
    numbers = {path: re.search(r"\d+$", path) for path in modules}
    if len(modules) > 1 and (len(stems) > 1 or None in numbers.values()):
        raise InputError(
            f"from torchlogix: the layers {', '.join(modules)} are not numbered in one row, so "
            "that their order is not in the state; rename the keys to 0.weight, 1.weight, ..."
        )
    if not any("weight" in tensors for tensors in modules.values()):
        raise InputError("from torchlogix: the state has no layer of gates")
    return dict(
        sorted(modules.items(), key=lambda item: int(m[0]) if (m := numbers[item[0]]) else 0)
    )


def _dense(tensors: State, width: int | None, parametrization: str | None) -> LogicDense:
    indices = tensors.get("connections.indices")
    if indices is None:
        raise ValueError("connections.indices are missing: torchlogix before 0.2.1 did not save it")
    if width is None:
        raise ValueError("how many inputs it has is not in the state; give in_features")
    weights, arity = tensors["weight"], len(indices[0]) if indices.ndim == 3 else len(indices)
    if (weights.shape[-1], arity) == (16, 2):
        parametrization = "raw"
    elif parametrization not in ("light", "walsh"):
        raise ValueError(
            f"{weights.shape[-1]} columns for {arity} inputs are light or walsh (warp there), and "
            'the state does not say; give parametrization="light" or "walsh"'
        )
    scores = tensors.get("connections.weights")
    layer = LogicDense(
        width,
        len(weights),
        parametrization=parametrization,
        arity=arity,
        wiring=indices if scores is None else LearnableWiring(indices, scores),
    )
    if weights.dtype != torch.float32 or weights.shape != layer.weights.shape:
        raise ValueError(
            f"weight is {weights.dtype} {tuple(weights.shape)}; {parametrization} of {arity} "
            f"inputs is torch.float32 {tuple(layer.weights.shape)}"
        )
    order = _order(parametrization, arity)
    ours = weights[:, order]
    _check_ties(parametrization, ours, weights, order)
    layer.weights = torch.nn.Parameter(ours)
    return layer


def _thermometer(
    tensors: State, in_features: int | None, input_format: InputFormat | None
) -> Thermometer:
    if "raw_diffs" in tensors:
        raise ValueError(
            "learnable thresholds depend on temperature_softplus, which is not in the state; put "
            "FixedBinarization(layer.get_thresholds().detach()) in its place"
        )
    if tensors.keys() != {"thresholds"}:
        raise ValueError(f"{', '.join(tensors)}: a layer without weight and thresholds")
    if input_format is None:
        raise ValueError("thresholds need the format of a feature; give input_format")
    thresholds = tensors["thresholds"]
    if thresholds.ndim == 1:
        if in_features is None:
            raise ValueError("one row of thresholds for all features; give in_features")
        thresholds = thresholds.expand(in_features, -1)
    if in_features not in (None, len(thresholds)):
        raise ValueError(f"thresholds of {len(thresholds)} features, in_features={in_features}")
    return Thermometer(thresholds, input_format)


def _order(parametrization: str, arity: int) -> torch.Tensor:
    """Their column j is our column order[j], and ours theirs: both orders are reversals of bits."""
    if parametrization == "raw":
        return torch.from_numpy(tables_from_difflogic(np.arange(16)).astype(np.int64))
    # Their first input is the highest bit of a row and of a parity, ours the lowest.
    return torch.arange(1 << arity).reshape([2] * arity).permute(*reversed(range(arity))).flatten()


def _check_ties(
    parametrization: str, ours: torch.Tensor, theirs: torch.Tensor, order: torch.Tensor
) -> None:
    """Raise ValueError for a gate of which the two could make different tables."""
    if parametrization == "raw":
        # Equal logits: the first wins, and the orders differ.
        wrong = order[theirs.argmax(dim=1)] != ours.argmax(dim=1)
        what = "its best weights are equal, and each framework would take another gate"
    elif parametrization == "walsh":
        rounding = torch.finfo(torch.float32).eps * ours.shape[1] * ours.double().abs().sum(1)
        wrong = (walsh_transform(ours.double()).abs() < rounding[:, None]).any(dim=1)
        what = "a row sums up to 0 within rounding, and each framework adds in another order"
    else:
        return
    if wrong.any():
        raise ValueError(f"gate {int(wrong.nonzero()[0])}: {what}; move its weights apart")
