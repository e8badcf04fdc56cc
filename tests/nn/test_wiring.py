"""What both wirings promise, for any layer size and arity that has one."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn
from lgncc.nn.wiring import wire


@st.composite
def layer_sizes(draw, unique):
    """(in_features, out_features, arity) for which the wiring exists."""
    arity = draw(st.sampled_from([2, 2, 3, 4, 6]))
    n = draw(st.integers(arity if unique else 1, 60))
    most = min(math.comb(n, arity), 1800) if unique else 200
    return n, draw(st.integers(-(-n // arity), most)), arity


def generator(seed):
    return torch.Generator().manual_seed(seed)


@settings(deadline=None)
@given(size=layer_sizes(unique=True), seed=st.integers(0, 2**32))
def test_unique_pairs_are_distinct_and_cover_every_input(size, seed):
    n, gates, arity = size
    connections = wire("unique", n, gates, generator(seed), arity)
    assert connections.shape == (arity, gates)
    pairs = [frozenset(pair) for pair in connections.T.tolist()]
    assert all(len(pair) == arity for pair in pairs)
    assert len(set(pairs)) == gates
    assert frozenset().union(*pairs) == frozenset(range(n))


@settings(deadline=None)
@given(size=layer_sizes(unique=False), seed=st.integers(0, 2**32))
def test_random_wiring_uses_every_input_equally_often(size, seed):
    n, gates, arity = size
    connections = wire("random", n, gates, generator(seed), arity)
    assert connections.shape == (arity, gates)
    assert connections.dtype == torch.int64
    uses = torch.bincount(connections.flatten(), minlength=n)
    assert len(uses) == n
    assert uses.max() - uses.min() <= 1


@pytest.mark.parametrize("wiring", ["random", "unique"])
def test_wiring_repeats_from_its_seed_and_differs_between_seeds(wiring):
    first, again, other = (wire(wiring, 50, 200, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_unique_wiring_of_a_wide_layer_does_not_list_all_pairs():
    connections = wire("unique", 100_000, 60_000, generator(0))
    assert len(torch.unique(connections.sort(dim=0).values, dim=1).T) == 60_000


def test_impossible_wirings_say_why():
    with pytest.raises(ValueError, match="5 inputs have 10 pairs, too few for 11 gates"):
        nn.LogicDense(5, 11, wiring="unique")
    with pytest.raises(ValueError, match="6 inputs have 15 choices of 4, too few for 16 gates"):
        nn.LogicDense(6, 16, wiring="unique", parametrization="light", arity=4)
    with pytest.raises(ValueError, match=r"4 gates read at most 8 inputs, not 9.*at least 5 gates"):
        nn.LogicDense(9, 4)
    with pytest.raises(ValueError, match="0 gates is empty"):
        nn.LogicDense(1, 0)
    with pytest.raises(ValueError, match="known wirings are random, unique, learnable"):
        nn.LogicDense(2, 2, wiring="dense")


def test_given_connections_are_checked():
    with pytest.raises(ValueError, match="fanin 1 of gate 0 reads input 3; inputs are 0 to 2"):
        nn.LogicDense(3, 2, wiring=torch.tensor([[0, 1], [3, 2]]))
    with pytest.raises(ValueError, match=r"they must be torch.int64 \(2, 2\)"):
        nn.LogicDense(3, 2, wiring=torch.tensor([[0, 1, 2], [1, 2, 0]]))
