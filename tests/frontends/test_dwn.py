"""torch_dwn: models answer as the restated forward pass."""

import numpy as np
import pytest
import torch
from dwn_cases import NONE, binarize, bits_of, forward, group_sum, layer, npz, read, sequential
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import InputError
from lgncc.golden import predict


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_every_row_of_a_node_with_input_0_as_the_lowest_address_bit(tmp_path, rng, n):
    state = {
        "0.luts": torch.rand(200, 2**n, generator=rng) * 2 - 1,
        "0.mapping": torch.arange(n, dtype=torch.int32).repeat(200, 1),
    }
    state["0.luts"][0, :] = 0.0  # not above 0
    x = np.arange(2**n)[:, None] >> np.arange(n) & 1
    found = predict(read(state, tmp_path, input_bits=n), x).bits
    assert found.astype(int).tolist() == forward(state, x)
    assert not found[:, 0].any()
    asymmetric = {"0.luts": torch.tensor([[-1.0, 1, -1, -1]]), "0.mapping": state["0.mapping"][:1]}
    if n == 2:  # entry 1 is input 0 alone
        assert predict(
            read(asymmetric, tmp_path, input_bits=2), [[1, 0], [0, 1]]
        ).bits.tolist() == [
            [True],
            [False],
        ]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_random_models_answer_as_the_restated_forward_pass(tmp_path_factory, data):
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    inputs = width = data.draw(st.integers(1, 20))
    layers, learnable = [], False
    for _ in range(data.draw(st.integers(1, 3))):
        n_out, learnable = data.draw(st.integers(1, 20)), data.draw(st.booleans())
        layers.append(layer(rng, width, n_out, data.draw(st.integers(1, 6)), learnable))
        width = n_out
    state = sequential(*layers)
    k = data.draw(st.integers(1, width))
    randperm = torch.randperm(width, generator=rng) if data.draw(st.booleans()) else None
    x = bits_of(inputs, samples=20)
    folder = tmp_path_factory.mktemp("dwn")
    content = {"state_dict": state, "randperm": randperm}
    answer = predict(read(content, folder, input_bits=inputs, classes=k), x)
    assert answer.scores.tolist() == group_sum(forward(state, x), k, randperm)


def test_a_learnable_mapping_reads_the_first_of_the_highest_weights(tmp_path):
    weights = torch.tensor([[0.0, 5.0], [7.0, 5.0], [7.0, 1.0]])  # columns: input 1, input 0
    luts = torch.tensor([[-1.0, 1.0, -1.0, -1.0]])  # slot 0 and not slot 1
    state = {"0.luts": luts, "0.mapping.weights": weights}
    x = [[0, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert predict(read(state, tmp_path), x).bits[:, 0].tolist() == [True, False, False]


def test_layers_go_by_number_and_a_tenth_comes_after_a_second(tmp_path, rng):
    state = sequential(*(layer(rng, 6, 6, 2) for _ in range(11)))
    alphabetical = {key: state[key] for key in sorted(state)}
    x = bits_of(6)
    found = predict(read(alphabetical, tmp_path, input_bits=6), x).bits
    assert found.astype(int).tolist() == forward(state, x)


# The trap: GroupSum's permutation, and its padding.


def test_classes_without_a_word_on_randperm_are_refused(tmp_path, rng):
    state = sequential(layer(rng, 8, 30, 2))
    with pytest.raises(InputError, match=r"dwn\.pt: torch_dwn's GroupSum may permute"):
        read(state, tmp_path, input_bits=8, classes=3)


def test_an_ignored_randperm_would_change_the_classes(tmp_path, rng):
    state = sequential(layer(rng, 8, 30, 4))
    randperm = torch.randperm(30, generator=rng)
    x = bits_of(8, samples=200)
    expected = group_sum(forward(state, x), 3, randperm)
    given_file = npz(tmp_path, randperm=randperm.numpy())
    with_file = read(state, tmp_path, input_bits=8, classes=3, randperm=given_file)
    assert predict(with_file, x).scores.tolist() == expected
    ignored = predict(read(state, tmp_path, input_bits=8, classes=3, **NONE), x)
    assert ignored.scores.tolist() == group_sum(forward(state, x), 3)
    right = np.argmax(expected, axis=1)
    assert np.mean(ignored.classes == right) < 0.6


def test_groups_are_padded_with_zeros_at_the_end(tmp_path, rng):
    state = sequential(layer(rng, 8, 10, 2))
    x = bits_of(8)
    model = read(state, tmp_path, input_bits=8, classes=4, tau=2.0, **NONE)
    assert predict(model, x).scores.tolist() == group_sum(forward(state, x), 4)
    facts = list(map(str, model.provenance.facts))
    assert "padding: 2 outputs of 0 (derived, exact)" in facts
    assert "randperm: none (given)" in facts


@pytest.mark.parametrize("name", ["thermometer", "thresholds"])
@pytest.mark.parametrize("flat", [False, True])
def test_thresholds_beside_the_state_dict_make_the_encoder(tmp_path, rng, name, flat):
    thresholds = torch.tensor([[0.5, 3.0, 7.25], [-1.0, 2.0, 30.0]])
    state = sequential(layer(rng, 6, 12, 3))
    content = {**state, name: thresholds} if flat else {"model": state, name: thresholds}
    x = np.random.default_rng(1).integers(0, 16, (100, 2))
    model = read(content, tmp_path, input_format="u4")
    expected = forward(state, binarize(x, thresholds))
    assert predict(model, x).bits.astype(int).tolist() == expected
    facts = list(map(str, model.provenance.facts))
    assert "encoder: thermometer x > t, 6 bits (from checkpoint)" in facts


@pytest.mark.parametrize("shared", [False, True])
def test_thresholds_given_as_a_file_are_feature_major_or_shared(tmp_path, rng, shared):
    thresholds = torch.tensor([[1.0, 4.0], [2.0, 9.0], [0.0, 7.0]], dtype=torch.float64)
    thresholds = thresholds[0] if shared else thresholds
    state = sequential(layer(rng, 6, 12, 3))
    given_file = npz(tmp_path, thresholds=thresholds.numpy())
    facts = {"input_bits": 6} if shared else {}
    x = np.random.default_rng(1).integers(0, 16, (100, 3))
    model = read(state, tmp_path, input_format="u4", thermometer=given_file, **facts)
    assert predict(model, x).bits.astype(int).tolist() == forward(state, binarize(x, thresholds))


def test_without_a_thermometer_the_model_takes_bits(tmp_path, rng):
    state = sequential(layer(rng, 6, 12, 3))
    with pytest.raises(InputError, match="5 in feature 0, which u1 cannot"):
        predict(read(state, tmp_path, input_bits=6), np.full((1, 6), 5))
