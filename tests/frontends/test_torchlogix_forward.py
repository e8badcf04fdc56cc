"""The golden model against torchlogix's own forward pass: dense networks, 10,000 vectors."""

import pytest
import torch
from fuzz import same_model
from torchlogix_models import GATES, assert_agrees, bits, dense, read, seeded, sequential, tl
from torchlogix_shim import torchlogix

from lgncc.frontends import GivenFacts, load

pytestmark = pytest.mark.usefixtures("one_thread")

RandomlyConnectedNN = torchlogix("torchlogix.models.nn").RandomlyConnectedNN
CONNECTIONS = {
    "random": {"connections_kwargs": {"init_method": "random"}},
    "unique": {"connections_kwargs": {"init_method": "random-unique"}},
    "learnable": {"connections": "learnable"},
    "candidates": {
        "connections": "learnable",
        "connections_kwargs": {"num_candidates": 3, "gumbel": True},
    },
}


@pytest.mark.parametrize("connections", CONNECTIONS)
@pytest.mark.parametrize(("parametrization", "rank"), GATES)
def test_forward_of_dense(tmp_path, parametrization, rank, connections):
    kwargs = CONNECTIONS[connections]
    model = sequential(
        dense(24, 30, parametrization, rank, **kwargs),
        dense(30, 20, parametrization, rank, **kwargs),
        lambda: tl.GroupSum(5, tau=3.0),
    )
    given = {} if parametrization == "raw" else {"parametrization": parametrization}
    golden = read_dense(tmp_path, model, **given)
    assert_agrees(model, bits(24), golden)


def read_dense(path, model, **given):
    """Without a layer list: what `lgncc eval MODEL.pt --classes 5` does."""
    torch.save({"state_dict": model.state_dict()}, path / "model.pt")
    # `random-unique` leaves inputs unread, so that the file cannot tell their number.
    return load(path / "model.pt", GivenFacts(classes=5, tau=3.0, input_bits=24, **given))


def test_forward_of_dense_with_one_input_a_gate(tmp_path):
    model = sequential(dense(12, 20, "warp", 1), dense(20, 24, "warp", 1))
    assert_agrees(model, bits(12), read(tmp_path, model))


def test_forward_of_dense_on_the_last_dimension_of_an_image(tmp_path):
    model = sequential(dense(6, 9), torch.nn.Flatten, dense(36, 24))
    layers = """
        input_shape = [4, 6]
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "dense"
    """
    assert_agrees(model, bits(4, 6), read(tmp_path, model, layers, input_shape=(4, 6)))


def test_forward_of_gates_of_several_parametrizations(tmp_path):
    model = sequential(dense(10, 24), dense(24, 30, "light", 4), dense(30, 18, "warp", 2))
    layers = """
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "dense"
        parametrization = "light"
        [[layer]]
        kind = "dense"
        parametrization = "warp"
    """
    assert_agrees(model, bits(10), read(tmp_path, model, layers))


def test_forward_of_a_model_class_of_torchlogix(tmp_path):
    model = seeded(RandomlyConnectedNN, in_dim=14, k=30, layers=3, class_count=3, tau=2.0)
    torch.save(model, tmp_path / "module.pt")
    whole = load(tmp_path / "module.pt", GivenFacts(trust_pickle=True))
    torch.save(model.state_dict(), tmp_path / "state.pt")
    state = load(tmp_path / "state.pt", GivenFacts(classes=3, tau=2.0))
    assert same_model(whole, state)
    assert_agrees(model, bits(14), state)
