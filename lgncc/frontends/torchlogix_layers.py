"""The layers of a torchlogix network, in order: what a state dict does not record.

A layer list comes from a TOML file (`--layers`), from a pickled module, or, where the
file holds dense layers alone, from the names of its tensors. Arguments are named as in
torchlogix's constructors; only those are asked for that the file lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from lgncc.errors import InputError
from lgncc.frontends.common import read_toml
from lgncc.model import Source as Origin

Parametrization = Literal["raw", "light", "warp"]
PARAMETRIZATIONS: tuple[Parametrization, ...] = get_args(Parametrization)

MAX_SIZE = 1 << 20
"""Of any length in a layer list; more is a slip, and would only exhaust the memory."""
MAX_NUMBER = 1e30


@dataclass(frozen=True)
class Dense:
    """LogicDense. name: its path in the module, None for the next one in the file."""

    name: str | None = None
    parametrization: Parametrization | None = None


@dataclass(frozen=True)
class Conv:
    """LogicConv2d or LogicConv3d (`dimension`)."""

    dimension: int
    receptive_field_size: tuple[int, ...]
    padding: int
    name: str | None = None
    parametrization: Parametrization | None = None


@dataclass(frozen=True)
class Binarization:
    """Fixed-, Soft- or LearnableBinarization, which compare alike outside training.

    feature_dim: None where the sample is flat, which leaves no choice.
    temperature_softplus: of learnable thresholds; `none` is the plain cumulative sum
    that torchlogix 0.2.1 evaluates.
    """

    feature_dim: int | None = None
    temperature_softplus: float | Literal["none"] | None = None
    name: str | None = None


@dataclass(frozen=True)
class OrPool:
    """OrPooling2d or OrPooling3d."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True)
class Residual:
    """ResidualLogicBlock: OR of two branches. An empty branch is the identity."""

    main: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Flatten:
    """torch.nn.Flatten() with its defaults."""


@dataclass(frozen=True)
class GroupSum:
    """Score = (sum + beta) / tau of contiguous groups. tau: None where the list leaves it out."""

    classes: int
    tau: float | None = None
    beta: float = 0.0


Layer: TypeAlias = Dense | Conv | Binarization | OrPool | Residual | Flatten | GroupSum


@dataclass(frozen=True)
class LayerList:
    """origin: where the order and the arguments are from."""

    layers: tuple[Layer, ...]
    origin: Origin
    input_shape: tuple[int, ...] | None = None
    parametrization: Parametrization | None = None


def from_toml(path: Path) -> LayerList:
    """Raises InputError, naming the layer, where the file is malformed."""
    content = read_toml(path)
    top = _Table(str(path), content)
    listed = top.take("layer", lambda value: value if isinstance(value, list) else None, "tables")
    shape = top.optional("input_shape", lambda value: _sizes(value, None, 1), "lengths")
    parametrization = _parametrization(top)
    top.finish()
    if not listed:
        raise InputError(f"{path}: no [[layer]] in it")
    layers = tuple(_layer(f"{path}: layer {number}", entry) for number, entry in enumerate(listed))
    return LayerList(layers, "given", shape, parametrization)


def _layer(where: str, entry: object) -> Layer:
    table = _Table(where, entry if isinstance(entry, dict) else {})
    kind = table.take("kind", _text, f"one of {', '.join(_KINDS)}")
    if kind not in _KINDS:
        raise InputError(f"{where}: unknown kind {kind!r}; known are {', '.join(_KINDS)}")
    table.where = f"{where} ({kind})"
    layer = _KINDS[kind](table)
    table.finish()
    return layer


