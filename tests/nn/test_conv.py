"""Convolutions against loops over places and gates, relaxed and discrete."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn

PROBABILITY = [
    lambda a, b: a * 0,
    lambda a, b: (1 - a) * (1 - b),
    lambda a, b: a * (1 - b),
    lambda a, b: 1 - b,
    lambda a, b: (1 - a) * b,
    lambda a, b: 1 - a,
    lambda a, b: a * (1 - b) + (1 - a) * b,
    lambda a, b: 1 - a * b,
    lambda a, b: a * b,
    lambda a, b: a * b + (1 - a) * (1 - b),
    lambda a, b: a,
    lambda a, b: 1 - (1 - a) * b,
    lambda a, b: b,
    lambda a, b: 1 - a * (1 - b),
    lambda a, b: 1 - (1 - a) * (1 - b),
    lambda a, b: a * 0 + 1,
]
"""Indexed by truth table, as in `lgncc.gates`: the table's bit a + 2b is the value at (a, b)."""


def naive_conv(image, weights, first_wires, geometry, relaxed):
    """image[c][r][col] of numbers to [kernel][row][column], a place and a gate at a time.

    weights: raw, [level][gate][16]; first_wires: [fanin][gate], places in the window.
    """
    kernel, stride, padding, kernels = geometry
    height, width = len(image[0]), len(image[0][0])

    def read(place, row, column):
        channel, within = divmod(place, kernel * kernel)
        r = row * stride + within // kernel - padding
        c = column * stride + within % kernel - padding
        inside = 0 <= r < height and 0 <= c < width
        return image[channel][r][c] if inside else torch.zeros((), dtype=torch.float64)

    def gate(logits, a, b):
        if relaxed:
            shares = torch.softmax(logits, 0)
            return sum(s * f(a, b) for s, f in zip(shares, PROBABILITY, strict=True))
        return PROBABILITY[logits.tolist().index(max(logits.tolist()))](a, b)

    def tree(k, row, column):
        leaves = len(weights[0]) // kernels
        values = [
            gate(
                weights[0][k * leaves + leaf],
                *(read(int(wires[k * leaves + leaf]), row, column) for wires in first_wires),
            )
            for leaf in range(leaves)
        ]
        for level in weights[1:]:
            half = len(values) // 2
            values = [
                gate(level[k * half + j], values[2 * j], values[2 * j + 1]) for j in range(half)
            ]
        return values[0]

    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    return torch.stack(
        [
            torch.stack([torch.stack([tree(k, r, c) for c in range(columns)]) for r in range(rows)])
            for k in range(kernels)
        ]
    )


