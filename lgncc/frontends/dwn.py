"""Checkpoints of torch_dwn (alanbacellar/DWN): lookup tables of n inputs behind a thermometer.

A layer's `luts` are float (out, 2**n); a node outputs 1 where its entry is above 0, and
its input l is bit l of the address, lowest first. `mapping` int (out, n) says which nodes
it reads, or `mapping.weights` (in, out * n), where the argmax of each column does.

A state dict lacks three things. The thermometer is an object of its own: its thresholds
may stand beside the state dict in the file, or come with --thermometer. GroupSum and its
`randperm` are plain attributes: --classes, and --randperm, which has to be said, because a
permutation that is ignored leaves a network at chance. Whether the last layer was built
with `ste=False`, so that its real-valued entries were summed, shows nowhere; the reader
takes the default, a bit a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.check import check_answers
from lgncc.frontends.common import group_readout, tables_from_rows, threshold_encoder
from lgncc.frontends.dense import ASSEMBLY_FACTS, numbered
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.frontends.thermometer import (
    Thresholds,
    check_thresholds,
    read_thresholds,
    thermometer_encoder,
)
from lgncc.frontends.wiring import check_wiring
from lgncc.model import Fact, LogicModel, Readout
from lgncc.model import Source as Origin
from lgncc.netlist import MAX_FANINS
from lgncc.storage import read_npz

BESIDE = ("thermometer", "thresholds")
"""Keys beside the state dict in a file under which thresholds may stand."""
DUMMY = "_LUTLayer__dummy_mapping"  # (out, n) counted up: of no meaning


def recognize(source: Source) -> str | None:
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return state
    layers = numbered(state.keys, "luts")
    if layers is None:
        return "no layers with luts"
    lacking = [
        f"{layer}luts"
        for layer in layers
        if not {f"{layer}mapping", f"{layer}mapping.weights"} & set(state.keys)
    ]
    return f"{lacking[0]} without a mapping" if lacking else None


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    given.only("torch_dwn", *ASSEMBLY_FACTS, "input_bits", "thermometer", "randperm")
    state = StateDict.of(source)
    names = None if state is None else numbered(state.keys, "luts")
    if state is None or names is None:
        raise InputError(f"{source.path}: no torch_dwn state dict; layers are named <i>.luts")
    layers = [_layer(source, state, name) for name in names]
    for key in (*BESIDE, "randperm"):  # read by `_beside`, where the file is one flat dict
        state.ignore(key)
    state.finish()
    encoder, facts = _encoder(source, given, layers[0])
    check_wiring(source, encoder.n_bits, [layer.mapping.T for layer in layers])
    _check_widths(source, encoder.n_bits, layers, names)

    builder = NetlistBuilder(encoder.n_bits)
    signals: Ids = builder.inputs
    for layer in layers:
        tables = tables_from_rows(layer.entries, first_fanin="lsb")
        signals = builder.luts(tables, signals[layer.mapping])
    signals, readout, readout_facts = _readout(source, given, signals)
    sizes = [encoder.n_bits, *(len(layer.mapping) for layer in layers)]
    known = [
        Fact("network", "-".join(map(str, sizes)), "from checkpoint"),
        Fact("nodes", f"luts > 0, of {_inputs_of(layers)} inputs", "from checkpoint"),
        Fact("wiring", "mapping of every layer", "from checkpoint"),
        *facts,
        *readout_facts,
    ]
    model = LogicModel(
        encoder, builder.finish(signals), readout, source.provenance("torch_dwn", known)
    )
    known += check_answers(source, model, given)
    return LogicModel(encoder, model.netlist, readout, source.provenance("torch_dwn", known))


@dataclass(frozen=True)
class _Layer:
    """entries: bool (out, 2**n); mapping: int64 (out, n); width: of its input, where known."""

    entries: npt.NDArray[np.bool_]
    mapping: Integers
    width: int | None


def _layer(source: Source, state: StateDict, name: str) -> _Layer:
    luts = state.take(f"{name}luts", (None, None), "float")
    n_out, rows = luts.shape
    n = rows.bit_length() - 1
    if rows != 1 << n or not 1 <= n <= MAX_FANINS or not n_out:
        raise InputError(
            f"{source.path}: {name}luts has shape {luts.shape}; (out, 2**n) with n from 1 to "
            f"{MAX_FANINS} are read"
        )
    if f"{name}mapping" in state.keys:
        return _Layer(luts > 0, state.take(f"{name}mapping", (n_out, n), "int"), None)
    weights = state.take(f"{name}mapping.weights", (None, n_out * n), "float")
    if not len(weights):
        raise InputError(f"{source.path}: {name}mapping.weights chooses among no inputs")
    if name + DUMMY in state.keys:
        dummy = state.take(name + DUMMY, (n_out, n), "int")
        if not np.array_equal(dummy.reshape(-1), np.arange(n_out * n)):
            raise InputError(f"{source.path}: {name}{DUMMY} does not count up")
    return _Layer(luts > 0, weights.argmax(axis=0).reshape(n_out, n), len(weights))


def _inputs_of(layers: list[_Layer]) -> str:
    return ", ".join(dict.fromkeys(str(layer.mapping.shape[1]) for layer in layers))


def _check_widths(source: Source, inputs: int, layers: list[_Layer], names: list[str]) -> None:
    width = inputs
    for name, layer in zip(names, layers, strict=True):
        if layer.width not in (None, width):
            raise InputError(
                f"{source.path}: {name}mapping.weights chooses among {layer.width} inputs; "
                f"what comes before it has {width}"
            )
        width = len(layer.mapping)


def _beside(source: Source) -> Mapping[str, Any]:
    """What stands beside the state dict, where the file is a dict that wraps one."""
    content = source.checkpoint
    return content if isinstance(content, Mapping) else {}


def _encoder(source: Source, given: GivenFacts, first: _Layer) -> tuple[Encoder, list[Fact]]:
    thresholds, origin = _thresholds(source, given)
    if thresholds is not None:
        levels = thresholds.shape[-1]
        if thresholds.ndim == 2:
            bits = source.agree("input_bits", thresholds.size, given.input_bits)
        else:
            bits = _bits(source, given, first)
            thresholds = np.tile(thresholds, (-(-bits // levels), 1))
        if thresholds.size != bits:
            raise InputError(
                f"{source.path}: {bits} input bits are no multiple of the thermometer's {levels}"
            )
        features = len(thresholds)
        feature = np.repeat(np.arange(features), levels)
        return thermometer_encoder(source, given, thresholds.reshape(-1), feature, features, origin)
    return threshold_encoder(source, _bits(source, given, first), given)


def _bits(source: Source, given: GivenFacts, first: _Layer) -> int:
    if first.width is not None:
        return source.agree("input_bits", first.width, given.input_bits)
    if given.input_bits is None:
        raise InputError(
            f"{source.path}: the first layer reads inputs up to number {first.mapping.max()}, and "
            "may have been built for more; give --input-bits N, or --thermometer FILE"
        )
    return given.input_bits


def _thresholds(source: Source, given: GivenFacts) -> tuple[Thresholds | None, Origin]:
    import torch

    beside = _beside(source)
    found = [key for key in BESIDE if key in beside]
    if not found:
        return (None if given.thermometer is None else read_thresholds(given.thermometer)), "given"
    if given.thermometer is not None or len(found) > 1:
        raise InputError(
            f"{source.path}: holds {' and '.join(found)}; leave --thermometer and any other out"
        )
    tensor = beside[found[0]]
    where = f"{source.path}: {found[0]}"
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        raise InputError(f"{where} is no plain tensor; save thermometer.thresholds")
    if tensor.is_quantized or tensor.is_complex() or tensor.dtype == torch.bool:
        raise InputError(f"{where} is {tensor.dtype}; numbers are needed")
    return check_thresholds(where, tensor.to(torch.float64).numpy()), "from checkpoint"


def _readout(source: Source, given: GivenFacts, outputs: Ids) -> tuple[Ids, Readout, list[Fact]]:
    """GroupSum: outputs permuted, then padded with 0 to a multiple of the classes."""
    if given.classes is None:
        if given.randperm is not None:
            raise InputError(f"{source.path}: --randperm needs --classes; it is GroupSum's")
        readout, facts = group_readout(source, len(outputs), given)
        return outputs, readout, facts
    permutation, fact = _permutation(source, given, len(outputs))
    if not 1 <= given.classes <= len(outputs):
        raise InputError(
            f"{source.path}: --classes {given.classes}: there are {len(outputs)} outputs"
        )
    padding = -len(outputs) % given.classes
    padded = np.concatenate([outputs[permutation], np.zeros(padding, np.int32)])
    readout, facts = group_readout(source, len(padded), given)
    if padding:
        facts.append(Fact("padding", f"{padding} outputs of 0", "derived, exact"))
    return padded, readout, [fact, *facts]


def _permutation(source: Source, given: GivenFacts, n: int) -> tuple[Integers, Fact]:
    beside = _beside(source)
    if "randperm" in beside:
        if given.randperm is not None:
            raise InputError(f"{source.path}: holds randperm; leave --randperm out")
        stated = beside["randperm"]
        if stated is None or stated is False:
            return np.arange(n), Fact("randperm", "none", "from checkpoint")
        array = np.asarray(stated.numpy() if hasattr(stated, "numpy") else stated)
        where = f"{source.path}: randperm"
        return _checked(where, array, n), Fact("randperm", "of GroupSum", "from checkpoint")
    if given.randperm is None:
        raise InputError(
            f"{source.path}: torch_dwn's GroupSum may permute the outputs, and a state dict does "
            "not say so; give --randperm none if it was built without randperm, else --randperm "
            'FILE: np.savez("randperm.npz", randperm=group_sum.randperm)'
        )
    if given.randperm == Path("none"):
        return np.arange(n), Fact("randperm", "none", "given")
    arrays = read_npz(given.randperm)
    if arrays.keys() != {"randperm"}:
        raise InputError(
            f"{given.randperm}: holds {', '.join(sorted(arrays)) or 'nothing'}, not randperm"
        )
    permutation = _checked(f"{given.randperm}: randperm", arrays["randperm"], n)
    return permutation, Fact("randperm", given.randperm.name, "given")


def _checked(where: str, array: npt.NDArray[Any], n: int) -> Integers:
    if array.dtype.kind not in "iu" or not np.array_equal(np.sort(array.reshape(-1)), np.arange(n)):
        raise InputError(f"{where} is no permutation of the {n} outputs")
    return array.reshape(-1).astype(np.int64)


READER = Reader("torch_dwn", recognize, read)
