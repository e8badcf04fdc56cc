"""The difflogic reader against its layers restated: conventions, wrappers, traps, refusals."""

import sys
from pathlib import Path

import difflogic_like as like
import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, difflogic
from lgncc.frontends.source import Source
from lgncc.golden import predict


def read(path, **facts):
    return difflogic.read(Source(Path(path)), GivenFacts(**facts))


def random_bits(n, width, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, width)).astype(bool)


def assert_agrees(model, path, bits, **facts):
    counts, classes = like.answers(model, bits)
    answer = predict(read(path, **facts), bits)
    np.testing.assert_array_equal(answer.scores, counts)
    np.testing.assert_array_equal(answer.classes, classes)


@pytest.fixture
def model():
    """6 inputs, 8 and 6 gates, 3 classes."""
    torch.manual_seed(3)
    return like.network(6, [8, 6], 3)


@pytest.fixture
def state(model, tmp_path):
    """Facts that make its state dict complete; the file is state.pt beside."""
    torch.save(model.state_dict(), tmp_path / "state.pt")
    like.save_wiring(model, tmp_path / "wiring.npz", inputs=6)
    return {"wiring": tmp_path / "wiring.npz", "classes": 3}


# What a gate is.


def test_all_16_gates_on_all_inputs(tmp_path):
    torch.save({"0.weights": torch.eye(16)}, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=2, indices_0=[[0] * 16, [1] * 16])
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], bool)
    answer = predict(read(tmp_path / "m.pt", wiring=tmp_path / "w.npz"), bits).bits
    # The rows of the paper's table: gate number in binary, output for 00 leading.
    expected = [[int(f"{gate:04b}"[row]) for gate in range(16)] for row in range(4)]
    assert answer.astype(int).tolist() == expected
    a, b = torch.tensor(bits).T
    assert [gate(a, b).tolist() for gate in like.GATES] == answer.T.tolist()


def test_first_of_equal_weights_wins(tmp_path):
    weights = torch.zeros(2, 16)
    weights[0, [6, 9]] = 1.0  # xor before xnor
    torch.save({"0.weights": weights}, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=2, indices_0=[[0, 0], [1, 1]])
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], bool)
    answer = predict(read(tmp_path / "m.pt", wiring=tmp_path / "w.npz"), bits).bits
    assert answer.astype(int).tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]


# Files of all kinds against the restated forward pass.


@st.composite
def cases(draw):
    torch.manual_seed(draw(st.integers(0, 2**32)))
    inputs, classes = draw(st.integers(2, 9)), draw(st.integers(1, 4))
    sizes = [draw(st.integers(9, 14)) for _ in range(draw(st.integers(0, 11)))]
    sizes.append(classes * draw(st.integers(7, 9)))
    model = like.network(inputs, sizes, classes, tau=draw(st.sampled_from([1.0, 3.3, 10.0])))
    return model, random_bits(80, inputs, draw(st.integers(0, 99)))


@settings(max_examples=30, deadline=None)
@given(cases(), st.sampled_from(["", "net.", "model.layers."]))
def test_random_models_answer_as_restated(tmp_path_factory, case, prefix):
    model, bits = case
    folder = tmp_path_factory.mktemp("difflogic")
    like.save_module(model, folder / "module.pt")
    assert_agrees(model, folder / "module.pt", bits)
    named = {f"{prefix}{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": dict(sorted(named.items()))}, folder / "state.pt")
    like.save_wiring(model, folder / "wiring.npz")
    facts = {"wiring": folder / "wiring.npz", "input_bits": bits.shape[1]}
    assert_agrees(model, folder / "state.pt", bits, classes=model[-1].k, **facts)


def test_a_module_is_read_without_importing_difflogic(model, tmp_path):
    like.save_module(model, tmp_path / "module.pt")
    assert "difflogic" not in sys.modules
    found = frontends.load(tmp_path / "module.pt")
    assert "difflogic" not in sys.modules
    assert [str(fact) for fact in found.provenance.facts] == [
        "network: 6-8-6 (from checkpoint)",
        "gates: argmax of 16 weights, the first of equals (from checkpoint)",
        "wiring: indices of every layer (from checkpoint)",
        "inputs: 6 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 3 contiguous groups (from checkpoint)",
        "tau: 10 (from checkpoint)",
    ]


