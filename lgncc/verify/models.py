"""Lemma "model": two models answer alike, encoder included, as far as their networks go.

What is mapped is the optimized model less the network inputs that nothing reads, so the encoder is
not the same. The readout must be: equal outputs are then equal answers.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Readout
from lgncc.netlist import Netlist
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Lemma, RefutedError
from lgncc.verify.reference import append_cone, append_encoder, source_ids, sources_reached

LEMMA = "model"


def prove_same_model(before: LogicModel, after: LogicModel) -> Lemma:
    """Outputs and next states are the same functions of the packed input vector and the state, and
    all else is equal; but state on which no output of `before` depends, now or later, may be
    missing. Raises RefutedError where not."""
    for part, ours, theirs in (
        ("readout is", before.readout, after.readout),
        ("features are", _formats(before.encoder), _formats(after.encoder)),
    ):
        if not _same(ours, theirs):
            raise RefutedError(LEMMA, f"the {part} not the model's")
    kept: Ids = np.arange(before.netlist.n_state, dtype=np.int32)
    if after.netlist.n_state != before.netlist.n_state:
        kept = _needed_state(before.netlist)
    outputs = len(before.netlist.outputs)
    if outputs != len(after.netlist.outputs) or not np.array_equal(
        before.netlist.reset[kept], after.netlist.reset
    ):
        raise RefutedError(LEMMA, "another number of outputs, or other reset values of the state")
    return Comparison(
        LEMMA,
        _over_packed(before, kept),
        _over_packed(after, np.arange(len(kept), dtype=np.int32)),
        lambda root: f"output {root}" if root < outputs else f"next state {kept[root - outputs]}",
        lambda found: describe_sample(before.encoder, found),
        f"{outputs + len(kept):,} outputs and next states by ABC",
    ).prove()


def _needed_state(netlist: Netlist) -> Ids:
    """The state bits that outputs reach, and those that the next states of these reach."""
    state = np.zeros(netlist.n_state, np.bool_)
    no_cut = np.zeros(0, np.int32)
    while True:
        roots = np.concatenate([netlist.outputs, netlist.next_state[state]])
        sources = sources_reached(netlist, roots, no_cut)
        found = np.isin(np.arange(netlist.first_state, netlist.first_gate), sources)
        if np.array_equal(found, state):
            return np.flatnonzero(state).astype(np.int32)
        state = found


def _formats(encoder: Encoder) -> Encoder:
    """The encoder without its comparisons."""
    return replace(encoder, feature=np.zeros(0, np.int32), threshold=np.zeros(0, np.int64))


def _same(ours: Encoder | Readout, theirs: Encoder | Readout) -> bool:
    names = [field.name for field in fields(ours)]
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


def _over_packed(model: LogicModel, kept: Ids) -> Netlist:
    """Outputs, and next states of the bits `kept`, over the packed input vector and these bits."""
    netlist = model.netlist
    builder = NetlistBuilder(model.encoder.input_width + len(kept))
    vector, bits = np.split(builder.inputs, [model.encoder.input_width])
    state = np.zeros(netlist.n_state, np.int32)
    state[kept] = bits
    known_as = np.concatenate([append_encoder(builder, model.encoder, vector), state])
    roots = np.concatenate([netlist.outputs, netlist.next_state[kept]])
    return builder.finish(append_cone(builder, netlist, roots, source_ids(netlist), known_as))
