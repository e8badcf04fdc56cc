"""Recurrent networks: the compiled step against torch's unrolled forward pass, and bad files."""

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from native_files import mend, read

from lgncc import nn
from lgncc.errors import InputError
from lgncc.frontends import native
from lgncc.frontends.source import GivenFacts
from lgncc.golden import predict

CELLS = ("recompute", "gated", "set_reset", "toggle", "gru", "lstm")


@st.composite
def networks(draw):
    """Encoder, dense, one or two cells, dense, groups; takes 3 features of u2."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    options = {
        "init": "random",
        "parametrization": draw(st.sampled_from(["raw", "light"])),
        "generator": generator,
    }
    thresholds = torch.tensor([[0.5, 1.5], [0.5, 2.5], [1.5, 2.5]])
    layers = [nn.Thermometer(thresholds, nn.InputFormat(2))]
    width = 6
    if draw(st.booleans()):
        layers.append(nn.LogicDense(6, 7, **options))
        width = 7
    for _ in range(draw(st.integers(1, 2))):
        hidden = draw(st.integers(width, 12))
        depth = draw(st.integers(1, 3))
        layers.append(
            nn.LogicRecurrent(width, hidden, draw(st.sampled_from(CELLS)), depth, **options)
        )
        width = hidden
    layers += [nn.LogicDense(width, 12, **options), nn.GroupSum(draw(st.sampled_from([1, 2, 3])))]
    return nn.Streaming(*layers), generator


def golden_scores(path, x, first):
    """Scores (n, steps, C): a sequence that begins in between is a sequence of its own."""
    model = read(path)
    rows = []
    for sample, begins in zip(x.numpy(), first.numpy(), strict=True):
        parts = np.split(sample, np.flatnonzero(begins))
        scores = [predict(model, part[None]).scores[0] for part in parts if len(part)]
        rows.append(np.concatenate(scores))
    return np.stack(rows)


@settings(max_examples=30)
@given(networks())
def test_random_networks_answer_as_torch_step_by_step(tmp_path_factory, case):
    model, generator = case
    path = tmp_path_factory.mktemp("recurrent") / "m.pt"
    nn.save(model, path)
    x = torch.randint(4, (3, 20, 3), generator=generator)
    first = torch.rand(3, 20, generator=generator) < 0.1
    with torch.no_grad():
        scores = model.eval()(x, first)
    np.testing.assert_array_equal(golden_scores(path, x, first), scores.numpy())


@pytest.mark.parametrize("cell", CELLS[:4])
def test_a_thousand_steps_with_resets_agree_bit_for_bit(tmp_path, cell):
    generator = torch.Generator().manual_seed(CELLS.index(cell))
    model = nn.Streaming(
        nn.LogicRecurrent(6, 16, cell, 2, init="random", generator=generator),
        nn.GroupSum(16),
    ).eval()
    nn.save(model, tmp_path / "m.pt")
    x = torch.randint(2, (2, 1000, 6), generator=generator)
    first = torch.rand(2, 1000, generator=generator) < 0.01
    with torch.no_grad():
        bits = model(x.float(), first)
    assert first.any()
    assert 0 < bits[:, 900:].mean() < 1
    np.testing.assert_array_equal(golden_scores(tmp_path / "m.pt", x, first), bits.numpy())


@settings(max_examples=10)
@given(networks())
def test_loaded_networks_equal_the_saved_ones(tmp_path_factory, case):
    model, generator = case
    path = tmp_path_factory.mktemp("recurrent") / "m.pt"
    nn.save(model, path)
    loaded = nn.load(path)
    assert isinstance(loaded, nn.Streaming)
    assert [str(layer) for layer in loaded] == [str(layer) for layer in model]
    state = loaded.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    x = torch.randint(4, (2, 5, 3), generator=generator)
    assert torch.equal(loaded(x), model.eval()(x))


@pytest.fixture
def path(tmp_path):
    """A small good network: 4 bits, a set/reset cell of 4 with stacks of two layers."""
    generator = torch.Generator().manual_seed(0)
    cell = nn.LogicRecurrent(4, 4, "set_reset", 2, generator=generator)
    nn.save(nn.Streaming(cell, nn.GroupSum(2)), tmp_path / "m.pt")
    return tmp_path / "m.pt"


def test_the_state_has_a_bit_a_memory_and_starts_at_0(path, tmp_path):
    model = read(path)
    assert model.netlist.n_state == 4
    assert not model.netlist.reset.any()
    assert "cell: set_reset (from checkpoint)" in map(str, model.provenance.facts)
    nn.save(nn.Streaming(nn.LogicRecurrent(4, 5, "lstm")), tmp_path / "lstm.pt")
    assert read(tmp_path / "lstm.pt").netlist.n_state == 10


def option(**values):
    return lambda content: content["layers"][0].update(values)


MALFORMED = {
    "cell": (option(cell="latch"), "cell='latch': known cells are recompute"),
    "other cell": (option(cell="gated"), "a gated cell has the stacks gate, candidate, not"),
    "hidden": (option(hidden=5), "do not lead from 9 signals to 5"),
    "features": (option(in_features=3), "do not lead from 7 signals to 4"),
    "empty": (option(hidden=0), "0 hidden: 1 or more"),
    "no parts": (option(parts={}), "has the stacks set_net, reset_net, not"),
    "strange part": (
        lambda c: c["layers"][0]["parts"].update(x=c["layers"][0]["parts"].pop("stacks.set_net.0")),
        "'0.x.weights' is missing",
    ),
    "part order": (
        lambda c: option(parts=dict(reversed(c["layers"][0]["parts"].items())))(c),
        "has the parts stacks.reset_net.1, stacks.reset_net.0, .* not stacks.reset_net.0",
    ),
    "lost part": (
        lambda c: c["layers"][0]["parts"].pop("stacks.set_net.1"),
        "which no layer has",
    ),
    "weights": (
        lambda c: c["state"]["0.stacks.set_net.0.weights"].fill_(float("nan")),
        "part stacks.set_net.0: gate 0 has a weight that is not a finite number",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_the_place(path, name):
    change, message = MALFORMED[name]
    mend(path, change)
    with pytest.raises(InputError, match=rf"m\.pt: .*({message})"):
        read(path)


def test_damaged_files_never_crash(path):
    tally = check_reader(native.READER, path.read_bytes(), GivenFacts())
    assert tally["refused"] > 0.3 * tally.total()
