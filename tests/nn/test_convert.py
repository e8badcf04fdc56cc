"""From and to the real torchlogix: it loads what we write and answers as we do.

python -m pytest tests/nn/test_convert.py
"""

import pytest
import torch
from torchlogix_shim import torchlogix

from lgncc import nn
from lgncc.errors import InputError
from lgncc.nn.convert import from_torchlogix, to_torchlogix

theirs_layers = torchlogix("torchlogix.layers")
Binarization = torchlogix("torchlogix.layers.binarization").Binarization

GATES = [("raw", 2), *((name, arity) for name in ("light", "walsh") for arity in (2, 4, 6))]
FORMAT = nn.InputFormat(6, signed=True, fraction=2)


def features(n=4, samples=500):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(-32, 32, (samples, n), generator=generator).float() / 4


def network(parametrization, arity, wiring="random"):
    generator = torch.Generator().manual_seed(arity)
    options = {
        "parametrization": parametrization, "arity": arity, "init": "random",
        "generator": generator, "wiring": wiring, "candidates": 2,
    }  # fmt: skip
    thresholds = torch.randint(-120, 120, (4, 6), generator=generator).sort(1).values / 16
    model = torch.nn.Sequential(
        nn.Thermometer(thresholds, FORMAT),
        nn.LogicDense(24, 30, **options),
        nn.LogicDense(30, 40, **options),
        nn.GroupSum(5, tau=3.0),
    )
    for layer in (model[1].wiring, model[2].wiring):
        if layer is not None:
            torch.nn.init.normal_(layer.scores, generator=generator)
    return model


def built(converted):
    """The real thing, from what `to_torchlogix` says; strict about every key."""
    torch.manual_seed(9)
    model = torch.nn.Sequential(
        *(getattr(theirs_layers, name)(**options) for name, options in converted.layers)
    )
    model.load_state_dict(converted.state)
    return model.eval()


def without_wiring_of_their_own(state):
    return {key: value for key, value in state.items() if "_export" not in key}


@pytest.mark.parametrize("wiring", ["random", "learnable"])
@pytest.mark.parametrize(("parametrization", "arity"), GATES)
def test_torchlogix_answers_as_the_network_it_was_made_from(parametrization, arity, wiring):
    model = network(parametrization, arity, wiring)
    theirs = built(to_torchlogix(model))
    with torch.no_grad():
        ours, answers = model.eval()(features()), theirs(features())
    assert len(ours.unique()) > 3
    torch.testing.assert_close(ours, answers, rtol=1e-6, atol=0)


