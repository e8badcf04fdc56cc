"""A torchlogix module that was pickled whole: its tensors and its list of layers.

Unpickling runs the code that the file names, so `load_module` is for files that the user
has said to trust. It needs the package torchlogix; nothing else in lgncc does.
"""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends.source import Source
from lgncc.frontends.state_dict import StateDict
from lgncc.frontends.torchlogix_layers import (
    PARAMETRIZATIONS,
    Binarization,
    Conv,
    Dense,
    Flatten,
    GroupSum,
    Layer,
    LayerList,
    OrPool,
    Parametrization,
    Residual,
)
from lgncc.frontends.torchlogix_state import join

if TYPE_CHECKING:
    import torch


def is_pickled_module(source: Source) -> bool:
    """Whether the pickle names torchlogix's classes; a state dict holds no class of its own."""
    pickled = source.member("/data.pkl")
    if pickled is None and source.data.startswith(b"\x80"):
        pickled = source.data  # torch's format before zip archives
    return pickled is not None and b"torchlogix.layers." in pickled


def load_module(source: Source) -> tuple[StateDict, LayerList]:
    """Unpickle, which runs code of the file, and list the layers.

    Raises InputError where the file is damaged or a module is unknown, and
    EnvironmentLacksError where torchlogix cannot be imported.
    """
    import torch

    try:
        importlib.import_module("torchlogix.layers")
    except (ImportError, SyntaxError) as error:
        raise EnvironmentLacksError(
            f"{source.path}: --trust-pickle needs the package torchlogix, which cannot be imported "
            f"here ({type(error).__name__}: {error}). torchlogix 0.2.2 needs Python 3.12 or later. "
            "Or save the state dict, and list the layers in a file for --layers"
        ) from error
    data = source.archive if source.members else source.data
    try:
        module = torch.load(io.BytesIO(data), weights_only=False, map_location="cpu")
    except Exception as error:  # the file runs code of its own
        raise InputError(
            f"{source.path}: unpickling failed ({type(error).__name__}: {error}); classes of your "
            "own must be importable"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise InputError(
            f"{source.path}: holds a pickled {type(module).__name__}, not a module alone; save "
            'torch.save(model, "model.pt"), or its state dict'
        )
    try:
        layers = tuple(_walk(source, module, ""))
    except AttributeError as error:
        raise InputError(
            f"{source.path}: saved by another version of torchlogix than the installed one "
            f"({error}); save the state dict, and list the layers in a file for --layers"
        ) from error
    return StateDict(source, module.state_dict()), LayerList(layers, "from checkpoint")


def _walk(source: Source, module: torch.nn.Module, name: str) -> list[Layer]:
    """The layers of a module in the order of its forward pass.

    Raises InputError where that order is in code that this does not know.
    """
    import torch

    def inside(child: str) -> list[Layer]:
        return _walk(source, module.get_submodule(child), join(name, child))

    kind = type(module)
    if isinstance(module, torch.nn.Sequential) and kind.forward is torch.nn.Sequential.forward:
        return [layer for child, _ in module.named_children() for layer in inside(child)]
    if kind.__module__.startswith("torchlogix.models.") and list(module._modules) == ["model"]:
        return inside("model")  # its models that wrap one Sequential
    if kind.__module__ == "torchlogix.modules.resblock":
        return [Residual(tuple(inside("main")), tuple(inside("shortcut")))]
    known = kind.__module__.startswith(("torchlogix.layers.", "torch.nn."))
    layer = _layer(module, kind.__name__, name) if known else None
    if layer is None:
        raise InputError(
            f"{source.path}: {name or 'the model'} is a {kind.__module__}.{kind.__name__}, whose "
            "forward pass is not known; save the state dict, and list the layers in a file for "
            "--layers"
        )
    return layer


def _layer(module: Any, kind: str, name: str) -> list[Layer] | None:  # noqa: PLR0911 # one a kind
    match kind:
        case "Identity" | "Dropout" | "DummyBinarization":
            return []  # they do nothing in eval mode
        case "Flatten" if (module.start_dim, module.end_dim) == (1, -1):
            return [Flatten()]
        case "LogicDense":
            return [Dense(name, _parametrization(module))]
        case "LogicConv2d" | "LogicConv3d":
            size = tuple(module.receptive_field_size)
            parametrization = _parametrization(module)
            return [Conv(module.conv_dimension, size, module.padding, name, parametrization)]
        case "OrPooling2d" | "OrPooling3d":
            dimension = 2 if kind.endswith("2d") else 3
            sizes = (module.kernel_size, module.stride, module.padding)
            return [OrPool(*(_each(size, dimension) for size in sizes))]
        case "FixedBinarization" | "SoftBinarization":
            return [Binarization(module.feature_dim, name=name)]
        case "LearnableBinarization":
            # 0.2.1 has no such method and sums the raw steps in eval mode.
            if not hasattr(module, "_get_ordered_diffs"):
                return [Binarization(module.feature_dim, "none", name)]
            return [Binarization(module.feature_dim, float(module.temperature_softplus), name)]
        case "GroupSum":
            return [GroupSum(module.k, float(module.tau), float(module.beta))]
    return None


def _each(size: Any, dimension: int) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, tuple) else (size,) * dimension


def _parametrization(module: Any) -> Parametrization | None:
    """By the class; None for an unknown one, which is then asked for or refused."""
    kind = type(module.parametrization).__name__
    return next((p for p in PARAMETRIZATIONS if kind.lower().startswith(p)), None)
