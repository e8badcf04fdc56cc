"""Thresholds from data and trained ones; the compiled encoder, over every value there is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn
from lgncc.frontends import GivenFacts, native
from lgncc.frontends.source import Source
from lgncc.nn.inputs import quantiles


def all_values(fmt):
    """Every representable value, float64 (2**bits,), in rising order."""
    low = -(1 << fmt.bits - 1) if fmt.signed else 0
    return torch.arange(low, low + (1 << fmt.bits)).double() / 2**fmt.fraction


def encoder_of(path, layer):
    """As the compiler reads it from a checkpoint."""
    width = layer.features * layer.levels
    nn.save(torch.nn.Sequential(layer, nn.LogicDense(width, width)), path)
    return native.read(Source(path), GivenFacts()).encoder


def assert_encoder_is_exact(path, layer, values):
    """Each value in every feature at once: comparisons of a feature know no other feature."""
    encoder = encoder_of(path, layer)
    x = values[:, None].expand(-1, layer.features)
    compiled = torch.from_numpy(encoder.encode(encoder.quantize(x.numpy())))
    assert torch.equal(compiled, layer.eval()(x).bool())


formats = st.builds(
    nn.InputFormat, bits=st.integers(1, 10), signed=st.booleans(), fraction=st.integers(0, 12)
)


@settings(max_examples=40, deadline=None)
@given(fmt=formats, seed=st.integers(0, 2**32), kind=st.sampled_from(["fixed", "data", "learn"]))
def test_compiled_encoder_is_exact_for_every_value_of_the_format(tmp_path_factory, fmt, seed, kind):
    generator = torch.Generator().manual_seed(seed)
    values = all_values(fmt)
    if kind == "fixed":  # also between values and outside of the format
        span = float(values[-1] - values[0]) + fmt.step
        thresholds = (torch.rand(5, 4, generator=generator).double() * 1.4 - 0.2) * span + values[0]
        thresholds[0, :2] = values[torch.randint(len(values), (2,), generator=generator)]
        layer = nn.Thermometer(thresholds, fmt)
    else:
        data = values[torch.randint(len(values), (50, 5), generator=generator)]
        which = nn.Thermometer if kind == "data" else nn.LearnableThermometer
        layer = which.distributive(data, 4, fmt)
    if kind == "learn":  # as training leaves it
        with torch.no_grad():
            layer.differences += torch.randn(5, 4, generator=generator) * fmt.step
    assert_encoder_is_exact(tmp_path_factory.mktemp("m") / "m.pt", layer, values)


def test_compiled_encoder_is_exact_for_every_16_bit_value(tmp_path):
    fmt = nn.InputFormat(16, signed=True, fraction=8)
    data = fmt.nearest(torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * 40)
    for kind in (nn.Thermometer, nn.LearnableThermometer):
        assert_encoder_is_exact(tmp_path / "m.pt", kind.distributive(data, 6, fmt), all_values(fmt))


def test_compiled_encoder_is_exact_around_every_32_bit_threshold(tmp_path):
    """Both sides are steps, so that their values next to the step are all values."""
    fmt = nn.InputFormat(32, signed=True)
    thresholds = torch.tensor([[-(2.0**31), -1.5, 0.0, 2.0**31 - 1, 123_456_789.25]]).double()
    near = thresholds.flatten()[:, None] + torch.tensor([-1, -0.5, 0, 0.5, 1])
    values = near.floor().clamp(-(2**31), 2**31 - 1).unique()
    assert_encoder_is_exact(tmp_path / "m.pt", nn.Thermometer(thresholds, fmt), values)


def test_quantiles_split_the_data_evenly():
    data = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:, None] % 1000
    assert quantiles(data, 3).tolist() == [[250.0, 500.0, 750.0]]
    bits = nn.Thermometer.distributive(data, 3, nn.InputFormat(10))(data)
    assert bits.sum(0).tolist() == [749, 499, 249]


def test_quantiles_refuse_what_has_none():
    with pytest.raises(ValueError, match=r"quantiles of data \(0, 3\) at 2 levels"):
        quantiles(torch.zeros(0, 3), 2)
    with pytest.raises(ValueError, match="at 0 levels"):
        quantiles(torch.zeros(5, 3), 0)


def test_learnable_thresholds_start_half_a_step_above_the_quantiles_and_rise():
    data = torch.tensor([[0, 0, 0, 0, 5, 9, 9, 9]]).T
    layer = nn.LearnableThermometer.distributive(data, 4, nn.InputFormat(4))
    expected = torch.tensor([[0.5, 1.5, 5.5, 9.5]]).double()
    assert quantiles(data, 4).tolist() == [[0, 0, 5, 9]]
    torch.testing.assert_close(layer.boundaries(), expected)
    fixed = nn.Thermometer(expected, nn.InputFormat(4))
    values = torch.arange(16)[:, None]
    assert torch.equal(layer.eval()(values), fixed(values))
    assert torch.equal(layer.train()(values), fixed(values))


def test_learnable_thresholds_stay_in_order_whatever_the_parameter():
    layer = nn.LearnableThermometer(torch.tensor([[1.0, 2.0, 3.0]] * 4), nn.InputFormat(8))
    with torch.no_grad():
        layer.differences.copy_(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 50)
    assert (layer.boundaries().diff(dim=1) >= 0).all()


@pytest.mark.parametrize("straight_through", [True, False])
def test_gradient_of_a_threshold_is_that_of_the_sigmoid(straight_through):
    layer = nn.LearnableThermometer(
        torch.tensor([[0.5, 2.0]]), nn.InputFormat(3), temperature=0.7,
        straight_through=straight_through,
    ).train()  # fmt: skip
    x = torch.tensor([[0.0], [1.0], [3.0]]).double()
    bits = layer(x)
    soft = torch.sigmoid((x - layer.thresholds()) / 0.7)
    expected = torch.tensor([[0, 0], [1, 0], [1, 1]]) if straight_through else soft.float()
    torch.testing.assert_close(bits, expected.float(), rtol=0, atol=0 if straight_through else 1e-6)
    pull = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    (ours,) = torch.autograd.grad(bits, layer.differences, pull, retain_graph=True)
    (theirs,) = torch.autograd.grad(soft, layer.differences, pull.double())
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_soft_thresholds_pass_gradcheck():
    layer = nn.LearnableThermometer(
        torch.tensor([[0.5, 2.0], [1.0, 1.5]]), nn.InputFormat(3), straight_through=False
    ).train()
    x = torch.tensor([[0.3, 1.2], [2.5, 0.1]]).double()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.autograd.gradcheck(
            lambda d: torch.func.functional_call(layer, {"differences": d}, (x,)),
            layer.differences,
        )
    finally:
        torch.set_default_dtype(before)


def test_nearest_is_what_the_format_can_hold():
    fmt = nn.InputFormat(4, signed=True, fraction=1)
    x = torch.tensor([-100.0, -4.0, 0.3, 0.74, 3.5, 3.6, 90.0])
    assert fmt.nearest(x).tolist() == [-4.0, -4.0, 0.5, 0.5, 3.5, 3.5, 3.5]


def test_learnable_thresholds_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="thresholds 1 and 2 of feature 1 do not rise"):
        nn.LearnableThermometer(torch.tensor([[0.0, 1, 2], [0, 3, 3]]), nn.InputFormat(4))
    with pytest.raises(ValueError, match="temperature=0"):
        nn.LearnableThermometer(torch.tensor([[0.0]]), nn.InputFormat(4), temperature=0.0)
    with pytest.raises(ValueError, match="2 features given, 1 expected"):
        nn.LearnableThermometer(torch.tensor([[0.0]]), nn.InputFormat(4))(torch.zeros(1, 2))