@pytest.mark.parametrize("wiring", ["random", "learnable"])
@pytest.mark.parametrize(("parametrization", "arity"), GATES)
def test_there_and_back_again_is_the_same_network(parametrization, arity, wiring):
    model = network(parametrization, arity, wiring)
    back = from_torchlogix(
        built(to_torchlogix(model)).state_dict(),
        parametrization=parametrization,
        input_format=FORMAT,
        classes=5,
        tau=3.0,
    )
    assert str(back) == str(model)
    for (name, mine), (other, again) in zip(
        model.state_dict().items(), back.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(mine, again), name


@pytest.mark.parametrize(("parametrization", "arity"), GATES)
def test_relaxations_agree_so_that_training_goes_on(parametrization, arity):
    model = network(parametrization, arity)
    theirs = built(to_torchlogix(model)).train()
    torch.testing.assert_close(model.train()(features()), theirs(features()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("connections", ["fixed", "learnable"])
@pytest.mark.parametrize(("parametrization", "arity"), GATES)
def test_a_network_of_torchlogix_answers_alike_here(parametrization, arity, connections):
    torch.manual_seed(arity)
    name = {"walsh": "warp"}.get(parametrization, parametrization)
    theirs = torch.nn.Sequential(*(
        theirs_layers.LogicDense(
            *size, parametrization=name, lut_rank=arity, connections=connections,
            parametrization_kwargs={"weight_init": "random"},
        )
        for size in ((24, 30), (30, 40))
    ), theirs_layers.GroupSum(5, tau=3.0)).eval()  # fmt: skip
    model = from_torchlogix(
        theirs.state_dict(), parametrization=parametrization, in_features=24, classes=5, tau=3.0
    )
    x = torch.randint(2, (500, 24), generator=torch.Generator().manual_seed(1)).float()
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), theirs(x), rtol=1e-6, atol=0)


def test_quantiles_are_those_of_torchlogix():
    x = features(samples=777)
    wanted = Binarization.get_distributive_thresholds(x, 5, "feature")
    assert torch.equal(nn.Thermometer.distributive(x, 5, FORMAT).thresholds.float(), wanted)


def test_learnable_thresholds_follow_the_formula_of_torchlogix():
    theirs = theirs_layers.LearnableBinarization(
        torch.tensor([[0.5, 1.25, 3.0], [-2.0, -1.0, 0.0]]), temperature_softplus=0.1
    )
    ours = nn.LearnableThermometer(theirs.thresholds, FORMAT, softness=0.1 + 1e-6)
    with torch.no_grad():
        ours.differences.copy_(theirs.raw_diffs)
    torch.testing.assert_close(ours.boundaries().float(), theirs.get_thresholds())


def test_one_row_of_thresholds_serves_all_features():
    state = {"0.thresholds": torch.tensor([0.5, 1.0]), **dense_state(number=1, n=6)}
    model = from_torchlogix(state, in_features=3, input_format=FORMAT)
    assert model[0].thresholds.tolist() == [[0.5, 1.0]] * 3


# What one of them cannot say.


def dense_state(number=0, n=6, gates=4, columns=16, arity=2):
    generator = torch.Generator().manual_seed(0)
    return {
        f"{number}.weight": torch.randn(gates, columns, generator=generator),
        f"{number}.connections.indices": torch.randint(n, (arity, gates), generator=generator),
    }


FROM = {
    "conv": ({"0.tree_weights.0": torch.zeros(1)}, {}, "'0.tree_weights.0' cannot be said here"),
    "nothing": ({"0.thresholds": torch.zeros(2, 3)}, {}, "no layer of gates"),
    "no wiring": ({"0.weight": torch.zeros(4, 16)}, {}, "0: connections.indices are missing"),
    "no width": (dense_state(), {}, "0: how many inputs it has is not in the state"),
    "small width": (dense_state(), {"in_features": 3}, "0: fanin .* inputs are 0 to 2"),
    "ambiguous": (dense_state(columns=4), {"in_features": 6}, "give parametrization=.light"),
    "columns": (
        dense_state(columns=8),
        {"in_features": 6, "parametrization": "light"},
        r"float32 \(4, 8\); light of 2 inputs is torch.float32 \(4, 4\)",
    ),
    "float16": (
        {k: v.half() if v.is_floating_point() else v for k, v in dense_state().items()},
        {"in_features": 6},
        "weight is torch.float16",
    ),
    "format": (
        {"0.thresholds": torch.zeros(6, 1), **dense_state(1)},
        {},
        "0: thresholds need the format of a feature",
    ),
    "features": (
        {"0.thresholds": torch.zeros(6, 1), **dense_state(1)},
        {"input_format": FORMAT, "in_features": 5},
        "thresholds of 6 features, in_features=5",
    ),
    "no thresholds": (
        dense_state(),
        {"in_features": 6, "input_format": FORMAT},
        "the state has no thresholds",
    ),
    "thresholds last": (
        {**dense_state(), "1.thresholds": torch.zeros(4, 1)},
        {"in_features": 6, "input_format": FORMAT},
        "1: thresholds behind other layers",
    ),
    "learnable thresholds": (
        {"0.thresholds": torch.zeros(6, 1), "0.raw_diffs": torch.zeros(6, 1), **dense_state(1)},
        {"input_format": FORMAT},
        "0: learnable thresholds depend on temperature_softplus",
    ),
    "words": (
        {"first.weight": torch.zeros(4, 16), "second.weight": torch.zeros(4, 16)},
        {"in_features": 6},
        "first, second are not numbered in one row",
    ),
    "raw tie": (
        {**dense_state(), "0.weight": torch.zeros(4, 16).index_fill(1, torch.tensor([1, 2]), 1.0)},
        {"in_features": 6},
        "gate 0: its best weights are equal",
    ),
    "walsh tie": (
        {**dense_state(columns=4), "0.weight": torch.tensor([[0.1, 0.2, 0.3, 0.0]] * 4)},
        {"in_features": 6, "parametrization": "walsh"},
        "gate 0: a row sums up to 0 within rounding",
    ),
}


@pytest.mark.parametrize("name", FROM)
def test_what_cannot_come_from_torchlogix_is_refused_with_what_it_is(name):
    state, facts, message = FROM[name]
    with pytest.raises(InputError, match=f"from torchlogix: .*{message}"):
        from_torchlogix(state, **facts)


TO = {
    "another layer": (torch.nn.ReLU(), "layer 0: ReLU cannot be said there"),
    "arity": (nn.LogicDense(8, 8, parametrization="light", arity=3), "arity 3 of 8 inputs"),
    "float64": (nn.LogicDense(8, 8).double(), "weights of torch.float64"),
    "candidates": (
        nn.LogicDense(8, 8, wiring="learnable", candidates=5),
        "5 candidates for 2 fanins; torchlogix allows all 8 inputs, or at most 4",
    ),
    "learnable": (
        nn.LearnableThermometer(torch.tensor([[0.5]]), FORMAT),
        "LearnableThermometer cannot be said there",
    ),
    "rounding": (nn.Threshold(3, 0.1, FORMAT), "torchlogix compares in float32, which rounds"),
    "wide": (nn.Threshold(3, 0.5, nn.InputFormat(25)), "compares in float32"),
}


@pytest.mark.parametrize("name", TO)
def test_what_torchlogix_has_no_word_for_is_refused_with_what_it_is(name):
    layer, message = TO[name]
    with pytest.raises(InputError, match=f"to torchlogix: .*{message}"):
        to_torchlogix(torch.nn.Sequential(layer))