def test_gumbel_lgns_wrapper_gives_tau_and_must_agree_with_itself(model, state, tmp_path):
    config = {"experiment_name": "x", "seed": 42, "num_layers": 2, "tau": 5.0, "lr": 0.01}
    content = {
        "model_state": model.state_dict(),
        "optim_state": torch.optim.Adam(model.parameters()).state_dict(),
        "iteration": 100,
        "config": config,
    }
    torch.save(content, tmp_path / "gumbel.pt")
    model[-1].tau = 5.0
    assert_agrees(model, tmp_path / "gumbel.pt", random_bits(50, 6), **state)
    assert "tau: 5 (from checkpoint)" in map(
        str, read(tmp_path / "gumbel.pt", **state).provenance.facts
    )
    with pytest.raises(InputError, match=r"says tau = 5\.0, the command line says 7"):
        read(tmp_path / "gumbel.pt", **state, tau=7.0)
    torch.save({**content, "config": {**config, "num_layers": 3}}, tmp_path / "gumbel.pt")
    with pytest.raises(InputError, match=r"gumbel\.pt: its config says num_layers = 3"):
        read(tmp_path / "gumbel.pt", **state)


# Traps.


def test_layer_10_comes_after_layer_2(tmp_path):
    torch.manual_seed(0)
    model = like.network(4, [4] * 11, 2)
    torch.save(dict(sorted(model.state_dict().items())), tmp_path / "m.pt")
    like.save_wiring(model, tmp_path / "w.npz", inputs=4)
    facts = {"wiring": tmp_path / "w.npz", "classes": 2}
    assert_agrees(model, tmp_path / "m.pt", random_bits(64, 4), **facts)


def test_gray_data_needs_a_stated_threshold(model, state, tmp_path):
    gray = np.arange(6 * 40, dtype=np.uint8).reshape(40, 6)
    with pytest.raises(InputError, match="u1 cannot represent"):
        predict(read(tmp_path / "state.pt", **state), gray)
    with pytest.raises(InputError, match=r"--threshold 127\.5 needs --input-format"):
        read(tmp_path / "state.pt", **state, threshold=127.5)
    evaluated = predict(
        read(tmp_path / "state.pt", **state, threshold=127.5, input_format="u8"), gray
    )
    compiled = predict(read(tmp_path / "state.pt", **state, threshold=0, input_format="u8"), gray)
    # difflogic evaluates x.round() of x = gray / 255 and compiles x > 0.
    rounded = torch.as_tensor(gray).div(255).round().bool().numpy()
    np.testing.assert_array_equal(evaluated.scores, like.answers(model, rounded)[0])
    np.testing.assert_array_equal(compiled.scores, like.answers(model, gray > 0)[0])
    assert (evaluated.scores != compiled.scores).any()


# Refusals.


def test_a_state_dict_without_wiring_says_what_to_do(state, tmp_path):
    with pytest.raises(InputError) as caught:
        frontends.load(tmp_path / "state.pt")
    assert (
        str(caught.value)
        .splitlines()[0]
        .endswith("state.pt: this is a difflogic state dict: it has gate weights but no wiring.")
    )
    assert "1.weights (8, 16), 2.weights (6, 16)" in str(caught.value)
    assert "--replay-seed 0 --check data.npz" in str(caught.value)


def resave(tmp_path, change):
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    change(content)
    torch.save(content, tmp_path / "state.pt")


