"""The kernel against the sum over all corners, sample by sample, and finite differences."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.nn import interpolation
from lgncc.nn.interpolation import interpolate

ARITIES = range(2, 7)


def naive(x, values, connections):
    """Each gate as the expected value over its corners; plain torch, so with a tape."""
    columns = []
    for gate, row_values in enumerate(values):
        fanins = [x[:, index] for index in connections[:, gate].tolist()]
        total = torch.zeros(len(x), dtype=x.dtype)
        for row, value in enumerate(row_values):
            weight = torch.ones(len(x), dtype=x.dtype)
            for place, fanin in enumerate(fanins):
                weight = weight * (fanin if row >> place & 1 else 1 - fanin)
            total = total + value * weight
        columns.append(total)
    return torch.stack(columns, dim=1)


def case(seed, arity, n, gates, batch, dtype=torch.float64):
    """Random inputs in [0, 1] and corner values, which ask for their gradients; wiring."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, n, generator=generator, dtype=dtype).requires_grad_()
    values = torch.randn(gates, 1 << arity, generator=generator, dtype=dtype).requires_grad_()
    return x, values, torch.randint(n, (arity, gates), generator=generator)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    arity=st.sampled_from(ARITIES),
    n=st.integers(1, 9),
    gates=st.integers(1, 12),
    batch=st.integers(1, 9),
    block=st.sampled_from([1, 50, 200, interpolation.BLOCK_FLOATS]),
)
def test_layer_and_its_gradients_match_the_sum_over_corners(seed, arity, n, gates, batch, block):
    x, values, connections = case(seed, arity, n, gates, batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "BLOCK_FLOATS", block)
        ours, theirs = interpolate(x, values, connections), naive(x, values, connections)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        pull = torch.randn(ours.shape, dtype=ours.dtype)
        for mine, reference in zip(
            torch.autograd.grad(ours, [x, values], pull),
            torch.autograd.grad(theirs, [x, values], pull),
            strict=True,
        ):
            torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("arity", ARITIES)
def test_gradients_pass_gradcheck(arity):
    x, values, connections = case(1, arity, n=7, gates=3, batch=2)
    assert torch.autograd.gradcheck(lambda x, v: interpolate(x, v, connections), (x, values))


@pytest.mark.parametrize("arity", ARITIES)
def test_every_corner_gives_its_value_exactly(arity):
    """Every row of a table is reached, in float32, without rounding."""
    x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=arity))).flip(1)  # row r spells r
    tables = torch.randint(2, (40, 1 << arity), generator=torch.Generator().manual_seed(2))
    connections = torch.arange(arity)[:, None].expand(-1, 40)
    assert torch.equal(interpolate(x, tables.float(), connections), tables.T.float())


@pytest.mark.parametrize("arity", [2, 4])
def test_first_layer_asks_for_no_gradient_of_its_inputs(arity):
    x, values, connections = case(3, arity, n=5, gates=6, batch=4)
    pull = torch.randn(4, 6, dtype=torch.float64)
    wanted = torch.autograd.grad(interpolate(x, values, connections), values, pull)[0]
    assert torch.equal(
        torch.autograd.grad(interpolate(x.detach(), values, connections), values, pull)[0], wanted
    )


@pytest.mark.parametrize("arity", [2, 3])
def test_features_of_another_dtype_are_taken(arity):
    _, values, connections = case(4, arity, n=5, gates=6, batch=4, dtype=torch.float32)
    bits = torch.randint(2, (4, 5), generator=torch.Generator().manual_seed(5))
    expected = interpolate(bits.float(), values, connections)
    assert torch.equal(interpolate(bits, values, connections), expected)
    torch.testing.assert_close(interpolate(bits.double(), values, connections).float(), expected)


@pytest.mark.parametrize("arity", [2, 4])
def test_no_samples_are_no_answers(arity):
    _, values, connections = case(6, arity, n=5, gates=6, batch=1)
    assert interpolate(torch.zeros(0, 5), values, connections).shape == (0, 6)