class _Table:
    """One TOML table: `take` checks a key and marks it as read; `finish` refuses leftovers."""

    def __init__(self, where: str, content: dict[str, Any]) -> None:
        self.where = where
        self._content = dict(content)

    def optional(self, key: str, check: Callable[[Any], Any], wanted: str) -> Any:
        """The value that `check` returns for it; None where the key is missing."""
        if key not in self._content:
            return None
        value = self._content.pop(key)
        checked = check(value)
        if checked is None:
            raise InputError(f"{self.where}: {key} is {value!r}; it must be {wanted}")
        return checked

    def take(self, key: str, check: Callable[[Any], Any], wanted: str) -> Any:
        if key not in self._content:
            raise InputError(f"{self.where}: {key} is missing; give {wanted}")
        return self.optional(key, check, wanted)

    def size(self, key: str, minimum: int = 0) -> int:
        wanted = f"an integer from {minimum}"
        return int(self.take(key, lambda value: _integer(value, minimum), wanted))

    def sizes(self, key: str, dimension: int, minimum: int = 1) -> tuple[int, ...]:
        """One length for all dimensions, or a list with one for each."""
        wanted = f"an integer from {minimum}, or {dimension} of them"
        value: tuple[int, ...] = self.take(
            key, lambda value: _sizes(value, dimension, minimum), wanted
        )
        return value

    def finish(self) -> None:
        if self._content:
            raise InputError(f"{self.where}: {', '.join(self._content)} is not known here")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object, minimum: int) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if minimum <= value <= MAX_SIZE else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < MAX_NUMBER else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _sizes(value: object, dimension: int | None, minimum: int) -> tuple[int, ...] | None:
    if dimension is not None and not isinstance(value, list):
        value = [value] * dimension
    if not isinstance(value, list) or not value or len(value) != (dimension or len(value)):
        return None
    sizes = [_integer(size, minimum) for size in value]
    valid = tuple(size for size in sizes if size is not None)
    return valid if len(valid) == len(sizes) else None


def _parametrization(table: _Table) -> Parametrization | None:
    found: Parametrization | None = table.optional(
        "parametrization",
        lambda value: value if value in PARAMETRIZATIONS else None,
        f"one of {', '.join(PARAMETRIZATIONS)}",
    )
    return found


def _name(table: _Table) -> str | None:
    name: str | None = table.optional("name", _text, "the layer's path in the module, as text")
    return name


def _dense(table: _Table) -> Dense:
    return Dense(_name(table), _parametrization(table))


def _conv(dimension: int) -> Callable[[_Table], Conv]:
    return lambda table: Conv(
        dimension,
        table.sizes("receptive_field_size", dimension),
        table.size("padding"),
        _name(table),
        _parametrization(table),
    )


def _or_pool(dimension: int) -> Callable[[_Table], OrPool]:
    return lambda table: OrPool(
        table.sizes("kernel_size", dimension),
        table.sizes("stride", dimension),
        table.sizes("padding", dimension, 0),
    )


def _binarization(table: _Table) -> Binarization:
    return Binarization(
        table.optional("feature_dim", lambda v: v if type(v) is int else None, "an integer"),
        table.optional(
            "temperature_softplus",
            lambda v: v if v == "none" else _positive(v),
            'a number above 0, or "none"',
        ),
        _name(table),
    )


def _residual(table: _Table) -> Residual:
    """The block's two convolutions; torchlogix up to 0.2.2 cannot build one with a projection."""
    size, padding = table.sizes("receptive_field_size", 2), table.size("padding")
    name, parametrization = _name(table), _parametrization(table)
    first, second = (
        Conv(2, size, padding, None if name is None else f"{name}.main.{at}", parametrization)
        for at in (0, 2)
    )
    return Residual((first, second))


def _group_sum(table: _Table) -> GroupSum:
    tau = table.optional("tau", _positive, "a number above 0")
    beta = table.optional("beta", _number, "a number")
    return GroupSum(table.size("classes", 1), tau, beta or 0.0)


_KINDS: dict[str, Callable[[_Table], Layer]] = {
    "binarization": _binarization,
    "conv2d": _conv(2),
    "conv3d": _conv(3),
    "dense": _dense,
    "flatten": lambda _: Flatten(),
    "group_sum": _group_sum,
    "or_pool2d": _or_pool(2),
    "or_pool3d": _or_pool(3),
    "residual": _residual,
}
