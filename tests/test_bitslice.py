"""The compiled interpreter against the naive evaluator and against numpy."""

from __future__ import annotations

import shutil

import naive
import numpy as np
import pytest
from exhaustive import roots_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc import golden
from lgncc.bitslice import Interpreter, Terms, library
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.golden import NumpyInterpreter, predict, predict_encoded
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

if library() is None and shutil.which("cc") is None:
    pytest.skip("lgncc was installed without a C compiler", allow_module_level=True)

COUNTS = [0, 1, 64, 65, 512, 600]


def answers(interpreter, model, samples):
    """(bits, scores, classes) of an interpreter, as arrays that were full of rubbish."""
    n, steps = samples.shape[:2]
    bits = np.ones((n, steps, len(model.netlist.outputs)), bool)
    scores = np.full((n, steps, model.readout.n_classes), -7)
    classes = np.full((n, steps), -7)
    interpreter(model).run(samples, bits, None, None)
    if model.readout.kind != "bits":
        interpreter(model).run(samples, None, scores, classes)
    return bits.tolist(), scores.tolist(), classes.tolist()


@pytest.mark.parametrize("k", [1, 2, 4, 6])
@given(data=st.data())
def test_it_answers_as_numpy_does(k, data):
    model = data.draw(models(k=k, max_state=2))
    n, steps = data.draw(st.sampled_from(COUNTS)), data.draw(st.integers(0, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    low, high = model.encoder.integer_range
    features = rng.integers(low, high, (n, steps, model.encoder.n_features), endpoint=True)
    bits = rng.integers(0, 2, (n, steps, model.netlist.n_inputs)).astype(bool)
    for samples in (features, bits):
        assert answers(Interpreter, model, samples) == answers(NumpyInterpreter, model, samples)


@given(st.data())
def test_it_answers_as_the_naive_evaluator(data):
    model = data.draw(models())
    features = data.draw(feature_integers(model.encoder, 3))
    bits = answers(Interpreter, model, features[:, None])[0]
    for row, found in zip(features.tolist(), bits, strict=True):
        inputs = naive.thermometer(row, model.encoder.feature, model.encoder.threshold)
        assert [int(bit) for bit in found[0]] == roots_of(model.netlist, inputs)


def test_every_gate_and_every_fanin_order():
    builder = NetlistBuilder(2)
    a, b = builder.inputs
    outputs = builder.gates(np.arange(32) % 16, *np.repeat([[a, b], [b, a]], 16, axis=0).T)
    model = model_of(builder.finish(outputs), Readout.bits())
    found = predict(model, [[0, 0], [1, 0], [0, 1], [1, 1]]).bits
    for column, table in enumerate(range(16)):
        assert found[:, column].tolist() == [bool(table >> row & 1) for row in (0, 1, 2, 3)]
        assert found[:, column + 16].tolist() == [bool(table >> row & 1) for row in (0, 2, 1, 3)]


def model_of(netlist, readout, encoder=None):
    encoder = encoder or Encoder.identity(netlist.n_inputs)
    return LogicModel(encoder, netlist, readout, Provenance("test"))


def wires(n, readout):
    """A model whose outputs are its inputs."""
    return model_of(Netlist(n, np.zeros((0, 2)), [], np.arange(2, 2 + n)), readout)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 255, 256, 1000])
def test_a_class_counts_as_many_bits_as_it_has(size):
    model = wires(3 * size, Readout.group_sum(3 * size, 3))
    x = np.random.default_rng(size).random((70, 3 * size)) < np.linspace(0, 1, 70)[:, None]
    found = predict(model, x)
    assert found.scores.tolist() == x.reshape(70, 3, size).sum(axis=2).tolist()
    assert found.scores[69].max() == size


@given(
    weight=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=40),
    bias=st.integers(-(2**40), 2**40),
    seed=st.integers(0, 99),
)
def test_weights_and_biases_of_any_size_add_up(weight, bias, seed):
    n = len(weight)
    readout = Readout("scores", np.arange(n), np.arange(n) % 2, weight, bias=[bias, -bias])
    x = np.random.default_rng(seed).integers(0, 2, (9, n)).astype(bool)
    expected = [
        [
            sum(w * bit for w, bit in zip(weight[c::2], row[c::2].tolist(), strict=True)) + b
            for c, b in enumerate((bias, -bias))
        ]
        for row in x
    ]
    found = predict(wires(n, readout), x)
    assert found.scores.tolist() == expected
    assert found.classes.tolist() == [naive.winner(row) for row in expected]


def test_terms_are_sorted_powers_of_two():
    readout = Readout("scores", [0, 1, 2, 2], [1, 0, 1, 1], [3, -2, 1, 0], bias=[5, 0])
    terms = Terms.of(readout)
    assert terms.klass.tolist() == [0, 1, 1]
    assert terms.shift.tolist() == [1, 0, 1]
    assert terms.end.tolist() == [1, 3, 4]
    assert terms.output.tolist() == [1, 0, 2, 0]
    assert terms.complement.tolist() == [True, False, False, False]
    assert terms.bias.tolist() == [3, 0]
    assert terms.n_planes == 3


def test_the_lowest_index_wins_a_tie():
    model = wires(4, Readout.group_sum(4, 4))
    x = np.array([[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    assert predict(model, x).classes.tolist() == [0, 1, 2, 0]


def random_model(state=0):
    rng = np.random.default_rng(5)
    builder = NetlistBuilder(30, state)
    layer = np.concatenate([builder.inputs, builder.state])
    for _ in range(4):
        layer = builder.gates(rng.integers(0, 16, 300), *rng.choice(layer, (2, 300)))
    next_state = rng.choice(layer, state)
    netlist = builder.finish(layer, next_state=next_state, reset=rng.random(state) < 0.5)
    threshold = rng.integers(-1, 256, 30)
    encoder = Encoder.uniform(10, bits=8, feature=np.arange(30) // 3, threshold=threshold)
    return model_of(netlist, Readout.group_sum(300, 10), encoder)


@pytest.mark.parametrize("state", [0, 7])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("compiled", [True, False])
def test_parts_and_threads_change_nothing(monkeypatch, state, dtype, compiled):
    model = random_model(state)
    shape = (1100, 3, 10) if state else (3300, 10)
    x = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    whole = predict(model, x)
    monkeypatch.setattr(golden, "BLOCK_VALUES", 1)
    if not compiled:
        monkeypatch.setattr(golden, "library", lambda: None)
    parted = predict(model, x)
    assert np.array_equal(parted.scores, whole.scores)
    assert np.array_equal(parted.classes, whole.classes)
    assert np.array_equal(parted.bits, whole.bits)
    assert parted.bits.dtype == bool
    assert len(np.unique(whole.classes)) > 3


def test_a_bad_value_is_named_by_its_place_in_all_samples(monkeypatch):
    monkeypatch.setattr(golden, "BLOCK_VALUES", 1)
    x = np.zeros((2000, 10), np.int64)
    x[1777, 4] = 256
    with pytest.raises(InputError) as caught:
        predict(random_model(), x)
    assert "sample 1777 has 256 in feature 4" in str(caught.value)


def test_samples_need_not_be_contiguous():
    model = random_model()
    bits = np.random.default_rng(1).integers(0, 2, (30, 700)).astype(bool)
    assert np.array_equal(
        predict_encoded(model, bits.T).scores, predict_encoded(model, bits.T.copy()).scores
    )
