"""PruneState: fewer state bits, the same answers to every sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc.encoder import Encoder
from lgncc.golden import predict
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.state import PruneState
from lgncc.verify.lemma import RefutedError
from lgncc.verify.models import prove_same_model


def model_of(netlist):
    encoder = Encoder.identity(netlist.n_inputs)
    return LogicModel(encoder, netlist, Readout.bits(), Provenance("test"))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_every_sequence_is_answered_as_before_and_proved(data):
    model = data.draw(models(max_state=4))
    integers = data.draw(feature_integers(model.encoder, 12))
    x = np.ldexp(integers.astype(np.float64), -model.encoder.fraction.astype(np.int64))
    pruned = PruneState().apply(model)
    if model.netlist.n_state:
        x = x.reshape(3, 4, -1)
        assert pruned.netlist.n_state >= 1
    assert np.array_equal(predict(pruned, x).bits, predict(model, x).bits)
    assert pruned.step_width == model.step_width


# s0 counts and is the answer; s1 is read by s2 alone, which reads itself; s3 is read by nothing.
GATES = Netlist(
    1,
    fanin=[[3, 2], [4, 5], [3, 5]],
    table=[0x6, 0x8, 0xE],
    outputs=[7],
    next_state=[7, 2, 8, 9],
    reset=[True, False, True, True],
)


def test_bits_that_only_lost_bits_read_go_with_their_gates():
    pruned = PruneState().apply(model_of(GATES))
    assert pruned.netlist.dump().splitlines() == [
        "netlist: 1 inputs, 1 state, 1 gates (k=2), 1 outputs",
        "n4 = xor(s0, i0)",
        "next s0 = n4 (reset 1)",
        "o0 = n4",
    ]
    assert "2 outputs and next states" in prove_same_model(model_of(GATES), pruned).detail


def test_state_that_no_answer_depends_on_stays():
    model = model_of(replace(GATES, outputs=[2]))
    assert PruneState().apply(model) is model


@pytest.mark.parametrize(
    "change",
    [{"reset": [False]}, {"next_state": [3]}, {"next_state": [2]}, {"table": [0x9]}],
)
def test_a_state_pruned_wrongly_is_refuted(change):
    pruned = PruneState().apply(model_of(GATES))
    wrong = replace(pruned, netlist=replace(pruned.netlist, **change))
    with pytest.raises(RefutedError):
        prove_same_model(model_of(GATES), wrong)
