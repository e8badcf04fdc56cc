"""Difflogic's connections from its seed: against its constructor restated, and a public model."""

from pathlib import Path

import difflogic_like as like
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import GivenFacts, difflogic
from lgncc.frontends.difflogic_replay import Replay, unique_pairs
from lgncc.frontends.source import Source
from lgncc.golden import predict
from lgncc.nn.mnist import crop, load_mnist

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "difflogic-mnist20-800x6.pt"


def read(path, **facts):
    return difflogic.read(Source(Path(path)), GivenFacts(**facts))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_draws_are_those_of_the_constructor(data):
    seed = data.draw(st.integers(0, 2**63))
    split = data.draw(st.none() | st.integers(1, 1000))
    device = data.draw(st.sampled_from(["cpu", "cuda"]))
    connections = data.draw(st.sampled_from(["random", "unique"]))
    inputs = data.draw(st.integers(10, 40))
    sizes = data.draw(st.lists(st.integers(20, 40), min_size=1, max_size=4))
    torch.manual_seed(seed)
    if split is not None:
        torch.utils.data.random_split(range(split), [split])
    model = like.network(inputs, sizes, 1, device=device, connections=connections)
    drawn = Replay(seed, connections, device, split).draw(inputs, sizes)
    for layer, indices in zip(model[1:-1], drawn, strict=True):
        assert torch.stack(layer.indices).tolist() == indices.tolist()


def test_a_replay_leaves_torchs_own_stream_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    Replay(0, "random", "cpu", 10).draw(6, [8, 8])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("width", range(2, 14))
def test_unique_pairs_are_difflogics_or_refused(width):
    for count in range(1, width * (width - 1) // 2 + 3):
        try:
            expected = like.unique_pairs(width, count)
        except AssertionError:
            with pytest.raises(InputError, match=f"no {count} unique connections of {width}"):
                unique_pairs(width, count)
        else:
            assert unique_pairs(width, count).T.tolist() == [list(pair) for pair in expected]


def test_a_layer_that_difflogic_would_not_build():
    with pytest.raises(InputError, match="layer 1 of 3 gates cannot read 8 nodes"):
        Replay(0, "random", "cuda").draw(4, [8, 3])


# Accepted only if --check is answered.


@pytest.fixture
def case(tmp_path):
    """A state dict at m.pt, made at seed 7; the facts that replay it, with predictions."""
    torch.manual_seed(7)
    model = like.network(12, [40, 40, 40], 4, connections="unique")
    torch.save(model.state_dict(), tmp_path / "m.pt")
    x = np.random.default_rng(0).integers(0, 2, (300, 12)).astype(np.uint8)
    _, predictions = like.answers(model, x.astype(bool))
    np.savez(tmp_path / "check.npz", x=x, predictions=predictions)
    np.savez(tmp_path / "labels.npz", x=x, y=np.where(np.arange(300) % 10, predictions, 0))
    facts = {
        "replay_seed": 7,
        "replay_connections": "unique",
        "replay_device": "cuda",
        "input_bits": 12,
        "classes": 4,
        "check": tmp_path / "check.npz",
    }
    return model, tmp_path, facts


def test_replayed_network_answers_as_the_one_that_was_saved(case):
    model, folder, facts = case
    found = read(folder / "m.pt", **facts)
    bits = np.random.default_rng(1).integers(0, 2, (500, 12)).astype(bool)
    np.testing.assert_array_equal(predict(found, bits).scores, like.answers(model, bits)[0])
    assert [str(fact) for fact in found.provenance.facts[2:]] == [
        "wiring: replayed from seed 7 (unique, cuda) (given)",
        "inputs: 12 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 4 contiguous groups (given)",
        "check: 100.00% of 300 samples as predicted (check.npz) (derived, exact)",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"replay_seed": 8},
        {"replay_connections": "random"},
        {"replay_device": "cpu"},
        {"replay_split": 60000},
        {"input_bits": 11},
    ],
)
def test_any_wrong_fact_of_a_replay_is_refused(case, wrong):
    _, folder, facts = case
    with pytest.raises(InputError, match=r"below 100\.00%|the model takes \(n, 11\)"):
        read(folder / "m.pt", **(facts | wrong))


def test_labels_need_a_stated_accuracy_above_the_commonest_label(case):
    _, folder, facts = case
    facts["check"] = folder / "labels.npz"
    with pytest.raises(InputError, match="state with --check-accuracy which share"):
        read(folder / "m.pt", **facts)
    with pytest.raises(InputError, match=r"--check-accuracy 0\.05: always answering the commonest"):
        read(folder / "m.pt", **facts, check_accuracy=0.05)
    with pytest.raises(InputError, match="--check-accuracy 88: give a share"):
        read(folder / "m.pt", **facts, check_accuracy=88)
    assert read(folder / "m.pt", **facts, check_accuracy=0.9).readout.n_classes == 4
    with pytest.raises(InputError, match=r"m\.pt: answers 9\d\.\d\d% .* below 99\.00%"):
        read(folder / "m.pt", **facts, check_accuracy=0.99)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("check", "--replay-seed needs --check"),
        ("replay_connections", "also needs --input-bits, --replay-connections"),
        ("replay_device", "also needs --input-bits, --replay-connections"),
        ("input_bits", "also needs --input-bits"),
    ],
)
def test_a_replay_is_never_guessed(case, missing, message):
    _, folder, facts = case
    del facts[missing]
    with pytest.raises(InputError, match=rf"m\.pt: .*{message}"):
        read(folder / "m.pt", **facts)


# The public model.


@pytest.fixture(scope="module")
def mnist20(tmp_path_factory):
    if not PUBLIC.exists():
        pytest.skip(f"{PUBLIC} is not here")
    try:
        _, _, x, y = load_mnist()
    except EnvironmentLacksError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("mnist") / "mnist20.npz"
    np.savez(path, x=crop(x).reshape(len(x), 400), y=y)
    return {
        "replay_connections": "unique",
        "replay_device": "cuda",
        "replay_split": 60_000,
        "input_bits": 400,
        "classes": 10,
        "threshold": 127.5,
        "input_format": "u8",
        "check": path,
        "check_accuracy": 0.88,
    }


def test_public_model_replays_to_its_accuracy(mnist20):
    model = read(PUBLIC, **mnist20, replay_seed=0)
    with np.load(mnist20["check"]) as data:
        assert predict(model, data["x"]).accuracy(data["y"]) >= 0.88
    assert model.netlist.n_gates == 4800


@pytest.mark.parametrize("wrong", [{"replay_seed": 1}, {"replay_split": None}])
def test_public_model_from_another_seed_is_refused(mnist20, wrong):
    with pytest.raises(InputError, match=r"answers \d?\d\.\d\d% .* below 88\.00%"):
        read(PUBLIC, **({"replay_seed": 0} | mnist20 | wrong))
