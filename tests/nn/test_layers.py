"""The layers against gate-by-gate Python, and the relaxation against sixteen formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn
from lgncc.gates import GATES

ROWS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
"""Row r of a truth table: a is bit 0 of r, b is bit 1."""

# The probability that each gate is 1 for independent inputs, by name, as on paper.
PROBABILITY = {
    "false": lambda a, b: a * 0,
    "nor": lambda a, b: (1 - a) * (1 - b),
    "a_and_not_b": lambda a, b: a * (1 - b),
    "not_b": lambda a, b: 1 - b,
    "not_a_and_b": lambda a, b: (1 - a) * b,
    "not_a": lambda a, b: 1 - a,
    "xor": lambda a, b: a * (1 - b) + (1 - a) * b,
    "nand": lambda a, b: 1 - a * b,
    "and": lambda a, b: a * b,
    "xnor": lambda a, b: a * b + (1 - a) * (1 - b),
    "a": lambda a, b: a,
    "a_or_not_b": lambda a, b: 1 - (1 - a) * b,
    "b": lambda a, b: b,
    "not_a_or_b": lambda a, b: 1 - a * (1 - b),
    "or": lambda a, b: 1 - (1 - a) * (1 - b),
    "true": lambda a, b: a * 0 + 1,
}


def naive_relaxed(x, weights, connections):
    """Sixteen separate operations, mixed by the softmax."""
    a, b = x[:, connections[0]], x[:, connections[1]]
    every = torch.stack([PROBABILITY[gate.name](a, b) for gate in GATES], dim=-1)
    return (every * torch.softmax(weights, dim=-1)).sum(-1)


def naive_discrete(x, weights, connections):
    """One gate and one sample at a time, in plain Python."""
    result = []
    for sample in x.int().tolist():
        bits = []
        for logits, a, b in zip(weights.tolist(), *connections.tolist(), strict=True):
            table = logits.index(max(logits))
            bits.append(table >> (sample[a] + 2 * sample[b]) & 1)
        result.append(bits)
    return torch.tensor(result, dtype=torch.float32)


def one_gate(table, logit):
    layer = nn.LogicDense(2, 1, wiring=torch.tensor([[0], [1]]))
    weights = torch.zeros(1, 16)
    weights[0, table] = logit
    layer.weights = torch.nn.Parameter(weights)
    return layer


@pytest.mark.parametrize("table", range(16))
def test_one_hot_weights_give_the_gate_table_in_both_modes(table):
    expected = torch.tensor([[float(table >> row & 1)] for row in range(4)])
    relaxed = one_gate(table, logit=200.0).train()
    torch.testing.assert_close(relaxed(ROWS), expected, rtol=0, atol=1e-6)
    assert torch.equal(one_gate(table, logit=0.1).eval()(ROWS), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 9), gates=st.integers(5, 30))
def test_relaxed_layer_and_its_gradients_match_sixteen_operations(seed, n, gates):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.LogicDense(n, gates, init="random", generator=generator).double().train()
    x = torch.rand(6, n, generator=generator, dtype=torch.float64, requires_grad=True)
    ours = layer(x)
    theirs = naive_relaxed(x, layer.weights, layer.connections)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    pull = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
    inputs = [x, layer.weights]
    for mine, reference in zip(
        torch.autograd.grad(ours, inputs, pull),
        torch.autograd.grad(theirs, inputs, pull),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-12)


def test_gradients_pass_gradcheck():
    generator = torch.Generator().manual_seed(1)
    layer = nn.LogicDense(5, 7, init="random", generator=generator).double().train()
    x = torch.rand(3, 5, generator=generator, dtype=torch.float64, requires_grad=True)

    def forward(x, weights):
        return torch.func.functional_call(layer, {"weights": weights}, (x,))

    assert torch.autograd.gradcheck(forward, (x, layer.weights))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 12), gates=st.integers(6, 40))
def test_eval_mode_matches_a_loop_over_gates(seed, n, gates):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.LogicDense(n, gates, init="random", generator=generator).eval()
    x = torch.randint(2, (9, n), generator=generator).float()
    assert torch.equal(layer(x), naive_discrete(x, layer.weights.detach(), layer.connections))


def test_first_of_equal_weights_is_the_gate():
    layer = nn.LogicDense(2, 3, init="random")
    with torch.no_grad():
        layer.weights.fill_(-1.0)
        layer.weights[1, 6] = layer.weights[1, 9] = 2.0
        layer.weights[2, 14] = layer.weights[2, 15] = 0.0
    assert layer.tables().tolist() == [0, 6, 14]


def test_residual_initialisation_passes_a_through():
    layer = nn.LogicDense(4, 9, wiring="random").eval()
    x = torch.randint(2, (20, 4)).float()
    assert torch.equal(layer(x), x[:, layer.connections[0]])
    relaxed = layer.train()(x)
    assert (relaxed[x[:, layer.connections[0]] == 1] > 0.9).all()


def test_wrong_input_width_is_refused():
    with pytest.raises(ValueError, match=r"LogicDense: the input is \(3, 5\), not \(batch, 4\)"):
        nn.LogicDense(4, 4)(torch.zeros(3, 5))
    with pytest.raises(ValueError, match="known initialisations are"):
        nn.LogicDense(4, 4, init="zeros")


def test_group_sum_adds_contiguous_groups():
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
    expected = torch.tensor([[0.5, 1.0, 0.0], [0.0, 0.5, 1.0]])
    assert torch.equal(nn.GroupSum(3, tau=2.0)(x), expected)
    assert nn.GroupSum(3)(torch.zeros(0, 6)).shape == (0, 3)


def test_group_sum_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="7 bits do not divide into 3 equal groups"):
        nn.GroupSum(3)(torch.zeros(1, 7))
    for classes, tau in ((0, 1.0), (2, 0.0), (2, float("nan")), (2, float("inf"))):
        with pytest.raises(ValueError, match="GroupSum needs classes >= 1 and tau > 0"):
            nn.GroupSum(classes, tau)


def test_argmax_of_tied_scores_is_the_lowest_class():
    scores = nn.GroupSum(4)(torch.tensor([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]))
    assert scores.argmax(dim=1).tolist() == [1, 0]


def test_thermometer_is_strict_and_feature_major():
    layer = nn.Thermometer(torch.tensor([[0.0, 2.0], [1.0, 3.0]]), nn.InputFormat(bits=2))
    x = torch.tensor([[0, 3], [1, 2], [2, 1], [3, 0]], dtype=torch.uint8)
    expected = [[0, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]
    # Columns: feature 0 > 0, feature 0 > 2, feature 1 > 1, feature 1 > 3.
    assert layer(x).int().tolist() == expected


def test_thermometer_compares_32_bit_features_exactly():
    layer = nn.Threshold(1, 2**31 + 1, nn.InputFormat(bits=32))
    x = torch.tensor([[2**31], [2**31 + 1], [2**31 + 2]])
    assert layer(x).flatten().tolist() == [0, 0, 1]


def test_input_layers_refuse_what_cannot_be_built():
    with pytest.raises(ValueError, match="1 to 32 bits, not 33"):
        nn.InputFormat(bits=33)
    with pytest.raises(ValueError, match="behind the point, not -1"):
        nn.InputFormat(bits=8, fraction=-1)
    with pytest.raises(ValueError, match=r"\(4,\); it must be \(features, levels\)"):
        nn.Thermometer(torch.zeros(4), nn.InputFormat(8))
    with pytest.raises(ValueError, match="threshold 1 of feature 0 is NaN"):
        nn.Thermometer(torch.tensor([[0.0, np.nan]]), nn.InputFormat(8))
    with pytest.raises(ValueError, match="3 features given, 2 expected"):
        nn.Threshold(2, 0.5, nn.InputFormat(8))(torch.zeros(1, 3))
