"""Torchlogix (0.2.1 on): state dicts, and modules pickled whole where the user trusts them.

The state dict gives gates, wiring and thresholds; `--layers` or the pickled module gives
what it lacks. Read as torchlogix evaluates in eval mode; an exported copy (`_export_…`)
is ignored.
"""

from __future__ import annotations

import re

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.errors import InputError
from lgncc.frontends.common import group_readout
from lgncc.frontends.image import or_all
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.frontends.torchlogix_conv import conv, or_pool
from lgncc.frontends.torchlogix_inputs import encoder
from lgncc.frontends.torchlogix_layers import (
    Binarization,
    Conv,
    Dense,
    Flatten,
    GroupSum,
    Layer,
    LayerList,
    OrPool,
    Residual,
    from_toml,
)
from lgncc.frontends.torchlogix_pickle import is_pickled_module, load_module
from lgncc.frontends.torchlogix_state import Checkpoint, dense_only, join, named
from lgncc.model import Fact, LogicModel, Readout
from lgncc.model import Source as Origin

# Without these, a file of plain `weight` tensors could be of any framework.
_OWN_KEY = re.compile(r"(?:.+\.)?(?:connections\.(?:indices|_indices_L\d+)|tree_weights\.\d+.*)")
_WEIGHT = re.compile(r"(?:.+\.)?weight")


