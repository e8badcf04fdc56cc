"""The digits recipe: deterministic, and honest about what it wrote."""

import numpy as np
import pytest
import torch

from lgncc import nn
from lgncc.nn import digits

pytest.importorskip("sklearn")

TINY = digits.Recipe(gates=(200, 100), thresholds=(7,), epochs=3, batch=256)


@pytest.fixture(scope="module")
def data():
    return digits.load_digits()


def test_split_is_stratified_and_fixed(data):
    assert data.train_x.shape == (1437, 64)
    assert data.test_x.shape == (360, 64)
    assert data.train_x.dtype == data.test_x.dtype == torch.uint8
    counts = torch.bincount(data.test_y, minlength=10)
    assert counts.min() >= 34
    assert counts.max() <= 38
    assert torch.equal(digits.load_digits().test_x, data.test_x)


def test_training_repeats_from_its_seed_whatever_the_global_stream(data):
    torch.manual_seed(1)
    first, _ = digits.train(data, TINY, seed=3)
    torch.manual_seed(2)
    again, _ = digits.train(data, TINY, seed=3)
    other, _ = digits.train(data, TINY, seed=4)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert not torch.equal(first[1].weights, other[1].weights)
    assert not torch.equal(first[1].connections, other[1].connections)


def test_training_leaves_torch_as_it_was(data):
    threads = torch.get_num_threads()
    digits.train(data, TINY)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_run_writes_a_checkpoint_whose_noted_accuracy_holds(tmp_path, capsys, data):
    digits.run(tmp_path / "d.pt", seed=1, test_data=tmp_path / "t.npz", recipe=TINY)
    assert "test accuracy soft" in capsys.readouterr().out
    with np.load(tmp_path / "t.npz") as held_out:
        x, y = held_out["x"], held_out["y"]
    assert np.array_equal(x, data.test_x.numpy())
    answers = nn.load(tmp_path / "d.pt")(torch.from_numpy(x)).argmax(1).numpy()
    metadata = torch.load(tmp_path / "d.pt", weights_only=True)["metadata"]
    assert np.mean(answers == y) == pytest.approx(metadata["accuracy_discrete"])
    assert metadata["seed"] == 1
    assert metadata["recipe"]["gates"] == [200, 100]
