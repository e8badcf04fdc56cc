"""PruneInputs: fewer network inputs, the same answers to every sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc.encoder import Encoder
from lgncc.golden import predict
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.inputs import PruneInputs


def prune(model):
    return PruneInputs().apply(model)


def answers(model, x):
    predictions = predict(model, x)
    scores = None if predictions.scores is None else predictions.scores.tolist()
    return predictions.bits.tolist(), scores


@settings(max_examples=300)
@given(data=st.data())
def test_every_model_answers_as_before(data):
    model = data.draw(models(max_state=2))
    integers = data.draw(feature_integers(model.encoder, 12))
    x = np.ldexp(integers.astype(np.float64), -model.encoder.fraction.astype(np.int64))
    if model.netlist.n_state:
        x = x.reshape(3, 4, -1)
    pruned = prune(model)
    assert answers(pruned, x) == answers(model, x)
    assert pruned.netlist.n_inputs <= model.netlist.n_inputs
    assert pruned.encoder.n_features == model.encoder.n_features
    assert pruned.netlist.n_gates == model.netlist.n_gates


@given(models(max_state=2))
def test_no_comparison_is_left_twice_or_unread(model):
    pruned = prune(model)
    if model.encoder.is_identity:
        assert pruned is model
        return
    pairs = list(
        zip(pruned.encoder.feature.tolist(), pruned.encoder.threshold.tolist(), strict=True)
    )
    assert len(set(pairs)) == len(pairs)
    read = {*pruned.netlist.fanin.reshape(-1).tolist(), *pruned.netlist.roots.tolist()}
    assert set(range(2, 2 + pruned.netlist.n_inputs)) <= read
    again = prune(pruned)
    assert again.netlist.dump() == pruned.netlist.dump()


def test_shared_and_unread_thresholds_go_and_readers_follow():
    # inputs: x0>1 (i0), x1>2 (i1), x0>1 again (i2), x1>5 (i3, unread)
    encoder = Encoder([3, 3], [False, False], [0, 0], [0, 1, 0, 1], [1, 2, 1, 5])
    netlist = Netlist(4, [(3, 4), (2, 6)], [0x8, 0x6], [7, 4, 3])
    pruned = prune(LogicModel(encoder, netlist, Readout.bits(), Provenance("test")))
    assert pruned.netlist.dump().splitlines() == [
        "netlist: 2 inputs, 0 state, 2 gates (k=2), 3 outputs",
        "n4 = and(i1, i0)",
        "n5 = xor(i0, n4)",
        "o0 = n5",
        "o1 = i0",
        "o2 = i1",
    ]
    assert (pruned.encoder.feature.tolist(), pruned.encoder.threshold.tolist()) == ([0, 1], [1, 2])


def test_a_network_that_reads_nothing_keeps_its_features():
    encoder = Encoder([3, 3], [False, False], [0, 0], [0, 1], [1, 2])
    model = LogicModel(
        encoder, Netlist(2, np.zeros((0, 2)), [], [1]), Readout.bits(), Provenance("test")
    )
    pruned = prune(model)
    assert (pruned.netlist.n_inputs, pruned.encoder.input_width) == (0, 6)
    assert answers(pruned, [[1, 2]]) == ([[True]], None)


def test_identity_inputs_are_the_interface_and_stay():
    model = LogicModel(
        Encoder.identity(3), Netlist(3, [(2, 3)], [0x6], [5]), Readout.bits(), Provenance("test")
    )
    assert prune(model) is model
