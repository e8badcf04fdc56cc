"""Light DLGN / IWP (lukas-ruettgers/difflogic-iwp): one weight for each truth-table entry.

`weights` (out, 4) belong to the inputs 00, 01, 10, 11, the first input leading; an entry
is 1 where the activation of its weight is above 0.5, computed in the weights' own
precision as the framework does. Activation and wiring are not in the file. GroupSum may
have saved flip_mask, bias and weights: what integers cannot express is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lgncc.arrays import Tables
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
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.model import Fact, LogicModel, Readout

_LAYER = {"weights", "grad_mask"}
_GROUP_SUM = {"weights", "bias", "flip_mask"}


def recognize(source: Source) -> str | None:
    state = StateDict.of_or_why(source)
    return state if isinstance(state, str) else _other_than_iwp(state)


def _other_than_iwp(state: StateDict) -> str | None:
    modules = _modules(state)
    layers, end = _split(state, modules)
    if not layers:
        return "no layers with weights (out, 4)"
    for name in modules:
        extra = modules[name] - (_GROUP_SUM if name == end else _LAYER)
        if extra or (name != end and name not in layers):
            return f"has {name}.{min(extra or modules[name])}, which IWP does not save"
    return None


def _modules(state: StateDict) -> dict[str, set[str]]:
    """The names of the tensors of each module, by the module's name, in layer order."""
    found: dict[str, set[str]] = {}
    for key in state.keys:
        module, _, name = key.rpartition(".")
        found.setdefault(module, set()).add(name)
    return {name: found[name] for name in numbered(found, "") or ()}


def _split(state: StateDict, modules: dict[str, set[str]]) -> tuple[list[str], str | None]:
    """The layers, and the GroupSum behind them where it saved anything."""
    layers = [
        name
        for name, tensors in modules.items()
        if "weights" in tensors and state.shape(f"{name}.weights")[1:] == (4,)
    ]
    last = next(reversed(modules), None)
    return layers, None if last is None or last in layers else last


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    given.only("Light (IWP)", *ASSEMBLY_FACTS, *WIRING_FACTS, "activation")
    state = StateDict.of(source)
    other = "no state dict" if state is None else _other_than_iwp(state)
    if state is None or other is not None:
        raise InputError(f"{source.path}: no IWP state dict: {other}")
    modules = _modules(state)
    layers, end = _split(state, modules)
    if given.activation is None:
        raise InputError(
            f"{source.path}: an IWP state dict does not say what made probabilities of its "
            "weights; give --activation sigmoid (sigmoid, sigmoid-st), sin (SIN01, sin-st) or "
            "linear, the act_fn of training"
        )
    tables, ties = [], 0
    for name in layers:
        layer, layer_ties = _tables(state, f"{name}.weights", given.activation)
        tables.append(layer)
        ties += layer_ties
        if "grad_mask" in modules[name]:  # for training
            state.ignore(f"{name}.grad_mask")
    if given.wiring is None:
        way = "save the indices of its layers beside it and give them with --wiring"
        raise no_wiring(source, "Light (IWP)", state.describe(), [way])
    inputs, connections, wiring_facts = given_wiring(
        source, given, [(2, len(layer)) for layer in tables]
    )
    readout, readout_facts = file_readout(source, len(tables[-1]), given)
    if end is not None:
        readout, sum_facts = _group_sum(source, state, end, modules[end], readout)
        readout_facts += sum_facts
    state.finish()
    facts = [
        Fact("gates", "entries 00, 01, 10, 11 of 4 weights", "from checkpoint"),
        Fact("activation", given.activation, "given"),
        *wiring_facts,
    ]
    if ties:
        facts.append(
            Fact("ties", f"{ties} entries at exactly 0.5 are 0, as on CUDA", "derived, exact")
        )
    return assemble(
        source,
        READER.name,
        given,
        inputs,
        list(zip(tables, connections, strict=True)),
        (readout, readout_facts),
        facts,
    )


def _tables(state: StateDict, key: str, activation: str) -> tuple[Tables, int]:
    """Truth tables (out,), and how many entries are at 0.5, where CPU and CUDA differ."""
    import torch

    activations: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "sigmoid": torch.sigmoid,
        "sin": lambda w: 0.5 + 0.5 * torch.sin(w),
        "linear": lambda w: torch.clamp(w, 0, 1),
    }
    weights = torch.from_numpy(state.take(key, (None, 4), "float"))
    probability = activations[activation](weights.to(getattr(torch, state.dtype(key))))
    ties = int((probability == 0.5).sum())
    return tables_from_rows((probability > 0.5).numpy(), first_fanin="msb"), ties


def _group_sum(
    source: Source, state: StateDict, name: str, tensors: set[str], readout: Readout
) -> tuple[Readout, list[Fact]]:
    """The readout with what GroupSum saved. Raises InputError where integers cannot say it."""
    if readout.kind == "bits":
        raise InputError(f"{source.path}: {name} is a GroupSum with parameters; give --classes")
    n, facts = len(readout.output), []
    if "weights" in tensors and (state.take(f"{name}.weights", (n,), "float") != 1).any():
        raise InputError(
            f"{source.path}: {name}.weights scales each output by a learned factor, which sums of "
            "bits cannot express; train with use_weights=False"
        )
    if "flip_mask" in tensors:
        flip = state.take(f"{name}.flip_mask", (n,), "bool")
        flips = np.bincount(readout.klass[flip], minlength=readout.n_classes)
        readout = replace(
            readout,
            weight=np.where(flip, -readout.weight, readout.weight),
            bias=readout.bias + flips,
        )
        facts.append(Fact("flip_mask", f"{int(flip.sum())} outputs", "from checkpoint"))
    if "bias" in tensors:
        shift = state.take(f"{name}.bias", (readout.n_classes,), "float") * readout.tau
        # Past a power of two, the framework's rounding of count / tau would decide ties.
        exact = math.frexp(readout.tau)[0] == 0.5 and (np.abs(shift) < 1 << 20).all()
        if shift.any() and not (exact and (shift == np.rint(shift)).all()):
            raise InputError(
                f"{source.path}: {name}.bias is no multiple of 1/tau, with tau a power of two (it "
                f"is {readout.tau:g}); integer scores cannot express it. Train with use_bias=False"
            )
        readout = replace(readout, bias=readout.bias + shift.astype(np.int64))
        facts.append(Fact("bias", "added to the scores", "from checkpoint"))
    return readout, facts


READER = Reader("iwp", recognize, read)
