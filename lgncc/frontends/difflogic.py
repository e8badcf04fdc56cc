"""Checkpoints of difflogic and its forks (gumbel-lgn, vicharak): state dicts and modules.

A gate is the argmax of 16 weights. The state dict has nothing else: wiring comes from
`--wiring`, or is drawn again from the seed and then has to answer `--check`. A module,
`torch.save(model)`, has wiring and GroupSum. Neither says what an input is: training
evaluates `x.round()`, the compiled path `x > 0`; `--threshold` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lgncc.arrays import Integers, Tables
from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_difflogic
from lgncc.frontends.dense import (
    ASSEMBLY_FACTS,
    WIRING_FACTS,
    assemble,
    file_readout,
    given_wiring,
    no_wiring,
    numbered,
)
from lgncc.frontends.difflogic_replay import Replay
from lgncc.frontends.pickles import StandIn, in_order, load_modules, names_in
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.model import Fact, LogicModel

LOGIC_LAYER = "difflogic.difflogic.LogicLayer"
GROUP_SUM = "difflogic.difflogic.GroupSum"
GATES = Fact("gates", "argmax of 16 weights, the first of equals", "from checkpoint")
REPLAY_FACTS = ("replay_seed", "replay_connections", "replay_device", "replay_split")

# Attributes that a module's answer in eval mode does not depend on, and those that are read.
_LAYER_ATTRIBUTES = frozenset(
    {"weights", "indices", "in_dim", "out_dim", "connections"}
    | {"device", "grad_factor", "implementation", "num_neurons", "num_weights"}
    | {"given_x_indices_of_y", "given_x_indices_of_y_start"}
    | {"stochastic", "gumbel_tau", "sigma", "init"}  # gumbel-lgn, for training
    | {"weight_init_choice", "grad_mask"}  # the IWP repository's, for training
    | {"res_connect_fraction", "num_res_connections"}  # already in indices and weights
)
_SUM_ATTRIBUTES = frozenset({"k", "tau", "device"})


def recognize(source: Source) -> str | None:
    if LOGIC_LAYER in names_in(source):
        return None
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return f"{state}, and no module with {LOGIC_LAYER}"
    layers = numbered(state.keys, "weights")
    if layers is None or not all(state.shape(f"{layer}weights")[1:] == (16,) for layer in layers):
        return "no layers with weights (out, 16)"
    known = {f"{layer}{name}" for layer in layers for name in ("weights", "grad_mask")}
    other = [key for key in state.keys if key not in known]
    return f"has {other[0]}, which difflogic does not save" if other else None


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    if LOGIC_LAYER in names_in(source):
        return _read_module(source, given)
    given.only("difflogic", *ASSEMBLY_FACTS, *WIRING_FACTS, *REPLAY_FACTS)
    state = StateDict.of(source)
    names = None if state is None else numbered(state.keys, "weights")
    if state is None or names is None:
        raise InputError(f"{source.path}: no difflogic state dict; layers are named <i>.weights")
    tables = []
    for name in names:
        if f"{name}grad_mask" in state.keys:
            state.ignore(f"{name}grad_mask")
        tables.append(_tables(state, f"{name}weights"))
    state.finish()
    config = _config(source)
    inputs, connections, wiring_facts = _connections(source, state, given, list(map(len, tables)))
    sizes = [len(layer) for layer in tables]
    _agree_with_config(source, config, given, sizes)
    readout = file_readout(source, sizes[-1], given, tau=config.get("tau"))
    layers = list(zip(tables, connections, strict=True))
    return assemble(source, READER.name, given, inputs, layers, readout, [GATES, *wiring_facts])


def _tables(state: StateDict, key: str) -> Tables:
    weights = state.take(key, (None, 16), "float")
    return tables_from_difflogic(weights.argmax(axis=1))


def _config(source: Source) -> Mapping[str, Any]:
    """What gumbel-lgn notes beside the state dict: seed, tau, num_layers, num_neurons."""
    content = source.checkpoint
    config = content.get("config") if isinstance(content, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _agree_with_config(
    source: Source, config: Mapping[str, Any], given: GivenFacts, sizes: list[int]
) -> None:
    for name, found in (("num_layers", {len(sizes)}), ("num_neurons", set(sizes))):
        if name in config and found != {config[name]}:
            raise InputError(
                f"{source.path}: its config says {name} = {config[name]!r}, "
                f"its weights say {', '.join(map(str, sorted(found)))}"
            )
    if config.get("seed") is not None:
        source.agree("replay_seed", config["seed"], given.replay_seed)


def _connections(
    source: Source, state: StateDict, given: GivenFacts, sizes: list[int]
) -> tuple[int, list[Integers], list[Fact]]:
    """Input bits and each layer's int64 (2, out), from --wiring or --replay-seed."""
    if given.replay_seed is None:
        stray = [name for name in REPLAY_FACTS if getattr(given, name) is not None]
        if stray:
            option = stray[0].replace("_", "-")
            raise InputError(f"{source.path}: --{option} has no meaning without --replay-seed")
        if given.wiring is not None:
            return given_wiring(source, given, [(2, size) for size in sizes])
        raise no_wiring(
            source,
            "difflogic",
            state.describe(),
            [
                'save the whole model: torch.save(model, "model.pt")',
                "save the connections beside it and give them with --wiring",
                "give the seed it was built with: --replay-seed 0 --check data.npz",
            ],
        )
    if given.wiring is not None:
        raise InputError(f"{source.path}: --wiring and --replay-seed both give the connections")
    if given.check is None:
        raise InputError(
            f"{source.path}: --replay-seed needs --check, data that tells the right wiring from "
            "a wrong one: an .npz with x and y, and --check-accuracy"
        )
    if given.replay_connections is None or given.replay_device is None or given.input_bits is None:
        raise InputError(
            f"{source.path}: --replay-seed also needs --input-bits, --replay-connections (unique "
            "in difflogic's main.py, random where LogicLayer was not told) and --replay-device "
            "(cuda or cpu, where the layers were made)"
        )
    replay = Replay(
        given.replay_seed, given.replay_connections, given.replay_device, given.replay_split
    )
    try:
        connections = replay.draw(given.input_bits, sizes)
    except InputError as error:
        raise InputError(f"{source.path}: {error}") from error
    split = "" if replay.split is None else f", after a split of {replay.split}"
    how = f"{replay.connections}, {replay.device}{split}"
    return (
        given.input_bits,
        connections,
        [Fact("wiring", f"replayed from seed {replay.seed} ({how})", "given")],
    )