def recognize(source: Source) -> str | None:
    if is_pickled_module(source):
        return None
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return state
    if any(_OWN_KEY.fullmatch(key) for key in state.keys):
        return None
    # Files before 0.2.1: gate weights alone. `read` says what they lack.
    gates = all(
        _WEIGHT.fullmatch(key) and len(state.shape(key)) == 2 and state.shape(key)[1] in (4, 16)
        for key in state.keys
    )
    return None if gates else "no connections.indices and no tree_weights"


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed, or lacks facts that are not given."""
    given.only(
        "torchlogix", "classes", "tau", "input_bits", "input_shape", "input_format", "threshold",
        "layers", "trust_pickle", "parametrization",
    )  # fmt: skip
    checkpoint, listed = _open(source, given)
    encoding, shape = encoder(checkpoint, listed, given)
    builder = NetlistBuilder(encoding.n_bits)
    signals = builder.inputs.reshape(shape)
    body = listed.layers[1:] if isinstance(listed.layers[0], Binarization) else listed.layers
    last = body[-1] if body and isinstance(body[-1], GroupSum) else None
    signals = _run(checkpoint, builder, body[:-1] if last else body, signals)
    checkpoint.state.finish()
    readout = _readout(checkpoint, last, signals, listed.origin, given)
    return LogicModel(
        encoding,
        builder.finish(signals.reshape(-1)),
        readout,
        source.provenance(READER.name, _facts(checkpoint, listed) + checkpoint.facts),
    )


def _open(source: Source, given: GivenFacts) -> tuple[Checkpoint, LayerList]:
    """The tensors, and the layers by their paths in them."""
    if is_pickled_module(source):
        if not given.trust_pickle:
            raise InputError(
                f"{source.path}: this is a whole torchlogix model, pickled; reading it can run any "
                "code in it. Either\n"
                "  - trust it: --trust-pickle, with the package torchlogix installed, or\n"
                '  - save its tensors alone: torch.save(model.state_dict(), "model.pt")'
            )
        if given.layers is not None or given.parametrization is not None:
            raise InputError(
                f"{source.path}: the pickled model states its layers and parametrization; leave "
                "--layers and --parametrization out"
            )
        state, listed = load_module(source)
        checkpoint = Checkpoint(source, state, None)
    else:
        tensors = StateDict.of(source)
        if tensors is None:
            raise InputError(f"{source.path}: not a state dict of torchlogix")
        checkpoint = Checkpoint(source, tensors, given.parametrization)
        if given.layers is None:
            if given.input_shape is not None:
                raise InputError(
                    f"{source.path}: --input-shape needs --layers: how the sample is flattened is "
                    "not in the file"
                )
            listed = dense_only(checkpoint)
        else:
            listed = from_toml(given.layers)
            if None not in (listed.parametrization, given.parametrization):
                source.agree("parametrization", listed.parametrization, given.parametrization)
            checkpoint.parametrization = listed.parametrization or given.parametrization
    listed = named(checkpoint, listed)
    if not any(isinstance(layer, Dense | Conv | Residual) for layer in listed.layers):
        raise InputError(f"{source.path}: no layer of gates in it")
    return checkpoint, listed


def _run(
    checkpoint: Checkpoint, builder: NetlistBuilder, layers: tuple[Layer, ...], signals: Ids
) -> Ids:
    for layer in layers:
        match layer:
            case Dense():
                signals = _dense(checkpoint, builder, layer, signals)
            case Conv():
                signals = conv(checkpoint, builder, layer, signals)
            case OrPool():
                signals = or_pool(checkpoint, builder, layer, signals)
            case Flatten():
                signals = signals.reshape(-1)
            case Residual():
                branches = [
                    _run(checkpoint, builder, branch, signals)
                    for branch in (layer.main, layer.shortcut)
                ]
                if branches[0].shape != branches[1].shape:
                    raise checkpoint.error(
                        f"residual: the branches have shapes {branches[0].shape} and "
                        f"{branches[1].shape}"
                    )
                signals = or_all(builder, np.stack(branches, axis=-1))
            case Binarization():
                raise checkpoint.error("a binarization can only be the first layer")
            case GroupSum():
                raise checkpoint.error("a GroupSum can only be the last layer")
    return signals


def _dense(checkpoint: Checkpoint, builder: NetlistBuilder, layer: Dense, signals: Ids) -> Ids:
    """(..., in) to (..., out): gates on the last dimension, as in torchlogix."""
    name = layer.name or ""
    wiring = checkpoint.wiring(name)
    rank, out = wiring.shape
    tables = checkpoint.tables(join(name, "weight"), rank, layer.parametrization)
    if tables.shape != (out,):
        raise checkpoint.error(f"{name}: {tables.size} gates, but wiring for {out}")
    width = signals.shape[-1]
    if wiring.size and not 0 <= wiring.min() <= wiring.max() < width:
        bad = wiring[(wiring < 0) | (wiring >= width)][0]
        raise checkpoint.error(
            f"{join(name, 'connections.indices')} is out of range: it reads input {bad}, but what "
            f"comes before has {width}; are the layers in this order?"
        )
    candidates = checkpoint.state.shape(join(name, "connections.indices"))
    if len(candidates) == 3 and candidates[0] > width:
        raise checkpoint.error(
            f"{join(name, 'connections.indices')} has {candidates[0]} candidates, but what comes "
            f"before has {width} signals; are the layers in this order?"
        )
    fanin = np.moveaxis(signals[..., wiring], -2, -1)
    spread = np.broadcast_to(tables, fanin.shape[:-1])
    return builder.luts(spread.reshape(-1), fanin.reshape(-1, rank)).reshape(spread.shape)


def _readout(
    checkpoint: Checkpoint,
    last: GroupSum | None,
    signals: Ids,
    origin: Origin,
    given: GivenFacts,
) -> Readout:
    source = checkpoint.source
    if last is None:
        if given.classes is not None and signals.ndim > 1:
            raise checkpoint.error(
                f"--classes: the outputs have shape {signals.shape}; list flatten as the last layer"
            )
        readout, facts = group_readout(source, signals.size, given)
        checkpoint.facts += facts
        return readout
    source.agree("classes", last.classes, given.classes)
    if signals.ndim > 1:
        raise checkpoint.error(
            f"group_sum: what comes before it has shape {signals.shape}; list a flatten"
        )
    tau = given.tau or 1.0
    if last.tau is not None:
        tau = source.agree("tau", last.tau, given.tau)
    try:
        readout = Readout.group_sum(signals.size, last.classes, tau=tau, beta=last.beta)
    except InputError as error:
        raise checkpoint.error(str(error)) from error
    text = f"GroupSum, {last.classes} contiguous groups, tau {tau:g}, beta {last.beta:g}"
    checkpoint.facts.append(Fact("readout", text, origin))
    return readout


def _facts(checkpoint: Checkpoint, listed: LayerList) -> list[Fact]:
    kinds = [type(layer).__name__ for layer in listed.layers]
    gates = "; ".join(sorted(checkpoint.found_parametrizations))
    stated = checkpoint.parametrization is not None or any(
        getattr(layer, "parametrization", None) for layer in listed.layers
    )
    facts = [
        Fact("layers", ", ".join(kinds), listed.origin),
        Fact("gates", gates, "given" if stated else "derived, exact"),
        Fact("wiring", "connections of every layer", "from checkpoint"),
    ]
    if checkpoint.near_ties:
        text = f"{checkpoint.near_ties} table rows where rounding decides, as in the framework"
        facts.append(Fact("near ties", text, "derived, exact"))
    return facts


READER = Reader("torchlogix", recognize, read)
