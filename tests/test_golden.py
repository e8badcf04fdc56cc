"""The golden model against the naive evaluator."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from exhaustive import roots_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import encoders, feature_integers, models, netlists, readouts

from lgncc import golden
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.golden import (
    Predictions,
    Simulator,
    classes_of,
    pack,
    predict,
    predict_encoded,
    scores_of,
    unpack,
)
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

COUNTS = [0, 1, 63, 64, 65, 130]


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("width", [0, 1, 5])
def test_packing_keeps_every_bit_and_pads_with_zeros(n, width):
    bits = np.random.default_rng(n).integers(0, 2, (n, width)).astype(bool)
    words = pack(bits)
    assert words.shape == (width, -(-n // 64))
    assert words.dtype == np.uint64
    for column, row in zip(bits.T.tolist(), words.tolist(), strict=True):
        whole = sum(word << 64 * w for w, word in enumerate(row))
        assert whole == sum(bit << i for i, bit in enumerate(column))
    assert np.array_equal(unpack(words, n), bits)


def random_bits(n, width, seed):
    return np.random.default_rng(seed).integers(0, 2, (n, width)).astype(bool)


def check_step(netlist, n, seed):
    inputs, state = (random_bits(n, w, seed) for w in (netlist.n_inputs, netlist.n_state))
    outputs, next_state = Simulator(netlist).run(pack(inputs), pack(state))
    got = np.concatenate([unpack(outputs, n), unpack(next_state, n)], axis=1)
    expected = [roots_of(netlist, *row) for row in zip(inputs, state, strict=True)]
    assert got.astype(int).tolist() == expected


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6])
@given(data=st.data())
def test_the_simulator_answers_as_the_naive_evaluator(k, data):
    netlist = data.draw(netlists(k=k, max_state=2))
    check_step(netlist, data.draw(st.sampled_from(COUNTS[:-1])), data.draw(st.integers(0, 99)))


@pytest.mark.parametrize("k", [2, 4])
@given(data=st.data())
def test_blocks_smaller_than_the_samples_change_nothing(k, data):
    netlist = data.draw(netlists(k=k, max_state=2, max_gates=6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden, "BLOCK_BYTES", data.draw(st.sampled_from((1, 300))))
        check_step(netlist, 200, 0)


def test_a_simulator_starts_from_the_reset_values_of_state():
    netlist = Netlist(0, np.zeros((0, 2)), [], [2, 3], next_state=[3, 2], reset=[True, False])
    outputs, next_state = Simulator(netlist).run(np.zeros((0, 2), np.uint64))
    assert outputs.tolist() == [[2**64 - 1] * 2, [0] * 2]
    assert next_state.tolist() == [[0] * 2, [2**64 - 1] * 2]


@given(netlists(max_state=3), st.integers(0, 4), st.integers(0, 3))
def test_sequences_carry_state_from_step_to_step(netlist, n, steps):
    if not netlist.n_state:
        return
    model = LogicModel(
        Encoder.identity(netlist.n_inputs), netlist, Readout.bits(), Provenance("test")
    )
    x = np.random.default_rng(n).integers(0, 2, (n, steps, netlist.n_inputs))
    got = predict(model, x)
    assert got.bits.shape == (n, steps, len(netlist.outputs))
    for sample in range(n):
        state = netlist.reset.astype(int).tolist()
        for step in range(steps):
            roots = roots_of(netlist, x[sample, step], state)
            assert got.bits[sample, step].astype(int).tolist() == roots[: len(netlist.outputs)]
            state = roots[len(netlist.outputs) :]


def naive_scores(readout, bits):
    total = readout.bias.tolist()
    for output, klass, weight in zip(
        readout.output.tolist(), readout.klass.tolist(), readout.weight.tolist(), strict=True
    ):
        total[klass] += weight * int(bits[output])
    return total


@given(st.data())
def test_scores_are_biases_and_weighted_bits(data):
    n_outputs = data.draw(st.integers(1, 6))
    readout = data.draw(readouts(n_outputs))
    if readout.kind == "bits":
        return
    bits = data.draw(arrays(bool, (data.draw(st.integers(0, 5)), n_outputs)))
    score = scores_of(readout, bits)
    assert score.dtype == np.int64
    assert score.tolist() == [naive_scores(readout, row) for row in bits]
    assert classes_of(score).tolist() == [naive.winner(row) for row in score.tolist()]


def test_group_sum_scores_are_the_sums_of_contiguous_groups():
    bits = random_bits(20, 12, 5)
    for groups in (1, 2, 3, 4, 6, 12):
        expected = [naive.group_scores(row, groups) for row in bits.astype(int).tolist()]
        assert scores_of(Readout.group_sum(12, groups), bits).tolist() == expected


@pytest.mark.parametrize(
    ("score", "winner"), [([1, 3, 3], 1), ([0, 0, 0], 0), ([-2, -5, -2], 0), ([-3, -1, -2], 1)]
)
def test_the_lowest_index_wins_a_tie(score, winner):
    assert classes_of(np.array([score])).tolist() == [winner]


@given(st.data())
def test_a_model_predicts_what_the_naive_chain_says(data):
    model = data.draw(models())
    n = data.draw(st.integers(0, 5))
    integers = data.draw(feature_integers(model.encoder, n))
    got = predict(model, np.ldexp(integers.astype(float), -model.encoder.fraction.astype(int)))
    expected = [
        roots_of(
            model.netlist, naive.thermometer(row, model.encoder.feature, model.encoder.threshold)
        )
        for row in integers.tolist()
    ]
    assert got.bits.astype(int).tolist() == expected
    if model.readout.kind == "bits":
        assert got.scores is None
        assert got.classes is None
    else:
        naively = [naive_scores(model.readout, bits) for bits in expected]
        assert got.scores.tolist() == naively
        assert got.classes.tolist() == [naive.winner(row) for row in naively]


@given(st.data())
def test_recurrent_models_read_out_every_step(data):
    model = data.draw(models(max_state=2))
    if not model.netlist.n_state or model.readout.kind == "bits":
        return
    bits = data.draw(arrays(bool, (2, 3, model.netlist.n_inputs)))
    got = predict_encoded(model, bits)
    assert got.scores.shape == (2, 3, model.readout.n_classes)
    for sample in range(2):
        for step in range(3):
            expected = naive_scores(model.readout, got.bits[sample, step])
            assert got.scores[sample, step].tolist() == expected
            assert got.classes[sample, step] == naive.winner(expected)


@given(st.data())
def test_encoding_is_strictly_above_the_threshold(data):
    encoder = data.draw(encoders())
    integers = data.draw(feature_integers(encoder, 4))
    expected = [
        naive.thermometer(row, encoder.feature, encoder.threshold) for row in integers.tolist()
    ]
    assert encoder.encode(integers).astype(int).tolist() == expected


def test_a_model_without_outputs_answers_with_its_biases():
    model = LogicModel(
        Encoder.identity(1),
        Netlist(1, np.zeros((0, 2)), [], []),
        Readout("class", bias=[1, 4]),
        Provenance("test"),
    )
    assert predict(model, [[0], [1]]).scores.tolist() == [[1, 4], [1, 4]]


def test_a_model_with_state_asks_for_sequences():
    model = LogicModel(
        Encoder.identity(1),
        Netlist(1, np.zeros((0, 2)), [], [3], next_state=[2], reset=[0]),
        Readout.bits(),
        Provenance("test"),
    )
    with pytest.raises(InputError) as caught:
        predict(model, [[0]])
    assert str(caught.value) == (
        "data: x has shape (1, 1); the model has state and takes (n, steps, 1)"
    )


def test_accuracy_is_the_share_of_right_classes():
    found = Predictions(lambda: np.zeros((4, 0), bool), None, np.array([0, 1, 2, 1]))
    assert found.accuracy(np.array([0, 1, 1, 1])) == 0.75