MALFORMED = {
    "NaN": (lambda c: c["1.weights"].__setitem__((3, 2), float("nan")), "1.weights holds NaN"),
    "integer": (lambda c: c.update({"1.weights": torch.zeros(8, 16).int()}), "expected float"),
    "width": (lambda c: c.update({"2.weights": torch.zeros(6, 15)}), r"\(6, 15\); expected"),
    "strides of 0": (
        lambda c: c.update({"1.weights": torch.zeros(1).expand(10**12, 16)}),
        "1.weights claims 16000000000000 values, more than the file holds",
    ),
    "meta": (lambda c: c.update({"1.weights": torch.zeros(8, 16, device="meta")}), "claims 128"),
    "nested": (
        lambda c: c.update({"1.weights": torch.nested.nested_tensor([torch.zeros(8, 16)])}),
        "no difflogic state dict",
    ),
    "extra": (lambda c: c.update({"2.bias": torch.zeros(6)}), "nothing is known of 2.bias"),
    "no layer numbers": (lambda c: c.update({"end.weights": torch.zeros(6, 16)}), "no difflogic"),
    "fewer layers": (lambda c: c.pop("2.weights"), "a network of 1 layers needs indices_0"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_state_dicts_are_refused(state, tmp_path, name):
    change, message = MALFORMED[name]
    resave(tmp_path, change)
    with pytest.raises(InputError, match=rf"(state\.pt|wiring\.npz): .*{message}"):
        read(tmp_path / "state.pt", **state)


def attribute(name, value):
    return lambda model: setattr(model[1], name, value)


MODULES = {
    "unknown attribute": (attribute("alpha", 2.0), "LogicLayer has alpha, which is not difflogic"),
    "no indices": (lambda m: delattr(m[1], "indices"), "layer 0 needs weights and two rows"),
    "three rows": (attribute("indices", (torch.zeros(8),) * 3), "layer 0 needs weights and two"),
    "float indices": (attribute("indices", torch.zeros(2, 8)), "expected int"),
    "flat indices": (attribute("indices", torch.zeros(8).long()), "layer 0 needs weights and two"),
    "index high": (
        lambda m: m[2].indices[1].__setitem__(4, 8),
        "layer 1: input 1 of gate 4 reads node 8 of the layer before, which has 0 to 7",
    ),
    "index negative": (lambda m: m[1].indices[0].__setitem__(0, -1), "layer 0: input 0 of gate 0"),
    "in_dim": (attribute("in_dim", "6"), "layer 0 says in_dim = '6'"),
    "out_dim": (attribute("out_dim", 9), "layer 0 says in_dim = 6 and out_dim = 9"),
    "widths": (lambda m: setattr(m[2], "in_dim", 9), "layer 1 takes 9 inputs, the one before"),
    "order": (lambda m: m.append(m.pop(1)), "expected LogicLayers, then one GroupSum"),
    "groups": (lambda m: setattr(m[-1], "k", 4), "4 classes: GroupSum: 6 outputs do not divide"),
    "k": (lambda m: setattr(m[-1], "k", 3.0), "GroupSum of 3.0 classes"),
    "tau": (lambda m: setattr(m[-1], "tau", float("nan")), "GroupSum of tau nan"),
    "tau zero": (lambda m: setattr(m[-1], "tau", 0), "tau is 0"),
    "linear layer": (
        lambda m: m.insert(1, torch.nn.Linear(6, 6)),
        "torch.nn.modules.linear.Linear",
    ),
    "hook": (lambda m: m[1].register_forward_hook(print), "builtins.print|print"),
}


@pytest.mark.parametrize("name", MODULES)
def test_malformed_modules_are_refused(model, tmp_path, name):
    change, message = MODULES[name]
    change(model)
    like.save_module(model, tmp_path / "module.pt")
    with pytest.raises(InputError, match=rf"module\.pt: .*({message})"):
        read(tmp_path / "module.pt")


def test_facts_that_the_file_states_or_that_mean_nothing(model, state, tmp_path):
    like.save_module(model, tmp_path / "module.pt")
    with pytest.raises(InputError, match="the file says classes = 3, the command line says 2"):
        read(tmp_path / "module.pt", classes=2)
    with pytest.raises(InputError, match="--wiring has no meaning for a difflogic module"):
        read(tmp_path / "module.pt", **state)
    with pytest.raises(InputError, match="--activation has no meaning"):
        read(tmp_path / "state.pt", **state, activation="sin")
    with pytest.raises(InputError, match="--replay-device has no meaning without --replay-seed"):
        read(tmp_path / "state.pt", **state, replay_device="cpu")


def test_state_dict_fuzz(state, tmp_path):
    tally = check_reader(
        difflogic.READER, (tmp_path / "state.pt").read_bytes(), GivenFacts(**state)
    )
    assert tally["refused"] > 0.3 * tally.total()


def test_module_fuzz(model, tmp_path):
    like.save_module(model, tmp_path / "module.pt")
    tally = check_reader(difflogic.READER, (tmp_path / "module.pt").read_bytes())
    assert tally["refused"] > 0.3 * tally.total()
