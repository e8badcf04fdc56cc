"""Checkpoints of llnn (PyPI `llnn`): layers of lookup tables of k inputs.

An entry is 1 where softmax((w, w_comp)) rounds to 1, which is w > w_comp but for
differences that the softmax rounds away; the first input is the highest address bit.
`indices` (k, n) is a plain attribute: a module has it, a state dict needs `--wiring`.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Integers, Tables
from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_rows
from lgncc.frontends.dense import (
    ASSEMBLY_FACTS,
    WIRING_FACTS,
    assemble,
    file_readout,
    given_wiring,
    no_wiring,
    numbered,
)
from lgncc.frontends.pickles import StandIn, in_order, load_modules, names_in
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.model import Fact, LogicModel
from lgncc.netlist import MAX_FANINS

LUT_LAYER = "llnn.lutlayer.LUTLayer"
AGGREGATION = "llnn.lutlayer.Aggregation"
LUT_NN = "llnn.lutnn.LUTNN"
ENTRIES = Fact("entries", "softmax(w, w_comp) rounded, first input highest", "from checkpoint")


def recognize(source: Source) -> str | None:
    if LUT_LAYER in names_in(source):
        return None
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return f"{state}, and no module with {LUT_LAYER}"
    layers = numbered(state.keys, "w") or []
    if layers and set(state.keys) == {f"{name}{w}" for name in layers for w in ("w", "w_comp")}:
        return None
    return "not w and w_comp of each layer, and nothing else"


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    if LUT_LAYER in names_in(source):
        return _read_module(source, given)
    given.only("llnn", *ASSEMBLY_FACTS, *WIRING_FACTS)
    state = StateDict.of(source)
    names = None if state is None else numbered(state.keys, "w")
    if state is None or names is None:
        raise InputError(f"{source.path}: no llnn state dict; layers are named <i>.w")
    tables, shapes = [], []
    for name in names:
        layer, k = _tables(source, state, f"{name}w", f"{name}w_comp")
        tables.append(layer)
        shapes.append((k, len(layer)))
    state.finish()
    if given.wiring is None:
        ways = [
            'save the whole model: torch.save(model, "model.pt")',
            "save the indices of its layers beside it and give them with --wiring",
        ]
        raise no_wiring(source, "llnn", state.describe(), ways)
    inputs, connections, wiring_facts = given_wiring(source, given, shapes)
    layers = list(zip(tables, connections, strict=True))
    readout = file_readout(source, len(tables[-1]), given)
    return assemble(source, READER.name, given, inputs, layers, readout, [ENTRIES, *wiring_facts])


def _tables(source: Source, state: StateDict, key: str, other: str) -> tuple[Tables, int]:
    """Truth tables (n,) of one layer, and its k."""
    import torch

    w = state.take(key, (None, None), "float")
    complement = state.take(other, w.shape, "float")
    k = w.shape[1].bit_length() - 1
    if w.shape[1] != 1 << k or not 1 <= k <= MAX_FANINS:
        raise InputError(
            f"{source.path}: {key} has {w.shape[1]} entries a lookup table; 2 to "
            f"{1 << MAX_FANINS}, a power of two, are read"
        )
    dtype = getattr(torch, state.dtype(key))
    share = torch.stack([torch.from_numpy(w).to(dtype), torch.from_numpy(complement).to(dtype)])
    rows = torch.softmax(share, dim=0)[0].round().bool().numpy()
    return tables_from_rows(rows, first_fanin="msb"), k


def _read_module(source: Source, given: GivenFacts) -> LogicModel:
    given.only("llnn module", *ASSEMBLY_FACTS, "input_bits")
    root = load_modules(source, (LUT_LAYER, AGGREGATION, LUT_NN))
    modules = in_order(source, root, wrappers=(LUT_NN,))
    sums = [module for module in modules if module.kind == AGGREGATION]
    luts = [module for module in modules if module.kind == LUT_LAYER]
    if not luts or sums not in ([], modules[-1:]):
        shape = ", ".join(module.kind.rpartition(".")[2] for module in modules[:8])
        raise InputError(f"{source.path}: {shape}; expected LUTLayers, then one Aggregation")
    if given.input_bits is None:
        raise InputError(
            f"{source.path}: an llnn module does not say how many inputs its first layer takes; "
            "give --input-bits, the input_dim of its constructor"
        )
    layers = [_layer(source, f"layer {i}", layer) for i, layer in enumerate(luts)]
    end = sums[0].attributes() if sums else {}
    if unknown := sorted(end.keys() - {"num_classes", "tau"}):
        raise InputError(f"{source.path}: Aggregation has {unknown[0]}, which is not llnn's")
    readout = file_readout(
        source, len(layers[-1][0]), given, classes=end.get("num_classes"), tau=end.get("tau")
    )
    facts = [ENTRIES, Fact("wiring", "indices of every layer", "from checkpoint")]
    return assemble(source, READER.name, given, given.input_bits, layers, readout, facts)


def _layer(source: Source, name: str, layer: StandIn) -> tuple[Tables, Integers]:
    """Truth tables (n,) and connections int64 (k, n) of one LUTLayer."""
    import torch

    found = layer.attributes()
    tensors = {key: found.get(key) for key in ("w", "w_comp", "indices")}
    unknown = sorted(found.keys() - {*tensors, "n_luts", "lut_size"})
    if unknown or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        what = f"has {unknown[0]}, which is not llnn's" if unknown else "lacks a tensor"
        raise InputError(f"{source.path}: {name} {what}; it needs w, w_comp and indices")
    state = StateDict(source, {f"{name} {key}": value for key, value in tensors.items()})
    tables, k = _tables(source, state, f"{name} w", f"{name} w_comp")
    connections = state.take(f"{name} indices", (k, len(tables)), "int")
    return tables, connections.astype(np.int64)


READER = Reader("llnn", recognize, read)
