"""What a torchlogix state dict says: its layers by name, their truth tables and wiring."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Integers, Tables
from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_difflogic, tables_from_rows
from lgncc.frontends.source import Source
from lgncc.frontends.state_dict import StateDict
from lgncc.frontends.torchlogix_layers import (
    Binarization,
    Conv,
    Dense,
    Layer,
    LayerList,
    Parametrization,
    Residual,
)
from lgncc.model import Fact

RANKS = (1, 2, 4, 6)
"""Of the lookup tables that torchlogix builds."""

_KEY = re.compile(
    r"(?:(?P<name>.+)\.)?(?:"
    r"(?P<dense>weight|connections\.(?:indices|weights))|"
    r"(?P<conv>tree_weights\.\d+(?:\.\d+)?|connections\._indices_L\d+)|"
    r"(?P<binarization>thresholds|raw_diffs)|"
    r"(?P<export>(?:connections\.)?_export_\w+))"
)

_BRANCH = re.compile(r"(?:(?P<block>.+)\.)?(?:main|shortcut)(?:\.[0-9]+)?")
"""A module inside of a residual block."""

ModuleKind = Literal["dense", "conv", "binarization"]


@dataclass
class Checkpoint:
    """A state dict on its way to a netlist: what the layers' rooms share.

    parametrization: of every layer that states none. The last three fields grow as
    layers are read.
    """

    source: Source
    state: StateDict
    parametrization: Parametrization | None
    facts: list[Fact] = field(default_factory=list)
    found_parametrizations: set[str] = field(default_factory=set)
    near_ties: int = 0

    @functools.cached_property
    def modules(self) -> dict[str, ModuleKind]:
        """Kind of each module that has tensors, by its path. `_export_` buffers are copies."""
        kinds: dict[str, ModuleKind] = {}
        for key in self.state.keys:
            match = _KEY.fullmatch(key)
            if match is None:
                continue  # `finish` refuses it
            if match["export"]:
                self.state.ignore(key)
                continue
            kind: ModuleKind = (
                "dense" if match["dense"] else "conv" if match["conv"] else "binarization"
            )
            name = match["name"] or ""
            if kinds.setdefault(name, kind) != kind:
                raise InputError(
                    f"{self.source.path}: {name or 'the file'} has the tensors of two kinds of "
                    f"layer, {kinds[name]} and {kind}"
                )
        return kinds

    def error(self, text: str) -> InputError:
        return InputError(f"{self.source.path}: {text}")

    def tables(self, key: str, rank: int, stated: Parametrization | None) -> Tables:
        """Truth tables uint64 of the weights `key`, float (..., columns): shape (...)."""
        shape = self.state.shape(key) if key in self.state.keys else ()
        weights = self.state.take(key, (None,) * max(len(shape), 2), "float")
        if rank not in RANKS:
            raise self.error(f"{key}: gates of {rank} inputs; torchlogix has {RANKS}")
        chosen = self._chosen(key, weights.shape[-1], rank, stated or self.parametrization)
        self.found_parametrizations.add(f"{chosen}, {rank} inputs")
        flat = weights.reshape(-1, weights.shape[-1])
        if chosen == "raw":
            tables = tables_from_difflogic(flat.argmax(axis=1))
        elif chosen == "light":
            tables = tables_from_rows(flat > 0, first_fanin="msb")
        else:
            rows = self._warp_rows(key, flat)
            tables = tables_from_rows(rows, first_fanin="msb")
        return tables.reshape(weights.shape[:-1])

    def _chosen(
        self, key: str, columns: int, rank: int, stated: Parametrization | None
    ) -> Parametrization:
        """The parametrization: stated, or the only one of this shape."""
        possible: list[Parametrization] = []
        if (columns, rank) == (16, 2):
            possible.append("raw")
        if columns == 1 << rank:
            possible += ["warp"] if rank == 1 else ["light", "warp"]
        if not possible:
            raise self.error(
                f"{key} has {columns} columns, its wiring {rank} inputs a gate; no "
                "parametrization of torchlogix has that"
            )
        if stated is None and len(possible) == 1:
            return possible[0]
        if stated is None:
            raise self.error(
                f"{key}: {columns} columns for {rank} inputs could be "
                f"{' or '.join(possible)}, and the file does not say; give --parametrization, "
                "as the model was built"
            )
        if stated not in possible:
            raise self.error(
                f"{key}: {columns} columns for {rank} inputs are {' or '.join(possible)}, "
                f"not {stated} as stated"
            )
        return stated

    def _warp_rows(self, key: str, weights: npt.NDArray[np.float64]) -> Bits:
        """Rows bool (n, 2**k): below 0 is 1, and a tie is 0.

        Walsh basis function j is -1 to the number of ones in `row & j`. torchlogix adds
        them up first to last in the dtype of the weights; so does this, since rounding
        decides near a tie.
        """
        dtype = self.state.dtype(key)
        if dtype not in ("float32", "float64"):
            raise self.error(
                f"{key} is {dtype}: how warp rounds there depends on the machine; save it as "
                "float32"
            )
        count = weights.shape[1]
        signs = np.ones((1, 1))
        while len(signs) < count:
            signs = np.block([[signs, signs], [signs, -signs]])
        total = np.zeros(weights.shape, dtype)
        for basis in range(count):
            total += weights[:, basis, None].astype(dtype) * signs[basis].astype(dtype)
        rows: Bits = total < 0
        self.near_ties += int((rows != (weights @ signs < 0)).sum())
        return rows

    def wiring(self, name: str) -> Integers:
        """int64 (rank, out) of a dense layer: the fixed inputs, or the best candidates."""
        key, scores = join(name, "connections.indices"), join(name, "connections.weights")
        if key not in self.state.keys:
            raise no_wiring(self.source, self.state)
        if scores not in self.state.keys:
            fixed: Integers = self.state.take(key, (None, None), "int")
            return fixed
        weights = self.state.take(scores, (None, None, None), "float")
        candidates = self.state.take(key, weights.shape, "int")
        if not len(weights):
            raise self.error(f"{scores}: no candidates")
        best = weights.argmax(axis=0)  # the first of equals, as torch
        chosen: Integers = np.take_along_axis(candidates, best[None], axis=0)[0]
        return chosen


def join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def no_wiring(source: Source, state: StateDict) -> InputError:
    return InputError(
        f"{source.path}: this is a torchlogix state dict with gate weights but no wiring.\n"
        f"  keys: {state.describe()}\n"
        "torchlogix before 0.2.1 keeps the connections outside the state dict. Where the model "
        "that was trained can still be made, save them too. For raw gates in dense layers:\n"
        "  state = model.state_dict()\n"
        "  for name, layer in model.named_modules():\n"
        "      if isinstance(layer, LogicDense):\n"
        '          state[name + ".connections.indices"] = torch.stack(list(layer.indices))\n'
        '  torch.save(state, "model.pt")'
    )


def ordered(checkpoint: Checkpoint) -> list[str]:
    """Module paths in the order of their numbers: 2 before 10.

    Raises InputError where words, not numbers, tell two of them apart: the order of the
    forward pass is then not in the file.
    """

    def compare(one: str, two: str) -> int:
        for left, right in zip(one.split("."), two.split("."), strict=False):
            if left == right:
                continue
            if not (re.fullmatch(r"[0-9]{1,9}", left) and re.fullmatch(r"[0-9]{1,9}", right)):
                break
            return int(left) - int(right)
        raise checkpoint.error(
            f"whether {one!r} or {two!r} comes first is not in the file; list the layers, "
            "with their names, in a file for --layers"
        )

    return sorted(checkpoint.modules, key=functools.cmp_to_key(compare))


def dense_only(checkpoint: Checkpoint) -> LayerList:
    """The layers of a file that holds a binarization at most, and then dense layers."""
    kinds = checkpoint.modules
    if "conv" in kinds.values():
        shown = ", ".join(f"{name} ({kind})" for name, kind in list(kinds.items())[:6])
        raise checkpoint.error(
            "a convolutional torchlogix state dict does not hold pooling, padding, flatten, "
            f"GroupSum; list the layers in a file for --layers. In the file: {shown}"
            f"{', ...' if len(kinds) > 6 else ''}"
        )
    layers: list[Layer] = [
        Dense(name) if kinds[name] == "dense" else Binarization(name=name)
        for name in ordered(checkpoint)
    ]
    return LayerList(tuple(layers), "from checkpoint")


def named(checkpoint: Checkpoint, listed: LayerList) -> LayerList:
    """The list with the path of every layer that has tensors: as stated, or the next in order."""
    wanted = list(_with_tensors(listed.layers))
    stated = [layer.name for layer in wanted if layer.name is not None]
    if len(stated) not in (0, len(wanted)):
        raise checkpoint.error("--layers: give the name of every layer with tensors, or of none")
    found = stated or ordered(checkpoint)
    if len(found) != len(wanted):
        raise checkpoint.error(
            f"--layers lists {len(wanted)} layers that have tensors, the file has {len(found)}: "
            f"{', '.join(found[:6])}{', ...' if len(found) > 6 else ''}"
        )
    for name, layer in zip(found, wanted, strict=True):
        kind = type(layer).__name__.lower()
        if checkpoint.modules.get(name) != kind:
            raise checkpoint.error(
                f"--layers: {name!r} is listed as {kind}, but the file has "
                f"{checkpoint.modules.get(name, 'no tensors of it')}"
            )
    _check_blocks(checkpoint, listed.layers, iter(found))
    names = iter(found)
    return replace(listed, layers=tuple(_rename(layer, names) for layer in listed.layers))


def _check_blocks(checkpoint: Checkpoint, layers: tuple[Layer, ...], names: Iterator[str]) -> None:
    """Raise InputError where the list and the paths disagree on what is a residual block."""
    for layer in layers:
        mine = [next(names) for _ in _with_tensors((layer,))]
        matches = [_BRANCH.fullmatch(name) for name in mine]
        blocks = {match["block"] or "" for match in matches if match}
        if isinstance(layer, Residual):
            if None in matches or len(blocks) != 1:
                raise checkpoint.error(
                    f"--layers: a residual is listed where the file has {', '.join(mine)}"
                )
        elif any(block.rpartition(".")[2].isdigit() for block in blocks):
            raise checkpoint.error(
                f"--layers: {mine[0]} belongs to a residual block, and is listed on its own"
            )


def _with_tensors(layers: tuple[Layer, ...]) -> list[Dense | Conv | Binarization]:
    found: list[Dense | Conv | Binarization] = []
    for layer in layers:
        if isinstance(layer, Residual):
            found += _with_tensors(layer.main) + _with_tensors(layer.shortcut)
        elif isinstance(layer, Dense | Conv | Binarization):
            found.append(layer)
    return found


def _rename(layer: Layer, names: Iterator[str]) -> Layer:
    if isinstance(layer, Residual):
        main = tuple(_rename(inner, names) for inner in layer.main)
        return Residual(main, tuple(_rename(inner, names) for inner in layer.shortcut))
    if isinstance(layer, Dense | Conv | Binarization):
        return replace(layer, name=next(names))
    return layer
