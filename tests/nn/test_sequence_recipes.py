"""The recipes that need a memory: their data, and the discrete network against torch."""

import numpy as np
import pytest
import torch

from lgncc import nn
from lgncc.errors import InputError
from lgncc.frontends import native
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict
from lgncc.nn.recipes import recipe
from lgncc.nn.sequence_recipes import parity
from lgncc.nn.train_recipe import TrainOptions, train_recipe

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def trained_parity(tmp_path_factory):
    """The checkpoint, its held-out sequences, and what was said."""
    folder = tmp_path_factory.mktemp("parity")
    model, data = folder / "m.pt", folder / "t.npz"
    return model, data, train_recipe("parity", model, TrainOptions(test_data=data))


@pytest.fixture(scope="module")
def trained_rows(tmp_path_factory):
    model = tmp_path_factory.mktemp("rows") / "m.pt"
    return model, train_recipe("digits-rows", model, TrainOptions(epochs=1))


def test_labels_are_the_parity_since_the_last_reset():
    x, y = parity(20, 50, torch.Generator().manual_seed(3))
    assert x[..., 1].any()
    for bits, labels in zip(x.tolist(), y.tolist(), strict=True):
        odd = 0
        for (bit, reset), label in zip(bits, labels, strict=True):
            odd = bit if reset else (odd + bit) % 2
            assert label == odd


def test_rows_of_a_sample_are_the_rows_of_its_digit():
    whole, by_rows = recipe("digits").split(), recipe("digits-rows").split()
    assert by_rows.train_x.shape[1:] == by_rows.test_x.shape[1:] == (8, 8)
    assert torch.equal(by_rows.test_x[3, 2], whole.test_x[3, 16:24])
    assert torch.equal(by_rows.test_y, whole.test_y)
    assert torch.equal(by_rows.train_x.flatten(1), whole.train_x)


def step_by_step(path, x, first):
    """Scores (n, steps, C) of the compiler's software model; each `first` is a fresh start."""
    model = native.read(Source(path), GivenFacts())
    rows = []
    for sample, begins in zip(x.numpy(), first.numpy(), strict=True):
        parts = np.split(sample, np.flatnonzero(begins))
        found = [predict(model, part[None]) for part in parts if len(part)]
        rows.append(np.concatenate([one.scores[0] for one in found]))
    return (np.stack(rows) + model.readout.beta) / model.readout.tau


def test_parity_is_learned_from_5_steps_and_right_over_1000_in_torch_and_as_built(trained_parity):
    path, data, said = trained_parity
    assert said.accuracy_discrete == 1
    with np.load(data) as held_out:
        x, y = torch.from_numpy(held_out["x"]), held_out["y"]
    assert x.shape == (32, 1000, 2)
    assert y.shape == (32, 1000)
    first = torch.rand(32, 1000, generator=torch.Generator().manual_seed(4)) < 0.005
    scores = nn.load(path)(x.float(), first)
    assert first.any(dim=1).sum() > 20
    np.testing.assert_array_equal(step_by_step(path, x, first), scores.numpy())
    without = nn.load(path)(x.float())
    assert not torch.equal(without, scores)
    np.testing.assert_array_equal(without.argmax(2).numpy(), y)


def test_rows_of_many_digits_agree_with_torch_step_by_step(trained_rows):
    path, _ = trained_rows
    draws = torch.Generator().manual_seed(5)
    x = torch.randint(17, (2, 1000, 8), generator=draws)
    first = torch.rand(2, 1000, generator=draws) < 0.1
    with torch.no_grad():
        scores = nn.load(path)(x.float(), first).numpy()
    assert len(np.unique(scores[:, 900:].argmax(2))) > 1
    np.testing.assert_allclose(step_by_step(path, x, first), scores, rtol=1e-6)


def test_eval_reads_the_held_out_sequences(trained_parity, lgncc):
    path, data, _ = trained_parity
    said = lgncc("eval", path, "--data", data)
    assert (said.code, said.out.splitlines()[-1]) == (0, "accuracy 100.00%")
    assert "8 state bits" in lgncc("inspect", path).out


def test_export_writes_what_holds_a_state(trained_parity, lgncc, tmp_path):
    path, _, _ = trained_parity
    for format, name in (("npz", "m.npz"), ("aiger", "m.aig")):
        said = lgncc("export", path, "--format", format, "--out", tmp_path / name)
        assert (said.code, (tmp_path / name).exists()) == (0, True), said.err


def test_the_label_of_a_digit_is_judged_at_the_last_row(trained_rows):
    path, said = trained_rows
    held_out = recipe("digits-rows").split()
    answers = nn.load(path)(held_out.test_x)[:, -1].argmax(1)
    assert said.accuracy_discrete == (answers == held_out.test_y).double().mean().item()
    model = native.read(Source(path), GivenFacts())
    golden = predict(model, held_out.test_x.numpy())
    assert golden.accuracy(held_out.test_y.numpy()) == pytest.approx(said.accuracy_discrete)


def test_what_is_not_estimated_is_not_claimed(trained_parity, tmp_path):
    _, _, said = trained_parity
    assert (said.gates, said.cells) == (24, None)
    assert said.lines()[0].endswith("24 gates")
    with pytest.raises(InputError, match="--max-cells 900: logic cells of recurrent networks"):
        train_recipe("digits-rows", tmp_path / "m.pt", TrainOptions(max_cells=900))
