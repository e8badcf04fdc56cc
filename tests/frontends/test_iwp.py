"""The IWP reader against its layers restated: entries, activations, GroupSum's extras."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, iwp
from lgncc.frontends.source import Source
from lgncc.golden import predict


def read(path, **facts):
    return iwp.read(Source(Path(path)), GivenFacts(**facts))


ACTIVATIONS = {
    "sigmoid": lambda w: 1 / (1 + math.exp(-w)),
    "sin": lambda w: (1 + math.sin(w)) / 2,
    "linear": lambda w: min(max(w, 0), 1),
}


def forward(layers, activation, sample):
    """The output bits of one sample; layers: (weights (out, 4), indices (2, out)) as lists."""
    for weights, (first, second) in layers:
        chosen = []
        for entry, a, b in zip(weights, first, second, strict=True):
            p, q = sample[a], sample[b]
            w00, w01, w10, w11 = (1 if ACTIVATIONS[activation](w) > 0.5 else 0 for w in entry)
            # The framework's polynomial over the four products.
            chosen.append(
                (1 - p) * (1 - q) * w00 + (1 - p) * q * w01 + p * (1 - q) * w10 + p * q * w11
            )
        sample = chosen
    return sample


def test_all_16_tables_on_all_inputs(tmp_path):
    rows = torch.tensor([[int(bit) for bit in f"{table:04b}"] for table in range(16)])
    torch.save({"1.weights": (2 * rows - 1).float()}, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=2, indices_0=[[0] * 16, [1] * 16])
    model = read(tmp_path / "m.pt", wiring=tmp_path / "w.npz", activation="sigmoid")
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # the order of the four weights
    np.testing.assert_array_equal(predict(model, bits).bits, rows.T.numpy().astype(bool))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_models_answer_as_restated(tmp_path_factory, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    activation = data.draw(st.sampled_from(sorted(ACTIVATIONS)))
    inputs = width = data.draw(st.integers(2, 8))
    layers, state, wiring = [], {}, {}
    for number in range(data.draw(st.integers(1, 12))):
        size = data.draw(st.integers(1, 6)) * 2
        weights = torch.tensor(rng.normal(0.3, 2, (size, 4)), dtype=torch.float32)
        indices = rng.integers(0, width, (2, size))
        state[f"{number + 1}.weights"] = weights
        state[f"{number + 1}.grad_mask"] = torch.ones(size, 4, dtype=torch.bool)
        wiring[f"indices_{number}"] = indices
        layers.append((weights.tolist(), indices.tolist()))
        width = size
    folder = tmp_path_factory.mktemp("iwp")
    torch.save(dict(sorted(state.items())), folder / "m.pt")
    np.savez(folder / "w.npz", inputs=inputs, **wiring)
    bits = rng.integers(0, 2, (40, inputs))
    facts = GivenFacts(wiring=folder / "w.npz", activation=activation, classes=2)
    model = frontends.load(folder / "m.pt", facts)
    answer = predict(model, bits)
    expected = np.array([forward(layers, activation, sample) for sample in bits.tolist()])
    np.testing.assert_array_equal(answer.bits, expected.astype(bool))
    np.testing.assert_array_equal(answer.scores, expected.reshape(40, 2, -1).sum(axis=2))


def test_the_activation_changes_the_network_and_must_be_given(tmp_path):
    torch.save({"0.weights": torch.tensor([[0.4, 4.0, -4.0, 0.9]])}, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=2, indices_0=[[0], [1]])
    with pytest.raises(InputError, match=r"m\.pt: an IWP state dict does not say .* --activation"):
        read(tmp_path / "m.pt", wiring=tmp_path / "w.npz")
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    for activation, expected in (
        ("sigmoid", [1, 1, 0, 1]),
        ("sin", [1, 0, 1, 1]),
        ("linear", [0, 1, 0, 1]),
    ):
        model = read(tmp_path / "m.pt", wiring=tmp_path / "w.npz", activation=activation)
        assert predict(model, bits).bits[:, 0].astype(int).tolist() == expected


def test_entries_at_one_half_are_0_and_said(tmp_path):
    torch.save({"0.weights": torch.tensor([[0.0, 1.0, 1e-9, -1.0]])}, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=2, indices_0=[[0], [1]])
    model = read(tmp_path / "m.pt", wiring=tmp_path / "w.npz", activation="sigmoid")
    assert predict(model, [[0, 0], [0, 1], [1, 0], [1, 1]]).bits[:, 0].tolist() == [0, 1, 0, 0]
    assert "ties: 2 entries at exactly 0.5 are 0, as on CUDA (derived, exact)" in map(
        str, model.provenance.facts
    )


# GroupSum's extras.


@pytest.fixture
def saved(tmp_path):
    """Saves a 4-6 network with these GroupSum tensors; returns the facts to read it."""

    def save(**tensors):
        generator = torch.Generator().manual_seed(0)
        state = {"1.weights": torch.randn(6, 4, generator=generator)}
        torch.save(state | {f"2.{k}": v for k, v in tensors.items()}, tmp_path / "m.pt")
        return {"wiring": tmp_path / "w.npz", "activation": "sigmoid", "classes": 3}

    np.savez(tmp_path / "w.npz", inputs=4, indices_0=[[0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 2, 3]])
    return save


BITS = np.array([[row >> i & 1 for i in range(4)] for row in range(16)])


def test_flip_mask_weights_and_bias_are_exact(saved, tmp_path):
    flip = torch.tensor([True, False, False, True, False, False])
    bias = torch.tensor([0.5, -1.0, 0.0])
    facts = saved(flip_mask=flip, bias=bias, weights=torch.ones(6))
    answer = predict(read(tmp_path / "m.pt", **facts, tau=2.0), BITS)
    plain = predict(read(tmp_path / "m.pt", **(saved() | {"tau": 2.0})), BITS).bits
    x = torch.tensor(plain).float()
    x = x * ~flip + (1 - x) * flip
    scores = x.reshape(16, 3, 2).sum(-1) / 2.0 + bias
    np.testing.assert_array_equal(answer.scores / 2.0, scores.numpy())
    np.testing.assert_array_equal(answer.classes, scores.argmax(1).numpy())


@pytest.mark.parametrize(
    ("tensors", "tau", "message"),
    [
        ({"weights": torch.full((6,), 1.5)}, 1.0, "scales each output by a learned factor"),
        ({"bias": torch.tensor([0.3, 0.0, 0.0])}, 1.0, "is no multiple of 1/tau"),
        ({"bias": torch.tensor([1.0, 0.0, 0.0])}, 10.0, "a power of two"),
        ({"bias": torch.zeros(2, 3)}, 1.0, r"has shape \(2, 3\); expected \(3\)"),
        ({"flip_mask": torch.zeros(5, dtype=torch.bool)}, 1.0, r"shape \(5,\); expected \(6\)"),
        ({"scale": torch.zeros(6)}, 1.0, r"has 2\.scale, which IWP does not save"),
    ],
)
def test_what_integers_cannot_express_is_refused(saved, tmp_path, tensors, tau, message):
    facts = saved(**tensors)
    with pytest.raises(InputError, match=rf"m\.pt: .*{message}"):
        read(tmp_path / "m.pt", **facts, tau=tau)


def test_a_bias_of_zero_and_weights_of_one_change_nothing(saved, tmp_path):
    facts = saved(bias=torch.zeros(3), weights=torch.ones(6))
    extended = predict(read(tmp_path / "m.pt", **facts, tau=10.0), BITS).scores
    plain = predict(read(tmp_path / "m.pt", **saved(), tau=10.0), BITS).scores
    np.testing.assert_array_equal(extended, plain)


def test_a_group_sum_with_parameters_needs_classes(saved, tmp_path):
    facts = saved(bias=torch.zeros(3)) | {"classes": None}
    with pytest.raises(InputError, match="is a GroupSum with parameters; give --classes"):
        read(tmp_path / "m.pt", **facts)


# Refusals.


def test_missing_facts_are_asked_for(saved, tmp_path):
    facts = saved()
    del facts["wiring"]
    with pytest.raises(
        InputError, match=r"m\.pt: this is a Light \(IWP\) state dict: .* no wiring"
    ):
        read(tmp_path / "m.pt", **facts)
    with pytest.raises(InputError, match="--replay-seed has no meaning for a Light"):
        read(tmp_path / "m.pt", **saved(), replay_seed=0)


def test_other_state_dicts_are_not_recognized(tmp_path):
    for name, state in {
        "difflogic": {"0.weights": torch.zeros(3, 16)},
        "a gap": {"0.weights": torch.zeros(3, 4), "1.bias": torch.zeros(3, 4, 4)},
        "torchlogix": {"0.weight": torch.zeros(3, 4)},
        "no layers": {"bias": torch.zeros(3)},
    }.items():
        torch.save(state, tmp_path / "m.pt")
        reason = iwp.recognize(Source(tmp_path / "m.pt"))
        assert name == "a gap" or reason is not None, name


def test_fuzz(saved, tmp_path):
    facts = saved(flip_mask=torch.arange(6) % 2 == 0, bias=torch.zeros(3))
    data = (tmp_path / "m.pt").read_bytes()
    tally = check_reader(iwp.READER, data, GivenFacts(**facts))
    assert tally["refused"] > 0.3 * tally.total()
