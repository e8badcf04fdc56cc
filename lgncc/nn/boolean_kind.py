"""How checkpoints keep Boolean neurons: their weights as bits, or BiPer's as floats."""

from __future__ import annotations

import torch

from lgncc.nn.boolean import BooleanDense
from lgncc.nn.kinds import Dtypes, Kind, Options, Tensors

_WEIGHTS: Dtypes = {"boolean": (torch.bool,), "biper": (torch.float32, torch.float64)}


def _tensors(options: Options) -> Dtypes:
    binarization = options["binarization"]
    if binarization not in _WEIGHTS:
        raise ValueError(f"binarization is {binarization!r}; it must be one of {list(_WEIGHTS)}")
    weights = _WEIGHTS[binarization]
    return {"weights": weights, "connections": (torch.int64,), "thresholds": (torch.int64,)}


def _describe(layer: BooleanDense) -> Options:
    return {name: getattr(layer, name) for name in _OPTIONS}


def _build(options: Options, tensors: Tensors) -> BooleanDense:
    weights = tensors["weights"]
    # Checked before the layer is made: options may claim any size, tensors cannot.
    expected = (options["out_features"], options["fan_in"])
    if weights.shape != expected:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; it must be {expected}")
    if not weights.isfinite().all():
        neuron = int((~weights.isfinite()).any(dim=1).nonzero()[0])
        raise ValueError(f"neuron {neuron} has a weight that is not a finite number")
    layer = BooleanDense(
        **options,
        wiring=tensors["connections"],
        thresholds=tensors["thresholds"],
        generator=torch.Generator(),  # its draws are overwritten; the caller's are left alone
    )
    trained = options["binarization"] == "biper"
    layer.weights = torch.nn.Parameter(weights.clone(), requires_grad=trained)
    return layer


_OPTIONS: dict[str, type] = {
    "in_features": int,
    "out_features": int,
    "fan_in": int,
    "binarization": str,
    "frequency": float,
}
BOOLEAN_KINDS: dict[str, Kind] = {
    "BooleanDense": Kind(BooleanDense, _OPTIONS, _tensors, _describe, _build)
}
