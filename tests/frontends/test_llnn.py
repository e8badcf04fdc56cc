"""The llnn reader against llnn 0.1.4's own forward pass."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, llnn
from lgncc.frontends.source import Source
from lgncc.golden import predict

lutnn = pytest.importorskip(
    "llnn.lutnn", reason="llnn is not installed: pip install --no-deps llnn"
)


def read(path, **facts):
    return llnn.read(Source(Path(path)), GivenFacts(**facts))


def save_wiring(model, path, **more):
    layers = [layer for layer in model.modules() if hasattr(layer, "indices")]
    np.savez(
        path, **{f"indices_{i}": layer.indices.numpy() for i, layer in enumerate(layers)}, **more
    )


def counts(model, bits):
    """Integer scores of llnn's own forward pass in eval mode."""
    with torch.no_grad():
        scores = model.eval()(torch.as_tensor(bits).float())
    tau = next(m.tau for m in model.modules() if hasattr(m, "num_classes"))
    return np.rint(scores.numpy() * tau).astype(np.int64), scores.argmax(dim=1).numpy()


def network(inputs, luts, lut_size, classes, tau=10):
    return lutnn.LUTNN(luts, len(luts), lut_size, inputs, classes, tau=tau)


def assert_agrees(model, path, bits, **facts):
    answer = predict(read(path, **facts), bits)
    scores, classes = counts(model, bits)
    np.testing.assert_array_equal(answer.scores, scores)
    np.testing.assert_array_equal(answer.classes, classes)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_all_tables_on_all_addresses(tmp_path, k):
    """Every table of k inputs, addressed with the first input as the highest bit."""
    count, rows = 1 << (1 << k), 1 << k
    table = torch.arange(count)[:, None] >> torch.arange(rows) & 1
    state = {"0.w": table.float(), "0.w_comp": 1 - table.float()}
    torch.save(state, tmp_path / "m.pt")
    np.savez(tmp_path / "w.npz", inputs=k, indices_0=np.tile(np.arange(k)[:, None], count))
    bits = np.array([[row >> (k - 1 - i) & 1 for i in range(k)] for row in range(rows)])
    model = read(tmp_path / "m.pt", wiring=tmp_path / "w.npz")
    np.testing.assert_array_equal(predict(model, bits).bits, table.T.numpy().astype(bool))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_random_models_answer_as_llnn(tmp_path_factory, data):
    torch.manual_seed(data.draw(st.integers(0, 2**32)))
    inputs = data.draw(st.integers(2, 12))
    luts = [data.draw(st.integers(3, 20)) for _ in range(data.draw(st.integers(0, 2)))] + [10]
    sizes = [data.draw(st.integers(1, 6)) for _ in luts]
    model = network(inputs, luts, sizes, data.draw(st.sampled_from([1, 2, 5])))
    folder = tmp_path_factory.mktemp("llnn")
    bits = np.random.default_rng(0).integers(0, 2, (80, inputs))
    torch.save(model, folder / "module.pt")
    assert_agrees(model, folder / "module.pt", bits, input_bits=inputs)
    torch.save(model.state_dict(), folder / "state.pt")
    save_wiring(model, folder / "wiring.npz", inputs=inputs)
    classes = model.model[-1].num_classes
    facts = {"wiring": folder / "wiring.npz", "classes": classes}
    assert_agrees(model, folder / "state.pt", bits, **facts)


def test_a_difference_that_softmax_rounds_away_is_0_as_in_llnn(tmp_path):
    model = network(2, [10], 1, 10)
    with torch.no_grad():
        model.model[1].w_comp.zero_()
        model.model[1].w.zero_()
        model.model[1].w[:, 0] = 1e-9  # above w_comp, and yet the share is 0.5
        model.model[1].w[:, 1] = 1e-3
    torch.save(model, tmp_path / "m.pt")
    bits = np.array([[0, 0], [1, 1]])
    assert counts(model, bits)[0].tolist() == [[0] * 10, [1] * 10]
    assert_agrees(model, tmp_path / "m.pt", bits, input_bits=2)


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    model = network(5, [12, 10], [3, 2], 5)
    torch.save(model, tmp_path / "module.pt")
    torch.save(model.state_dict(), tmp_path / "state.pt")
    save_wiring(model, tmp_path / "wiring.npz", inputs=5)
    return model


def test_both_files_are_recognized_and_llnn_is_not_imported(model, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "llnn"]:
        monkeypatch.setitem(sys.modules, name, None)  # an import would fail
    facts = GivenFacts(input_bits=5)
    assert frontends.load(tmp_path / "module.pt", facts).readout.n_classes == 5
    with pytest.raises(InputError, match=r"state\.pt: this is a llnn state dict: .*no wiring"):
        frontends.load(tmp_path / "state.pt")


def test_a_module_needs_its_input_width(model, tmp_path):
    with pytest.raises(InputError, match=r"module\.pt: an llnn module does not say"):
        read(tmp_path / "module.pt")


MALFORMED = {
    "w_comp missing": (lambda c: c.pop("model.1.w_comp"), r"model\.1\.w_comp is missing"),
    "entries": (
        lambda c: [c.update({f"model.1.{w}": torch.zeros(12, 6)}) for w in ("w", "w_comp")],
        "has 6 entries a lookup table",
    ),
    "too wide": (
        lambda c: [c.update({f"model.1.{w}": torch.zeros(12, 128)}) for w in ("w", "w_comp")],
        "has 128 entries a lookup table",
    ),
    "shapes differ": (lambda c: c.update({"model.1.w_comp": torch.zeros(12, 4)}), "expected"),
    "NaN": (lambda c: c["model.2.w"].__setitem__((0, 0), float("nan")), "holds NaN"),
    "extra": (lambda c: c.update({"model.2.b": torch.zeros(1)}), "nothing is known of model.2.b"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_state_dicts_are_refused(model, tmp_path, name):
    change, message = MALFORMED[name]
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    change(content)
    torch.save(content, tmp_path / "state.pt")
    with pytest.raises(InputError, match=rf"state\.pt: .*{message}"):
        read(tmp_path / "state.pt", wiring=tmp_path / "wiring.npz", classes=5)


MODULES = {
    "attribute": (lambda m: setattr(m.model[1], "alpha", 1), "layer 0 has alpha"),
    "indices": (lambda m: setattr(m.model[1], "indices", [1]), "layer 0 lacks a tensor"),
    "indices shape": (lambda m: setattr(m.model[1], "indices", torch.zeros(2, 12).int()), "expec"),
    "order": (lambda m: m.model.append(m.model.pop(1)), "expected LUTLayers, then one Aggreg"),
    "second child": (lambda m: m.add_module("more", m.model[1]), "LUTNN of 2 modules, not 1"),
}


@pytest.mark.parametrize("name", MODULES)
def test_malformed_modules_are_refused(model, tmp_path, name):
    change, message = MODULES[name]
    change(model)
    torch.save(model, tmp_path / "module.pt")
    with pytest.raises(InputError, match=rf"module\.pt: .*{message}"):
        read(tmp_path / "module.pt", input_bits=5)


def test_state_dict_fuzz(model, tmp_path):
    facts = GivenFacts(wiring=tmp_path / "wiring.npz", classes=5)
    tally = check_reader(llnn.READER, (tmp_path / "state.pt").read_bytes(), facts)
    assert tally["refused"] > 0.3 * tally.total()


def test_module_fuzz(model, tmp_path):
    facts = GivenFacts(input_bits=5)
    tally = check_reader(llnn.READER, (tmp_path / "module.pt").read_bytes(), facts)
    assert tally["refused"] > 0.3 * tally.total()
