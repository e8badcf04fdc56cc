"""Learnable wiring: candidates, the straight-through gradient, and what is built."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn
from lgncc.nn.learnable_wiring import LearnableWiring
from lgncc.nn.noise import Sampling


def drawn(n=9, gates=6, arity=2, choices=4, seed=0):
    return LearnableWiring.draw(n, gates, arity, choices, torch.Generator().manual_seed(seed))


def scored(**size):
    wiring = drawn(**size)
    generator = torch.Generator().manual_seed(1)
    wiring.scores = torch.nn.Parameter(torch.randn(wiring.scores.shape, generator=generator))
    return wiring


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_candidates_of_a_fanin_differ_and_the_first_ones_cover_every_input(data, seed):
    arity = data.draw(st.sampled_from([2, 4, 6]))
    gates = data.draw(st.integers(1, 30))
    n = data.draw(st.integers(1, arity * gates))
    choices = data.draw(st.integers(1, n))
    wiring = drawn(n, gates, arity, choices, seed)
    assert wiring.candidates.shape == wiring.scores.shape == (choices, arity, gates)
    for fanin in wiring.candidates.flatten(1).T.tolist():
        assert len(set(fanin)) == choices
        assert set(fanin) <= set(range(n))
    assert set(wiring.chosen().flatten().tolist()) == set(range(n))


def test_all_inputs_may_be_candidates():
    assert drawn(n=9, choices=9).candidates.sort(0).values[:, 1, 3].tolist() == list(range(9))
    with pytest.raises(ValueError, match="10 candidates of 9 inputs"):
        drawn(n=9, choices=10)
    with pytest.raises(ValueError, match="0 candidates"):
        drawn(choices=0)


def naive(x, wiring, temperature):
    """Reads the best candidates; scores get the gradient of the mixture."""
    shares = (wiring.scores / temperature).softmax(0)
    hard = torch.zeros_like(shares).scatter(0, wiring.scores.argmax(0, keepdim=True), 1.0)
    mixed = hard + shares - shares.detach()
    read = x[:, wiring.candidates]  # (batch, choices, arity, out)
    return (read * mixed).sum(1).flatten(1)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_values_and_gradients_are_those_of_a_straight_through_choice(temperature):
    wiring = scored().double()
    x = torch.rand(5, 9, generator=torch.Generator().manual_seed(2)).double().requires_grad_()
    ours = wiring(x, Sampling(temperature=temperature))
    theirs = naive(x, wiring, temperature)
    torch.testing.assert_close(ours, theirs)
    pull = torch.randn(ours.shape, generator=torch.Generator().manual_seed(3)).double()
    for mine, reference in zip(
        torch.autograd.grad(ours, [x, wiring.scores], pull),
        torch.autograd.grad(theirs, [x, wiring.scores], pull),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference)


def test_a_layer_in_training_reads_what_its_discrete_form_reads():
    layer = nn.LogicDense(9, 6, wiring=scored(), parametrization="light", init="random")
    fixed = nn.LogicDense(9, 6, wiring=layer.wires(), parametrization="light")
    fixed.weights = layer.weights
    x = torch.randint(2, (20, 9), generator=torch.Generator().manual_seed(4)).float()
    torch.testing.assert_close(layer.train()(x), fixed.train()(x))
    assert torch.equal(layer.eval()(x), fixed.eval()(x))
    assert torch.equal(layer.wires(), layer.wiring.candidates.gather(
        0, layer.wiring.scores.argmax(0, keepdim=True)
    )[0])  # fmt: skip


def test_noise_draws_candidates_as_often_as_the_softmax_says():
    torch.manual_seed(0)
    candidates = torch.arange(3)[:, None, None].repeat(1, 2, 10_000)
    scores = torch.tensor([0.0, 1.0, 2.0])[:, None, None].repeat(1, 2, 10_000)
    wiring = LearnableWiring(candidates, scores)
    read = wiring(torch.tensor([[0.0, 1.0, 2.0]]), Sampling(gumbel=True))[0].long()
    shares = torch.bincount(read, minlength=3) / 20_000
    torch.testing.assert_close(shares, torch.arange(3.0).softmax(0), rtol=0, atol=0.02)


def test_training_finds_the_inputs_that_matter():
    """The target is the xor of inputs 3 and 5, which no gate reads at first."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    layer = nn.LogicDense(
        8, 16, parametrization="light", wiring="learnable", candidates=8, init="random",
        gumbel=True, generator=generator,
    )  # fmt: skip
    rows = torch.arange(256)[:, None] >> torch.arange(8) & 1
    x, y = rows.float(), (rows[:, 3] ^ rows[:, 5]).float()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        loss = (layer.train()(x) - y[:, None]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (layer.eval()(x) == y[:, None]).all(0)
    assert right.any()
    assert {3, 5} == set(layer.wires()[:, right][:, 0].tolist())


def test_candidates_and_scores_are_checked():
    with pytest.raises(ValueError, match=r"must be torch.int64 \(choices, arity, out\)"):
        LearnableWiring(torch.zeros(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="must be finite numbers of the candidates' shape"):
        LearnableWiring(drawn().candidates, torch.zeros(1, 2, 6))
    with pytest.raises(ValueError, match="must be finite"):
        LearnableWiring(drawn().candidates, torch.full((4, 2, 6), float("nan")))
    with pytest.raises(ValueError, match=r"the layer needs \(choices, 2, 7\)"):
        nn.LogicDense(9, 7, wiring=drawn())
    with pytest.raises(ValueError, match="inputs are 0 to 7"):
        nn.LogicDense(8, 6, wiring=drawn(n=9, choices=9))