# Whole modules.


def _read_module(source: Source, given: GivenFacts) -> LogicModel:
    given.only("difflogic module", *ASSEMBLY_FACTS, "input_bits")
    modules = in_order(source, load_modules(source, (LOGIC_LAYER, GROUP_SUM)))
    sums = [module for module in modules if module.kind == GROUP_SUM]
    layers = [module for module in modules if module.kind == LOGIC_LAYER]
    if not layers or sums not in ([], modules[-1:]):
        shape = ", ".join(module.kind.rpartition(".")[2] for module in modules[:8])
        raise InputError(f"{source.path}: {shape}; expected LogicLayers, then one GroupSum")
    read_layers = [_layer(source, f"layer {i}", layer) for i, layer in enumerate(layers)]
    width = inputs = source.agree("input_bits", read_layers[0][0], given.input_bits)
    for number, (wanted, tables, _) in enumerate(read_layers):
        if wanted != width:
            raise InputError(
                f"{source.path}: layer {number} takes {wanted} inputs, the one before makes {width}"
            )
        width = len(tables)
    end = _attributes(source, sums[0], _SUM_ATTRIBUTES) if sums else {}
    readout = file_readout(source, width, given, classes=end.get("k"), tau=end.get("tau"))
    facts = [GATES, Fact("wiring", "indices of every layer", "from checkpoint")]
    pairs = [(tables, connections) for _, tables, connections in read_layers]
    return assemble(source, READER.name, given, inputs, pairs, readout, facts)


def _layer(source: Source, name: str, layer: StandIn) -> tuple[int, Tables, Integers]:
    """in_dim, truth tables (out,), connections int64 (2, out) of one LogicLayer."""
    import torch

    found = _attributes(source, layer, _LAYER_ATTRIBUTES)
    indices = found.get("indices")
    if isinstance(indices, torch.Tensor):
        indices = tuple(indices[:3]) if indices.ndim == 2 else None
    pair = indices if isinstance(indices, tuple | list) else ()
    tensors = {"weights": found.get("weights")} | {
        f"indices {slot}": index for slot, index in enumerate(pair)
    }
    if len(pair) != 2 or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise InputError(f"{source.path}: {name} needs weights and two rows of indices as tensors")
    state = StateDict(source, {f"{name} {key}": value for key, value in tensors.items()})
    tables = _tables(state, f"{name} weights")
    size = len(tables)
    connections = np.stack(
        [state.take(f"{name} indices {slot}", (size,), "int") for slot in (0, 1)]
    )
    if found.get("out_dim") != size or type(found.get("in_dim")) is not int:
        raise InputError(
            f"{source.path}: {name} says in_dim = {found.get('in_dim')!r} and "
            f"out_dim = {found.get('out_dim')!r}, its weights are of {size} gates"
        )
    return found["in_dim"], tables, connections


def _attributes(source: Source, module: StandIn, known: frozenset[str]) -> dict[str, Any]:
    found = module.attributes()
    unknown = sorted(found.keys() - known)
    if unknown:
        raise InputError(
            f"{source.path}: a {module.kind} has {', '.join(unknown[:6])}, which is not "
            "difflogic's; what it computes is not known. Save the state dict and the connections"
        )
    return found


READER = Reader("difflogic", recognize, read)
