"""Lemma "model": two models answer alike, encoder included, as far as their networks go.

What is mapped is the optimized model less the network inputs that nothing reads, so the encoder is
not the same. The readout must be: equal outputs are then equal answers.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Readout
from lgncc.netlist import Netlist
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Lemma, RefutedError
from lgncc.verify.reference import append_model

LEMMA = "model"


def prove_same_model(before: LogicModel, after: LogicModel) -> Lemma:
    """Outputs and next states are the same functions of the packed input vector and the state, and
    all else is equal. Raises RefutedError where not."""
    for part, ours, theirs in (
        ("readout is", before.readout, after.readout),
        ("features are", _formats(before.encoder), _formats(after.encoder)),
    ):
        if not _same(ours, theirs):
            raise RefutedError(LEMMA, f"the {part} not the model's")
    sizes = [(len(m.netlist.outputs), m.netlist.reset.tolist()) for m in (before, after)]
    if sizes[0] != sizes[1]:
        raise RefutedError(LEMMA, "another number of outputs, or other reset values of the state")
    outputs = len(before.netlist.outputs)
    return Comparison(
        LEMMA,
        _over_packed(before),
        _over_packed(after),
        lambda root: f"output {root}" if root < outputs else f"next state {root - outputs}",
        lambda found: describe_sample(before.encoder, found),
        f"{len(before.netlist.roots):,} outputs and next states by ABC",
    ).prove()


def _formats(encoder: Encoder) -> Encoder:
    """The encoder without its comparisons."""
    return replace(encoder, feature=np.zeros(0, np.int32), threshold=np.zeros(0, np.int64))


def _same(ours: Encoder | Readout, theirs: Encoder | Readout) -> bool:
    names = [field.name for field in fields(ours)]
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


def _over_packed(model: LogicModel) -> Netlist:
    """The network over the packed input vector and the state, all of them inputs."""
    width = model.encoder.input_width
    builder = NetlistBuilder(width, model.netlist.n_state)
    roots = append_model(builder, model.encoder, model.netlist, model.netlist.roots)
    gates = builder.finish(roots, next_state=builder.state, reset=model.netlist.reset)
    return Netlist(width + gates.n_state, gates.fanin, gates.table, gates.outputs)
