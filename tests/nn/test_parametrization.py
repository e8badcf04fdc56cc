"""What weights mean, against their definitions on paper, a gate and a row at a time."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn

KINDS = [("raw", 2), *itertools.product(["light", "walsh"], [2, 3, 4, 6])]


def every_row(arity):
    """(2**arity, arity) in {0, 1}: row r spells r, fanin 0 lowest."""
    return torch.tensor([[r >> f & 1 for f in range(arity)] for r in range(1 << arity)]).float()


def gates(parametrization, arity, weights):
    """A layer whose gates all read inputs 0, 1, ... in order."""
    wiring = torch.arange(arity)[:, None].repeat(1, len(weights))
    layer = nn.LogicDense(
        arity, len(weights), parametrization=parametrization, arity=arity, wiring=wiring
    )
    layer.weights = torch.nn.Parameter(weights)
    return layer


def parity(row, subset):
    """+1 for an even number of the fanins in `subset` that are 1 in `row`, else -1."""
    return -1 if (row & subset).bit_count() % 2 else 1


def naive_rows(parametrization, weights):
    """Truth tables as lists of bits, from the definitions."""
    if parametrization == "raw":
        best = [row.index(max(row)) for row in weights.tolist()]
        return [[table >> row & 1 for row in range(4)] for table in best]
    if parametrization == "light":
        return [[int(w > 0) for w in gate] for gate in weights.tolist()]
    return [
        [
            int(math.fsum(w * parity(row, subset) for subset, w in enumerate(gate)) < 0)
            for row in range(len(gate))
        ]
        for gate in weights.tolist()
    ]


def walsh_relaxed(x, weights):
    """sigmoid(-sum of w_S * product over S of (1 - 2x))."""
    total = torch.zeros(len(x), len(weights), dtype=x.dtype)
    for subset in range(weights.shape[1]):
        members = [f for f in range(x.shape[1]) if subset >> f & 1]
        total = total + (1 - 2 * x[:, members]).prod(1)[:, None] * weights[:, subset]
    return torch.sigmoid(-total)


def light_relaxed(x, weights):
    total = torch.zeros(len(x), len(weights), dtype=x.dtype)
    for row in range(weights.shape[1]):
        factors = [x[:, f] if row >> f & 1 else 1 - x[:, f] for f in range(x.shape[1])]
        total = total + torch.stack(factors).prod(0)[:, None] * torch.sigmoid(weights[:, row])
    return total


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32))
def test_discrete_layer_and_its_tables_follow_the_definition(kind, seed):
    generator = torch.Generator().manual_seed(seed)
    columns = 16 if kind[0] == "raw" else 1 << kind[1]
    weights = torch.randn(9, columns, generator=generator)
    layer = gates(*kind, weights).eval()
    expected = naive_rows(kind[0], weights)
    assert torch.equal(layer(every_row(kind[1])).T, torch.tensor(expected).float())
    tables = [sum(bit << row for row, bit in enumerate(rows)) for rows in expected]
    assert [table % (1 << (1 << kind[1])) for table in layer.tables().tolist()] == tables


@pytest.mark.parametrize(
    ("parametrization", "relaxed"),
    [
        ("light", light_relaxed),
        ("walsh", walsh_relaxed),
    ],
)
@pytest.mark.parametrize("arity", [2, 3, 4, 6])
def test_relaxation_and_its_gradients_follow_the_definition(parametrization, relaxed, arity):
    generator = torch.Generator().manual_seed(arity)
    weights = torch.randn(5, 1 << arity, generator=generator, dtype=torch.float64)
    layer = gates(parametrization, arity, weights).train()
    x = torch.rand(7, arity, generator=generator, dtype=torch.float64).requires_grad_()
    ours, theirs = layer(x), relaxed(x, layer.weights)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    inputs = [x, layer.weights]
    pull = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
    for mine, reference in zip(
        torch.autograd.grad(ours, inputs, pull),
        torch.autograd.grad(theirs, inputs, pull),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-11)


def saturated(parametrization, rows):
    """Weights whose gates have these truth tables, rows (n, 2**k) in {0, 1}, without doubt."""
    if parametrization == "raw":
        tables = (rows << torch.arange(4)).sum(1)
        return 100.0 * torch.nn.functional.one_hot(tables, 16)
    logits = (2.0 * rows - 1) * 60
    if parametrization == "light":
        return logits
    size = rows.shape[1]
    parities = [[parity(row, subset) for subset in range(size)] for row in range(size)]
    return -logits @ torch.tensor(parities).float() / size


@pytest.mark.parametrize("parametrization", ["raw", "light", "walsh"])
def test_all_sixteen_tables_saturate_to_the_gate_in_both_modes(parametrization):
    rows = torch.tensor([[table >> row & 1 for row in range(4)] for table in range(16)])
    layer = gates(parametrization, 2, saturated(parametrization, rows))
    assert layer.tables().tolist() == list(range(16))
    assert torch.equal(layer.eval()(every_row(2)), rows.T.float())
    torch.testing.assert_close(layer.train()(every_row(2)), rows.T.float(), rtol=0, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32))
def test_saturated_layer_relaxes_to_the_discrete_one(kind, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(2, (6, 1 << kind[1]), generator=generator)
    layer = gates(*kind, saturated(kind[0], rows))
    x = every_row(kind[1])
    assert torch.equal(layer.eval()(x), rows.T.float())
    torch.testing.assert_close(layer.train()(x), layer.eval()(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("parametrization", ["light", "walsh"])
def test_a_weight_on_the_edge_is_a_zero(parametrization):
    assert gates(parametrization, 2, torch.zeros(2, 4)).tables().tolist() == [0, 0]


@pytest.mark.parametrize(("parametrization", "arity"), KINDS)
def test_all_start_as_the_same_function_under_residual_initialisation(parametrization, arity):
    layer = nn.LogicDense(8, 20, parametrization=parametrization, arity=arity)
    x = torch.randint(2, (30, 8), generator=torch.Generator().manual_seed(0)).float()
    first = x[:, layer.connections[0]]
    assert torch.equal(layer.eval()(x), first)
    stay = (math.exp(5) + 7) / (math.exp(5) + 15)  # of the softmax: "a", and half of the others
    expected = torch.where(first == 1, stay, 1 - stay)
    torch.testing.assert_close(layer.train()(x), expected, rtol=0, atol=1e-5)


def test_light_has_a_quarter_of_the_parameters_of_raw():
    raw, light = (nn.LogicDense(8, 20, parametrization=name) for name in ("raw", "light"))
    assert raw.weights.numel() == 4 * light.weights.numel()


@pytest.mark.parametrize(("parametrization", "arity"), KINDS)
def test_random_initialisation_repeats_from_its_seed(parametrization, arity):
    def layer(seed):
        generator = torch.Generator().manual_seed(seed)
        return nn.LogicDense(
            8, 20, parametrization=parametrization, arity=arity, init="random", generator=generator
        )

    first, again, other = layer(0), layer(0), layer(1)
    assert torch.equal(first.weights, again.weights)
    assert torch.equal(first.connections, again.connections)
    assert not torch.equal(first.weights, other.weights)


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"2\*\*16 of 4 inputs; use parametrization=.light"):
        nn.LogicDense(8, 8, arity=4)
    with pytest.raises(ValueError, match="arity=7: a gate has 2 to 6 inputs"):
        nn.LogicDense(8, 8, parametrization="light", arity=7)
    with pytest.raises(ValueError, match="known are raw, light, walsh"):
        nn.LogicDense(8, 8, parametrization="warp")
