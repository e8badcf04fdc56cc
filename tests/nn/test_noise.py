"""Gumbel noise: discrete going forward, the soft choice going back, repeated by the seed."""

import math

import pytest
import torch

from lgncc import nn
from lgncc.gates import GATES
from lgncc.nn.noise import gumbel_noise

KINDS = [("raw", 2), ("light", 2), ("walsh", 2), ("light", 4), ("walsh", 4)]


def layer(parametrization="light", arity=2, **options):
    generator = torch.Generator().manual_seed(0)
    return nn.LogicDense(
        8, 30, parametrization=parametrization, arity=arity, init="random", generator=generator,
        **options,
    )  # fmt: skip


def bits(batch=16):
    return torch.randint(2, (batch, 8), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize(("parametrization", "arity"), KINDS)
def test_noisy_layer_answers_in_bits_and_repeats_from_the_seed(parametrization, arity):
    noisy = layer(parametrization, arity, gumbel=True, temperature=0.7).train()
    torch.manual_seed(5)
    first, other = noisy(bits()), noisy(bits())
    torch.manual_seed(5)
    assert torch.equal(noisy(bits()), first)
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("parametrization", "arity"), KINDS)
def test_eval_mode_has_no_noise(parametrization, arity):
    noisy = layer(parametrization, arity, gumbel=True).eval()
    assert torch.equal(noisy(bits()), layer(parametrization, arity).eval()(bits()))
    before = torch.get_rng_state()
    noisy(bits())
    assert torch.equal(torch.get_rng_state(), before)


def noise(*shape):
    """What `gumbel_noise` draws next: minus the log of an exponential."""
    return -torch.log(torch.empty(shape).exponential_())


def test_gradient_of_raw_is_that_of_the_softmax_at_the_same_noise():
    noisy, x, temperature = layer("raw", gumbel=True, temperature=0.5).train(), bits(), 0.5
    torch.manual_seed(5)
    (ours,) = torch.autograd.grad(noisy(x).square().sum(), noisy.weights)
    torch.manual_seed(5)
    logits = (noisy.weights + noise(30, 16)) / temperature
    tables = torch.tensor([[gate.table >> row & 1 for row in range(4)] for gate in GATES]).float()
    row = (x[:, noisy.connections[0]] + 2 * x[:, noisy.connections[1]]).long()
    hard = tables[logits.argmax(1)][torch.arange(30), row]
    soft = (logits.softmax(1) @ tables)[torch.arange(30), row]
    torch.testing.assert_close(ours, torch.autograd.grad((2 * hard * soft).sum(), noisy.weights)[0])


def test_gradient_of_light_is_that_of_the_sigmoid_at_the_same_noise():
    noisy, x, temperature = layer("light", gumbel=True, temperature=0.5).train(), bits(), 0.5
    torch.manual_seed(5)
    (ours,) = torch.autograd.grad(noisy(x).square().sum(), noisy.weights)
    torch.manual_seed(5)
    logits = noisy.weights + noise(30, 4) - noise(30, 4)
    row = (x[:, noisy.connections[0]] + 2 * x[:, noisy.connections[1]]).long()
    hard = (logits > 0).float()[torch.arange(30), row]
    soft = torch.sigmoid(logits / temperature)[torch.arange(30), row]
    torch.testing.assert_close(ours, torch.autograd.grad((2 * hard * soft).sum(), noisy.weights)[0])


def test_noise_draws_each_choice_as_often_as_its_softmax_says():
    """The Gumbel-max theorem, and its like for two choices."""
    torch.manual_seed(0)
    wiring = torch.tensor([[0], [1]]).repeat(1, 20_000)
    raw = nn.LogicDense(2, 20_000, wiring=wiring, gumbel=True).train()
    light = nn.LogicDense(2, 20_000, parametrization="light", wiring=wiring, gumbel=True).train()
    with torch.no_grad():
        raw.weights[:] = torch.arange(16) / 8
        light.weights[:] = torch.tensor([-2.0, -0.5, 0.5, 1.0])
    rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    tables = torch.tensor([[table >> row & 1 for row in range(4)] for table in range(16)]).float()
    expected = (torch.arange(16) / 8).softmax(0) @ tables
    torch.testing.assert_close(raw(rows).mean(1), expected, rtol=0, atol=0.02)
    torch.testing.assert_close(light(rows).mean(1), light.weights[0].sigmoid(), rtol=0, atol=0.02)


def test_gumbel_noise_has_its_mean_and_variance():
    torch.manual_seed(0)
    drawn = gumbel_noise(torch.empty(200_000))
    assert drawn.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert drawn.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)


def test_temperature_divides_the_logits_of_soft_choices_too():
    soft, halved = layer("light", temperature=2.0).train(), layer("light").train()
    with torch.no_grad():
        halved.weights /= 2
    torch.testing.assert_close(soft(bits()), halved(bits()))


def test_schedule_goes_from_start_to_end_and_resumes():
    model = torch.nn.Sequential(layer(), layer(gumbel=True), nn.GroupSum(3))
    schedule = nn.TemperatureSchedule(model, start=4.0, end=0.25, steps=4)
    seen = []
    for _ in range(6):
        seen.append(model[1].temperature)
        assert model[0].temperature == model[1].temperature
        schedule.step()
    assert seen == pytest.approx([4.0, 2.0, 1.0, 0.5, 0.25, 0.25])
    assert model[1].sampling.gumbel
    assert not model[0].sampling.gumbel
    resumed = nn.TemperatureSchedule(model, start=4.0, end=0.25, steps=4)
    resumed.load_state_dict({"done": 1})
    assert model[0].temperature == pytest.approx(2.0)
    assert resumed.state_dict() == {"done": 1}


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_above_zero_and_finite(wrong):
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        layer(temperature=wrong)
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        nn.set_temperature(layer(), wrong)
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        nn.TemperatureSchedule(layer(), 1.0, wrong, 10)
    with pytest.raises(ValueError, match="0 steps; at least 1"):
        nn.TemperatureSchedule(layer(), 1.0, 0.5, 0)
