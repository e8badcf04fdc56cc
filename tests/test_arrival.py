"""Encoding on arrival: the table, its check and what is left of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lgncc.arrival import ArrivalTable, split_encoder
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.golden import predict
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.inputs import PruneInputs
from lgncc.verify.arrival import check_arrival, execute
from lgncc.verify.lemma import RefutedError


def uniform(width, signed, n_features, feature, threshold):
    """An encoder of one format, its bits in the order of features and thresholds."""
    order = np.lexsort([threshold, feature])
    shape = np.full(n_features, width), np.full(n_features, signed), np.zeros(n_features)
    return Encoder(*shape, np.asarray(feature)[order], np.asarray(threshold)[order])


def check(encoder, table):
    """Of a model that hands the encoder's bits through."""
    outputs = 2 + np.arange(encoder.n_bits)
    netlist = Netlist(encoder.n_bits, np.zeros((0, 2)), [], outputs)
    model = LogicModel(encoder, netlist, Readout.bits(), Provenance("test"))
    return check_arrival(model, model, table)


@st.composite
def uniform_encoders(draw, max_width=10):
    width, signed = draw(st.integers(1, max_width)), draw(st.booleans())
    low, high = strategies.integer_range(width, signed)
    n_features = draw(st.integers(1, 6))
    pairs = draw(
        st.sets(
            st.tuples(st.integers(0, n_features - 1), st.integers(low - 1, high)),
            min_size=1,
            max_size=12,
        )
    )
    feature, threshold = zip(*pairs, strict=True)
    return uniform(width, signed, n_features, feature, threshold)


@settings(max_examples=100)
@given(uniform_encoders())
def test_a_table_makes_the_encoder_s_bits_of_every_value(encoder):
    rung = check(encoder, ArrivalTable.of(encoder))
    assert rung.result == "proved"
    assert f"{encoder.n_bits} network inputs" in rung.detail


def test_the_entries_are_in_the_order_of_arrival():
    encoder = uniform(8, True, 3, [0, 2, 2], [-129, 0, 127])
    table = ArrivalTable.of(encoder)
    assert table.threshold.tolist() == [0, 0, 129, 256]
    assert table.compared.tolist() == [True, False, True, True]
    assert table.last.tolist() == [True, True, False, True]
    assert (table.n_bits, table.width, table.busiest_byte) == (3, 2 + 9, 2)
    integers = np.array([[-128, 5, -1], [127, 0, 127], [3, 3, 1]])
    assert execute(table, integers).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, False],
    ]


@pytest.mark.parametrize(
    ("width", "n_features", "entries", "busiest"), [(1, 9, 16, 8), (5, 2, 3, 2), (16, 3, 3, 1)]
)
def test_what_the_unused_bits_of_the_last_byte_complete_has_entries(
    width, n_features, entries, busiest
):
    table = ArrivalTable.of(uniform(width, False, n_features, [0], [0]))
    assert len(table) == int(table.last.sum()) == entries
    assert table.busiest_byte == busiest


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda t: {"threshold": t.threshold + 1}, "values: refuted: feature 0 at 5: network "),
        (lambda t: {"compared": ~t.compared}, "entries: refuted: the network's inputs are not"),
        (
            lambda t: {"last": np.append(t.last[:-1], False)},
            "there are ends of 3 features; the bytes have 4",
        ),
        (lambda t: {"signed": True}, "entries: refuted: features are not all 4 bits wide, or"),
    ],
)
def test_a_wrong_table_is_refuted(change, found):
    encoder = uniform(4, False, 3, [0, 0, 2], [4, 9, 7])
    table = ArrivalTable.of(encoder)
    with pytest.raises(RefutedError, match=found):
        check(encoder, replace(table, **change(table)))


def test_one_wrong_threshold_of_a_thousand_is_refuted():
    random = np.random.default_rng(5)
    feature, threshold = np.repeat(np.arange(250), 4), random.integers(0, 255, 1_000)
    encoder = uniform(8, False, 250, feature, threshold)
    table = ArrivalTable.of(encoder)
    wrong = table.threshold.copy()
    wrong[617] -= 1
    value, bit = wrong[617], 617
    with pytest.raises(RefutedError) as refuted:
        check(encoder, replace(table, threshold=wrong))
    assert f"feature 154 at {value}: network input {bit} is 0, the table makes" in str(refuted)


@pytest.mark.parametrize(
    ("encoder", "why"),
    [
        (Encoder([8, 7], [False, False], [0, 0], [0], [3]), "differ in width or sign"),
        (Encoder([8, 8], [False, True], [0, 0], [0], [3]), "differ in width or sign"),
        (Encoder([17], [False], [0], [0], [3]), "features of 17 bits; at most 16"),
        (Encoder([8], [False], [0], [], []), "reads no feature"),
    ],
)
def test_where_there_is_no_table_the_error_says_why(encoder, why):
    with pytest.raises(DesignError, match=why):
        ArrivalTable.of(encoder)


@settings(max_examples=60)
@given(data=st.data())
def test_the_rest_of_the_model_answers_to_the_bits_as_the_model_to_the_features(data):
    encoder = data.draw(uniform_encoders(max_width=6))
    n_bits = encoder.n_bits
    netlist = data.draw(strategies.netlists(min_inputs=n_bits, max_inputs=n_bits))
    model = LogicModel(encoder, netlist, Readout.bits(), Provenance("test"))
    pruned = PruneInputs().apply(model)
    assume(pruned.encoder.n_bits)
    table, rest = split_encoder(pruned)
    assert rest.encoder.is_identity
    integers = data.draw(strategies.feature_integers(encoder, 8))
    bits = execute(table, integers)
    assert np.array_equal(predict(rest, bits).bits, predict(model, integers).bits)