@st.composite
def convolutions(draw, max_length=5):
    """A layer of raw gates with random weights, and its generator."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    kernel = draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel - 1))
    lengths = st.integers(max(1, kernel - 2 * padding), max_length)
    in_shape = (draw(st.integers(1, 3)), draw(lengths), draw(lengths))
    layer = nn.LogicConv2d(
        in_shape,
        draw(st.integers(1, 3)),
        kernel,
        draw(st.integers(1, 2)),
        padding,
        draw(st.integers(1, 3)),
        init="random",
        generator=generator,
    )
    return layer.double(), generator


def naive(layer, x, relaxed):
    weights = [level.weights for level in layer.levels]
    geometry = layer.kernel, layer.stride, layer.padding, layer.channels
    wires = layer.levels[0].connections
    return torch.stack([naive_conv(image, weights, wires, geometry, relaxed) for image in x])


@settings(max_examples=15)
@given(convolutions())
def test_eval_mode_matches_loops_over_places_and_gates(case):
    layer, generator = case
    x = torch.randint(2, (2, *layer.in_shape), generator=generator).double()
    assert torch.equal(layer.eval()(x), naive(layer, x, relaxed=False))


@settings(max_examples=8)
@given(convolutions(max_length=3))
def test_relaxed_layer_and_its_gradients_match_sixteen_operations(case):
    layer, generator = case
    x = torch.rand(2, *layer.in_shape, generator=generator, dtype=torch.float64, requires_grad=True)
    ours, theirs = layer.train()(x), naive(layer, x, relaxed=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    pull = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
    inputs = [x, *layer.parameters()]
    mine = torch.autograd.grad(ours, inputs, pull)
    reference = torch.autograd.grad(theirs, inputs, pull, allow_unused=True, materialize_grads=True)
    for one, other in zip(mine, reference, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("parametrization", ["raw", "light", "walsh"])
def test_gradients_reach_every_level_of_every_layer(parametrization):
    generator = torch.Generator().manual_seed(0)
    first = nn.LogicConv2d(
        (1, 8, 8), 6, 3, 1, 1, 3, parametrization=parametrization, generator=generator
    )
    second = nn.LogicConv2d(
        (6, 4, 4), 8, 3, 1, 1, 2, parametrization=parametrization, generator=generator
    )
    model = torch.nn.Sequential(
        nn.Image(1, 8, 8), first, nn.OrPool2d(2), second, nn.Flatten(), nn.GroupSum(2)
    ).train()
    x = torch.rand(4, 64, generator=generator)
    torch.nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 0, 1])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad != 0).any(), name


def test_a_tree_reads_no_place_twice_while_there_are_enough():
    layer = nn.LogicConv2d((2, 6, 6), 50, 3, depth=4, generator=torch.Generator().manual_seed(0))
    read = layer.levels[0].connections.T.reshape(50, 16)
    assert all(len(set(places)) == 16 for places in read.tolist())
    assert set(read.flatten().tolist()) == set(range(18))
    few = nn.LogicConv2d((1, 6, 6), 5, 2, depth=4).levels[0].connections.T.reshape(5, 16)
    assert all(places.count(p) == 4 for places in few.tolist() for p in range(4))


def test_wiring_repeats_from_its_generator_and_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    one, same, other = (
        nn.LogicConv2d(
            (2, 5, 5), 4, 3, init="random", generator=torch.Generator().manual_seed(seed)
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name]), name
    assert not torch.equal(one.levels[0].connections, other.levels[0].connections)


def test_residual_initialisation_passes_the_first_leaf_through():
    layer = nn.LogicConv2d((1, 5, 5), 3, 3, padding=1, depth=3).eval()
    x = torch.randint(2, (4, 1, 5, 5)).float()
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    for kernel, answer in enumerate(layer(x).unbind(1)):
        row, column = divmod(int(layer.levels[0].connections[0, 4 * kernel]), 3)
        assert torch.equal(answer, padded[:, 0, row : row + 5, column : column + 5])


def test_or_pool_is_or_over_windows_and_drops_what_fills_none():
    x = torch.randint(2, (3, 2, 7, 5), generator=torch.Generator().manual_seed(0)).float()
    for kernel, stride in ((2, None), (3, 2), (2, 1)):
        step = stride or kernel
        answer = nn.OrPool2d(kernel, stride)(x)
        assert answer.shape[2:] == ((7 - kernel) // step + 1, (5 - kernel) // step + 1)
        for r, c in itertools.product(range(answer.shape[2]), range(answer.shape[3])):
            window = x[:, :, r * step : r * step + kernel, c * step : c * step + kernel]
            assert torch.equal(answer[:, :, r, c], window.flatten(2).any(2).float())


def test_or_pool_trains_only_the_highest_input():
    x = torch.tensor([[[[0.1, 0.9], [0.3, 0.2]]]], requires_grad=True)
    nn.OrPool2d(2).train()(x).sum().backward()
    assert x.grad.tolist() == [[[[0.0, 1.0], [0.0, 0.0]]]]


def test_image_puts_levels_into_channels():
    # Two channels of 1 x 2 with three levels: feature f at level l is the number 10f + l.
    bits = torch.tensor([[10.0 * f + level for f in range(4) for level in range(3)]])
    image = nn.Image(2, 1, 2, levels=3)(bits)
    assert image.shape == (1, 6, 1, 2)
    assert image[0, :, 0].tolist() == [[0, 10], [1, 11], [2, 12], [20, 30], [21, 31], [22, 32]]
    assert torch.equal(nn.Flatten()(image)[0], image.flatten())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 5), "kernel of 5 is larger than the image 1 x 4 x 4"),
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 2, padding=2), "padding is less than the kernel"),
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 2, 0), "stride 0"),
        (lambda: nn.LogicConv2d((1, 4, 4), 0, 2), "0 trees of depth 2"),
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 2, depth=17), "trees of depth 17"),
        (lambda: nn.LogicConv2d((1, 9999, 9999), 2, 2), "places of 10 signals"),
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 2, arity=4), "takes no arity: it draws trees"),
        (lambda: nn.Image(1, 0, 4), "0 x 4 places"),
        (lambda: nn.Image(1, 4, 4)(torch.zeros(2, 15)), "takes 16 bits, but gets 15 bits"),
        (
            lambda: nn.LogicConv2d((1, 4, 4), 2, 2)(torch.zeros(2, 1, 4, 5)),
            "takes an image 1 x 4 x 4, but gets 1 x 4 x 5",
        ),
        (lambda: nn.LogicConv2d((1, 4, 4), 2, 2)(torch.zeros(2, 16)), "nn.Image makes one"),
        (lambda: nn.OrPool2d(5)(torch.zeros(2, 1, 4, 4)), "kernel of 5 is larger"),
        (lambda: nn.OrPool2d()(torch.zeros(2, 16)), "takes an image .* but gets 16 bits"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
