"""Boolean neurons: their variation by the definition, their optimizer, their training."""

import itertools
import math

import numpy as np
import pytest
import torch

from lgncc import nn
from lgncc.nn.boolean import BooleanDense, BooleanOptimizer
from lgncc.nn.digits import load_digits

PIXEL_THRESHOLDS = (3.0, 7.0, 11.0, 13.0)


def bits(n):
    return itertools.product((0, 1), repeat=n)


def agreements(weights, inputs):
    return sum(w == x for w, x in zip(weights, inputs, strict=True))


def neuron(weights, threshold):
    """A layer of one neuron that reads input i with weight i."""
    layer = BooleanDense(
        len(weights),
        1,
        len(weights),
        wiring=torch.arange(len(weights))[:, None],
        thresholds=torch.tensor([threshold]),
    )
    layer.weights.copy_(torch.tensor([weights], dtype=torch.bool))
    return layer


@pytest.mark.parametrize("fan_in", [1, 2, 3, 4])
def test_variation_of_every_small_neuron_follows_the_definition(fan_in):
    """Rise of the count when a bit goes 0 to 1, times the window, times what is asked."""
    for weights in bits(fan_in):
        for threshold in range(fan_in + 2):
            layer = neuron(weights, threshold)
            for inputs in bits(fan_in):
                x = torch.tensor([inputs], dtype=torch.float32, requires_grad=True)
                asked = 1.5
                layer.variation = None
                (asked * layer.train()(x)).sum().backward()
                count = agreements(weights, inputs)
                distance = 2 * (count - (threshold - 0.5))
                window = 1 / math.cosh(math.pi / (2 * math.sqrt(3 * fan_in)) * distance) ** 2
                for i in range(fan_in):
                    on, off = ((*weights[:i], bit, *weights[i + 1 :]) for bit in (1, 0))
                    rise = agreements(on, inputs) - agreements(off, inputs)
                    assert layer.variation[0, i].item() == pytest.approx(asked * window * rise)
                    answers = [agreements(w, inputs) >= threshold for w in (on, off)]
                    exact = int(answers[0]) - int(answers[1])
                    assert exact in (0, rise), "where the answer changes, it changes that way"
                    on, off = ((*inputs[:i], bit, *inputs[i + 1 :]) for bit in (1, 0))
                    rise = agreements(weights, on) - agreements(weights, off)
                    assert x.grad[0, i].item() == pytest.approx(asked * window * rise)


@pytest.mark.parametrize("binarization", ["boolean", "biper"])
@pytest.mark.parametrize("fan_in", [1, 2, 5, 6])
def test_forward_counts_agreements_in_both_modes(binarization, fan_in):
    generator = torch.Generator().manual_seed(fan_in)
    thresholds = torch.arange(-1, 11) % (fan_in + 2)
    layer = BooleanDense(
        9, 12, fan_in, binarization=binarization, thresholds=thresholds, generator=generator
    )
    x = torch.randint(2, (50, 9), generator=generator)
    expected = [
        [
            int(agreements(w, row[c].tolist()) >= t)
            for w, c, t in zip(
                layer.weight_bits().int().tolist(), layer.connections.T, thresholds, strict=True
            )
        ]
        for row in x
    ]
    assert layer.train()(x.float()).tolist() == expected
    assert layer.eval()(x.float()).tolist() == expected


def test_a_boolean_layer_holds_no_float():
    layer = BooleanDense(8, 6, 5)
    assert {name: tensor.dtype for name, tensor in layer.named_parameters()} == {
        "weights": torch.bool
    }
    assert {tensor.dtype for tensor in layer.state_dict().values()} == {torch.bool, torch.int64}
    assert layer.weights.shape == (6, 5)
    layer(torch.ones(3, 8)).sum().backward()
    assert layer.weights.grad is None
    assert all(tensor.dtype in (torch.bool, torch.int64) for tensor in layer.state_dict().values())


def test_wiring_gives_every_neuron_different_inputs_and_every_input_work():
    layer = BooleanDense(20, 40, 6, generator=torch.Generator().manual_seed(1))
    assert all(len(set(column)) == 6 for column in layer.connections.T.tolist())
    use = torch.bincount(layer.connections.flatten(), minlength=20)
    assert use.min() >= 6
    assert use.max() <= 14


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, 4, 5), {}, "5 different inputs needs as many, not 3"),
        ((3, 0, 2), {}, "at least 1"),
        ((3, 4, 2), {"binarization": "sign"}, "binarization='sign'"),
        ((3, 4, 2), {"frequency": 0.0}, "above 0"),
        ((3, 4, 2), {"wiring": torch.zeros(4, 2, dtype=torch.int64)}, r"must be torch.int64 \(2"),
        ((3, 4, 2), {"wiring": torch.full((2, 4), 3)}, "outside 0 to 2"),
        ((3, 4, 2), {"thresholds": torch.ones(4)}, "thresholds are torch.float32"),
    ],
)
def test_impossible_layers_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        BooleanDense(*arguments, **options)


