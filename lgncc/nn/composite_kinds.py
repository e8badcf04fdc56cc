"""How checkpoints keep the layers on images and the recurrent ones, which are made of LogicDense.

A record of such a layer has `parts`: for each LogicDense inside its name in the state dict
and its own options, {"levels.0": {"in_features": 27, ...}, ...}.
"""

from __future__ import annotations

from lgncc.nn.conv import Flatten, Image, LogicConv2d, OrPool2d
from lgncc.nn.kinds import KINDS, Dtypes, Kind, Options, Tensors, check_options
from lgncc.nn.layers import LogicDense
from lgncc.nn.recurrent import LogicRecurrent

Parts = dict[str, LogicDense]
LOGIC_DENSE = KINDS["LogicDense"]


def _describe_parts(layer: LogicConv2d | LogicRecurrent) -> Options:
    return {
        name: LOGIC_DENSE.describe(part)
        for name, part in layer.named_modules()
        if isinstance(part, LogicDense)
    }


def _part_tensors(options: Options) -> Dtypes:
    """What the parts keep in the state. Raises ValueError where they are no LogicDense records."""
    found: Dtypes = {}
    for name, record in options["parts"].items():
        if not isinstance(name, str) or not isinstance(record, dict):
            raise ValueError(f"part {name!r} is {type(record).__name__}; it must be named options")
        try:
            check_options(LOGIC_DENSE, record)
            kept = LOGIC_DENSE.tensors(record)
        except ValueError as error:
            raise ValueError(f"part {name}: {error}") from error
        found |= {f"{name}.{tensor}": dtypes for tensor, dtypes in kept.items()}
    return found


def _build_parts(options: Options, tensors: Tensors) -> Parts:
    """The parts by name; takes them out of the options."""
    built: Parts = {}
    for name, record in options.pop("parts").items():
        own = {tensor: tensors[f"{name}.{tensor}"] for tensor in LOGIC_DENSE.tensors(record)}
        try:
            part = LOGIC_DENSE.build(dict(record), own)
        except ValueError as error:
            raise ValueError(f"part {name}: {error}") from error
        assert isinstance(part, LogicDense)
        built[name] = part
    return built


def _describe_conv(layer: LogicConv2d) -> Options:
    channels, rows, columns = layer.in_shape
    return {
        "in_channels": channels,
        "rows": rows,
        "columns": columns,
        "channels": layer.channels,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "padding": layer.padding,
        "depth": layer.depth,
        "parts": _describe_parts(layer),
    }


def _build_conv(options: Options, tensors: Tensors) -> LogicConv2d:
    parts = _build_parts(options, tensors)
    in_shape = (options.pop("in_channels"), options.pop("rows"), options.pop("columns"))
    in_order = [f"levels.{level}" for level in range(len(parts))]
    if list(parts) != in_order:
        raise ValueError(f"has the parts {', '.join(parts)}, not {', '.join(in_order)}")
    return LogicConv2d(in_shape, levels=list(parts.values()), **options)


def _describe_recurrent(layer: LogicRecurrent) -> Options:
    return {
        "in_features": layer.in_features,
        "hidden": layer.hidden,
        "cell": layer.cell,
        "parts": _describe_parts(layer),
    }


def _build_recurrent(options: Options, tensors: Tensors) -> LogicRecurrent:
    stacks: dict[str, list[LogicDense]] = {}
    parts = _build_parts(options, tensors)
    for name, part in parts.items():
        stacks.setdefault(name.split(".")[min(1, name.count("."))], []).append(part)
    in_order = [
        f"stacks.{stack}.{number}" for stack in stacks for number in range(len(stacks[stack]))
    ]
    if list(parts) != in_order:
        raise ValueError(f"has the parts {', '.join(parts)}, not {', '.join(in_order)}")
    return LogicRecurrent(**options, stacks=stacks)


def _describe_image(layer: Image) -> Options:
    return {name: getattr(layer, name) for name in _IMAGE}


def _describe_pool(layer: OrPool2d) -> Options:
    return {"kernel": layer.kernel, "stride": layer.stride}


def _no_tensors(_: Options) -> Dtypes:
    return {}


_IMAGE: dict[str, type] = {"channels": int, "rows": int, "columns": int, "levels": int}
_CONV = ("in_channels", "rows", "columns", "channels", "kernel", "stride", "padding", "depth")
COMPOSITE_KINDS: dict[str, Kind] = {
    "Image": Kind(Image, _IMAGE, _no_tensors, _describe_image, lambda given, _: Image(**given)),
    "LogicConv2d": Kind(
        LogicConv2d,
        {**dict.fromkeys(_CONV, int), "parts": dict},
        _part_tensors,
        _describe_conv,
        _build_conv,
    ),
    "OrPool2d": Kind(
        OrPool2d,
        {"kernel": int, "stride": int},
        _no_tensors,
        _describe_pool,
        lambda given, _: OrPool2d(**given),
    ),
    "Flatten": Kind(Flatten, {}, _no_tensors, lambda _: {}, lambda *_: Flatten()),
    "LogicRecurrent": Kind(
        LogicRecurrent,
        {"in_features": int, "hidden": int, "cell": str, "parts": dict},
        _part_tensors,
        _describe_recurrent,
        _build_recurrent,
    ),
}