def test_optimizer_flips_what_the_accumulated_variation_contradicts():
    """Against the rule of the paper, restated a weight at a time."""
    layer = BooleanDense(6, 5, 4, generator=torch.Generator().manual_seed(3))
    optimizer = BooleanOptimizer(layer, lr=0.4)
    draws = np.random.default_rng(0)
    weights, held, beta = layer.weights.clone().tolist(), np.zeros((5, 4)), 1.0
    some = 0
    for _ in range(12):
        asked = draws.normal(0, 1.5, (5, 4)).astype(np.float32)
        layer.variation = torch.from_numpy(asked)
        optimizer.step()
        flips = 0
        for row, column in itertools.product(range(5), range(4)):
            held[row, column] = beta * held[row, column] + 0.4 * float(asked[row, column])
            if held[row, column] * (1 if weights[row][column] else -1) >= 1:
                weights[row][column] = not weights[row][column]
                held[row, column] = 0.0
                flips += 1
        beta = 1 - flips / 20
        some += flips
        assert layer.weights.tolist() == weights
        assert optimizer.flipped == flips
    assert 5 < some < 200
    optimizer.zero_grad()
    before = layer.weights.clone()
    optimizer.step()
    assert torch.equal(layer.weights, before), "nothing asked, nothing flipped"


def test_optimizer_refuses_models_without_boolean_weights():
    with pytest.raises(ValueError, match="no BooleanDense"):
        BooleanOptimizer(torch.nn.Sequential(BooleanDense(4, 4, 2, binarization="biper")), 1.0)
    with pytest.raises(ValueError, match="above 0"):
        BooleanOptimizer(BooleanDense(4, 4, 2), 0.0)


def test_biper_is_the_sign_of_a_sine_and_learns_by_its_cosine():
    layer = BooleanDense(8, 50, 8, binarization="biper", frequency=7.0)
    weights = layer.weights.detach().double()
    assert torch.equal(layer.weight_bits(), torch.sin(7.0 * weights) >= 0)
    assert 0.3 < layer.weight_bits().float().mean() < 0.7
    x = torch.randint(2, (1, 8), generator=torch.Generator().manual_seed(0)).float()
    layer.train()(x).sum().backward()
    assert layer.variation is None
    count = (layer.weight_bits() == x[0, layer.connections.T].bool()).sum(dim=1)
    slope = 1 - torch.tanh(math.pi / math.sqrt(24) * (count - layer.thresholds + 0.5)) ** 2
    # A sign of +1 instead of -1 adds one agreement where the input is 1: half a sign each.
    signs = x[0, layer.connections.T] - 0.5
    expected = slope[:, None] * signs * 7.0 * torch.cos(7.0 * layer.weights.detach())
    torch.testing.assert_close(layer.weights.grad, expected)


def digits_network(seed, binarization="boolean"):
    generator = torch.Generator().manual_seed(seed)
    thresholds = torch.tensor(PIXEL_THRESHOLDS, dtype=torch.float64).expand(64, -1)
    return torch.nn.Sequential(
        nn.Thermometer(thresholds, nn.InputFormat(bits=5)),
        BooleanDense(256, 500, 9, binarization=binarization, generator=generator),
        BooleanDense(500, 500, 9, binarization=binarization, generator=generator),
        nn.GroupSum(10, tau=3.0),
    )


def accuracy(model, x, y):
    return (model(x).argmax(dim=1) == y).double().mean().item()


def train(model, optimizer, data, epochs, first=0, until=None):
    """Epochs `first` to `until`, each with its own seed, so that one may start in between."""
    for epoch in range(first, until or epochs):
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full_lr", group["lr"]) * (1 - epoch / epochs)
        order = torch.randperm(len(data.train_x), generator=torch.Generator().manual_seed(epoch))
        for batch in order.split(128):
            scores = model.train()(data.train_x[batch].float())
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(scores, data.train_y[batch]).backward()
            optimizer.step()


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("sklearn.datasets")
    torch.set_num_threads(1)
    return load_digits()


def test_boolean_network_learns_digits(data):
    model = digits_network(0)
    before = accuracy(model.eval(), data.test_x, data.test_y)
    train(model, BooleanOptimizer(model, lr=30.0), data, epochs=15)
    assert before < 0.3
    assert accuracy(model.eval(), data.test_x, data.test_y) >= 0.88
    assert all(p.dtype == torch.bool for p in model.parameters())


def test_biper_network_learns_digits(data):
    model = digits_network(0, "biper")
    train(model, torch.optim.Adam(model.parameters(), lr=0.003), data, epochs=10)
    assert accuracy(model.eval(), data.test_x, data.test_y) >= 0.88


def test_training_repeats_and_resumes_to_the_same_bits(data):
    whole, again = digits_network(5), digits_network(5)
    train(whole, BooleanOptimizer(whole, lr=30.0), data, epochs=3)
    optimizer = BooleanOptimizer(again, lr=30.0)
    train(again, optimizer, data, epochs=3, until=1)
    resumed = digits_network(99)
    resumed.load_state_dict(again.state_dict())
    fresh = BooleanOptimizer(resumed, lr=1.0)
    fresh.load_state_dict(optimizer.state_dict())
    train(resumed, fresh, data, epochs=3, first=1)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
