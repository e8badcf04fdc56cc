"""The golden model against torchlogix's own forward pass: every layer type, 10,000 vectors.

    python -m pytest tests/frontends/test_torchlogix_forward.py

Weights are random, and so are inputs. Each network is read twice: its state dict, with a
layer list where one is needed, and the module pickled whole.
"""

import dataclasses

import numpy as np
import pytest
import torch
from fuzz import same_model
from torchlogix_shim import torchlogix

from lgncc.frontends import GivenFacts, load
from lgncc.golden import predict

torchlogix()

from torchlogix.layers import (  # noqa: E402 # importable only now
    DummyBinarization,
    FixedBinarization,
    GroupSum,
    LearnableBinarization,
    LogicConv2d,
    LogicConv3d,
    LogicDense,
    OrPooling2d,
    OrPooling3d,
    SoftBinarization,
)
from torchlogix.models.nn import RandomlyConnectedNN  # noqa: E402
from torchlogix.modules import ResidualLogicBlock  # noqa: E402

VECTORS = 10_000
BATCH = 2_000


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors: a second thread costs more than it brings, on a busy machine a lot."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(build, *args, **kwargs):
    """A module whose wiring and weights are random, but the same in each run."""
    torch.manual_seed(0)
    module = build(*args, **kwargs)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module.eval()


def sequential(*builders):
    return seeded(lambda: torch.nn.Sequential(*(build() for build in builders)))


def bits(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 2, (VECTORS, *shape), generator=generator).float()


def numbers(*shape):
    """Values of s8.4, most of which meet a threshold of the tests somewhere."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(-128, 128, (VECTORS, *shape), generator=generator).float() / 16


def read(path, model, layers=None, **given):
    """Both readings of a network, which must be the same one."""
    torch.save(model.state_dict(), path / "state.pt")
    if layers is not None:
        (path / "layers.toml").write_text(layers)
        given["layers"] = path / "layers.toml"
    facts = GivenFacts(**given)
    from_state = load(path / "state.pt", facts)
    torch.save(model, path / "module.pt")
    facts = dataclasses.replace(facts, layers=None, parametrization=None, trust_pickle=True)
    from_module = load(path / "module.pt", facts)
    assert same_model(from_state, from_module)
    return from_state


def assert_agrees(model, x, golden):
    with torch.no_grad():
        expected = torch.cat([model(batch) for batch in x.split(BATCH)]).flatten(1).numpy()
    answer = predict(golden, x.flatten(1).numpy())
    if golden.readout.kind == "bits":
        assert set(np.unique(expected)) == {0.0, 1.0}
        np.testing.assert_array_equal(answer.bits, expected)
        return
    assert len(np.unique(expected)) > 2
    scores = (answer.scores + golden.readout.beta) / golden.readout.tau
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    np.testing.assert_array_equal(answer.classes, expected.argmax(axis=1))


def dense(in_dim, out_dim, parametrization="raw", rank=2, **kwargs):
    return lambda: LogicDense(
        in_dim, out_dim, parametrization=parametrization, lut_rank=rank, **kwargs
    )


GATES = [("raw", 2), *((name, rank) for name in ("light", "warp") for rank in (2, 4, 6))]
CONNECTIONS = {
    "random": {"connections_kwargs": {"init_method": "random"}},
    "unique": {"connections_kwargs": {"init_method": "random-unique"}},
    "learnable": {"connections": "learnable"},
    "candidates": {
        "connections": "learnable",
        "connections_kwargs": {"num_candidates": 3, "gumbel": True},
    },
}


@pytest.mark.parametrize("connections", CONNECTIONS)
@pytest.mark.parametrize(("parametrization", "rank"), GATES)
def test_forward_of_dense(tmp_path, parametrization, rank, connections):
    kwargs = CONNECTIONS[connections]
    model = sequential(
        dense(24, 30, parametrization, rank, **kwargs),
        dense(30, 20, parametrization, rank, **kwargs),
        lambda: GroupSum(5, tau=3.0),
    )
    given = {} if parametrization == "raw" else {"parametrization": parametrization}
    golden = read_dense(tmp_path, model, **given)
    assert_agrees(model, bits(24), golden)


def read_dense(path, model, **given):
    """Without a layer list: what `lgncc eval MODEL.pt --classes 5` does."""
    torch.save({"state_dict": model.state_dict()}, path / "model.pt")
    # `random-unique` leaves inputs unread, so that the file cannot tell their number.
    return load(path / "model.pt", GivenFacts(classes=5, tau=3.0, input_bits=24, **given))


def test_forward_of_dense_with_one_input_a_gate(tmp_path):
    model = sequential(dense(12, 20, "warp", 1), dense(20, 24, "warp", 1))
    assert_agrees(model, bits(12), read(tmp_path, model))


def test_forward_of_dense_on_the_last_dimension_of_an_image(tmp_path):
    model = sequential(dense(6, 9), torch.nn.Flatten, dense(36, 24))
    layers = """
        input_shape = [4, 6]
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "dense"
    """
    assert_agrees(model, bits(4, 6), read(tmp_path, model, layers, input_shape=(4, 6)))


def test_forward_of_gates_of_several_parametrizations(tmp_path):
    model = sequential(dense(10, 24), dense(24, 30, "light", 4), dense(30, 18, "warp", 2))
    layers = """
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "dense"
        parametrization = "light"
        [[layer]]
        kind = "dense"
        parametrization = "warp"
    """
    assert_agrees(model, bits(10), read(tmp_path, model, layers))


def test_forward_of_a_model_class_of_torchlogix(tmp_path):
    model = seeded(RandomlyConnectedNN, in_dim=14, k=30, layers=3, class_count=3, tau=2.0)
    torch.save(model, tmp_path / "module.pt")
    whole = load(tmp_path / "module.pt", GivenFacts(trust_pickle=True))
    torch.save(model.state_dict(), tmp_path / "state.pt")
    state = load(tmp_path / "state.pt", GivenFacts(classes=3, tau=2.0))
    assert same_model(whole, state)
    assert_agrees(model, bits(14), state)


def conv_list(shape, parametrization, *layers):
    head = f'input_shape = {list(shape)}\nparametrization = "{parametrization}"\n'
    return head + "".join(f"[[layer]]\n{layer}\n" for layer in layers)


CONVS = {  # in_dim, channels, depth, window, stride, padding, rank
    "one level": ((5, 5), 1, 1, 3, 1, 0, 2),
    "two levels, padded": ((4, 5), 2, 2, 3, 1, 1, 2),
    "three levels, stride": ((5, 4), 3, 3, (3, 2), 2, 1, 2),
    "four inputs a gate": ((4, 4), 2, 2, 3, 2, 1, 4),
    "six inputs a gate": ((4, 4), 2, 1, 3, 1, 0, 6),
    "one window": ((3, 3), 2, 2, 3, 1, 0, 2),
}


@pytest.mark.parametrize(
    ("case", "parametrization"),
    [(case, name) for case in CONVS for name, rank in GATES if rank == CONVS[case][-1]],
)
def test_forward_of_conv2d(tmp_path, case, parametrization):
    size, channels, depth, window, stride, padding, rank = CONVS[case]
    model = sequential(
        lambda: LogicConv2d(
            size,
            channels,
            num_kernels=3,
            tree_depth=depth,
            receptive_field_size=window,
            stride=stride,
            padding=padding,
            parametrization=parametrization,
            lut_rank=rank,
        )
    )
    stated = list(window) if isinstance(window, tuple) else window
    layer = f'kind = "conv2d"\nreceptive_field_size = {stated}\npadding = {padding}'
    shape = (channels, *size)
    golden = read(tmp_path, model, conv_list(shape, parametrization, layer), input_shape=shape)
    assert_agrees(model, bits(*shape), golden)


@pytest.mark.parametrize("parametrization", ["raw", "light", "warp"])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_forward_of_conv3d(tmp_path, parametrization, stride, padding):
    shape = (2, 3, 4, 5)
    model = sequential(
        lambda: LogicConv3d(
            shape[1:],
            channels=2,
            num_kernels=3,
            tree_depth=2,
            receptive_field_size=(2, 3, 3),
            stride=stride,
            padding=padding,
            parametrization=parametrization,
        )
    )
    layer = f'kind = "conv3d"\nreceptive_field_size = [2, 3, 3]\npadding = {padding}'
    golden = read(tmp_path, model, conv_list(shape, parametrization, layer), input_shape=shape)
    assert_agrees(model, bits(*shape), golden)


def test_forward_of_conv2d_with_channel_groups(tmp_path):
    model = sequential(
        lambda: LogicConv2d(
            5,
            channels=4,
            num_kernels=6,
            tree_depth=2,
            receptive_field_size=3,
            padding=1,
            connections_kwargs={"channel_group_size": 2, "init_method": "random-unique"},
        )
    )
    layer = 'kind = "conv2d"\nreceptive_field_size = 3\npadding = 1'
    golden = read(tmp_path, model, conv_list((4, 5, 5), "raw", layer), input_shape=(4, 5, 5))
    assert_agrees(model, bits(4, 5, 5), golden)


POOLS = [(2, 2, 0), (2, 2, 1), (3, 1, 1), ((2, 3), (1, 2), (0, 1))]


@pytest.mark.parametrize(("kernel", "stride", "padding"), POOLS)
def test_forward_of_or_pooling_2d(tmp_path, kernel, stride, padding):
    conv = 'kind = "conv2d"\nreceptive_field_size = 2\npadding = 0'
    model = sequential(
        lambda: LogicConv2d((6, 7), 1, 3, tree_depth=2, receptive_field_size=2),
        lambda: OrPooling2d(kernel, stride, padding),
    )
    layers = conv_list((1, 6, 7), "raw", conv, pool("or_pool2d", kernel, stride, padding))
    golden = read(tmp_path, model, layers, input_shape=(1, 6, 7))
    assert_agrees(model, bits(1, 6, 7), golden)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 0), (2, 2, 1), ((1, 2, 3), (1, 1, 2), (0, 1, 1))]
)
def test_forward_of_or_pooling_3d(tmp_path, kernel, stride, padding):
    conv = 'kind = "conv3d"\nreceptive_field_size = 2\npadding = 0'
    model = sequential(
        lambda: LogicConv3d((4, 5, 4), 1, 2, tree_depth=2, receptive_field_size=2),
        lambda: OrPooling3d(kernel, stride, padding),
    )
    layers = conv_list((1, 4, 5, 4), "raw", conv, pool("or_pool3d", kernel, stride, padding))
    golden = read(tmp_path, model, layers, input_shape=(1, 4, 5, 4))
    assert_agrees(model, bits(1, 4, 5, 4), golden)


def pool(kind, *sizes):
    sizes = [list(size) if isinstance(size, tuple) else size for size in sizes]
    return 'kind = "{}"\nkernel_size = {}\nstride = {}\npadding = {}'.format(kind, *sizes)


@pytest.mark.parametrize("parametrization", ["raw", "light", "warp"])
def test_forward_of_residual_blocks(tmp_path, parametrization):
    block = {"in_channels": 3, "out_channels": 3, "tree_depth": 2}
    model = sequential(
        lambda: ResidualLogicBlock(4, **block, parametrization=parametrization),
        lambda: OrPooling2d(1, 2),
    )
    layer = 'kind = "residual"\nreceptive_field_size = 3\npadding = 1'
    layers = conv_list((3, 4, 4), parametrization, layer, pool("or_pool2d", 1, 2, 0))
    golden = read(tmp_path, model, layers, input_shape=(3, 4, 4))
    assert_agrees(model, bits(3, 4, 4), golden)


# Binarization: features of s8.4, thresholds of which some are met exactly.

GRID = [-3.0, 0.5, 2.0625]
PER_FEATURE = torch.tensor([[-3.0, 0.5], [0.1, 4.0], [1.0, 7.9375], [-8.0, -7.5], [9.0, 11.0]])


@pytest.mark.parametrize("thresholds", [PER_FEATURE, torch.tensor(GRID), torch.tensor([GRID])])
@pytest.mark.parametrize("kind", [FixedBinarization, SoftBinarization])
def test_forward_of_fixed_binarization(tmp_path, kind, thresholds):
    width = 5 * thresholds.shape[-1]
    model = sequential(
        lambda: kind(thresholds), torch.nn.Flatten, dense(width, 30), lambda: GroupSum(3)
    )
    torch.save(model.state_dict(), tmp_path / "m.pt")
    golden = load(tmp_path / "m.pt", GivenFacts(classes=3, input_format="s8.4"))
    assert_agrees(model, numbers(5), golden)


@pytest.mark.parametrize("levels", [1, 4])
def test_forward_of_learnable_binarization(tmp_path, levels):
    start = torch.linspace(-2, 3, levels).repeat(5, 1)
    model = sequential(
        lambda: LearnableBinarization(start, temperature_softplus=0.3),
        torch.nn.Flatten,
        dense(5 * levels, 30),
        lambda: GroupSum(3),
    )
    assert not torch.equal(model[0].thresholds, model[0].get_thresholds())
    layers = """
        [[layer]]
        kind = "binarization"
        temperature_softplus = 0.3
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "group_sum"
        classes = 3
    """
    golden = read(tmp_path, model, layers, input_format="s8.4")
    assert_agrees(model, numbers(5), golden)


@pytest.mark.parametrize("feature_dim", [1, -2, -3])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("learnable", [True, False])
def test_forward_of_binarized_images(tmp_path, feature_dim, per_channel, learnable):
    thresholds = torch.tensor([GRID, [0.0, 1.0, 3.5]]) if per_channel else torch.tensor(GRID)
    kind = LearnableBinarization if learnable else FixedBinarization
    size = {1: (6, 4, 4), -3: (2, 12, 4), -2: (2, 4, 12)}[feature_dim]
    model = sequential(
        lambda: kind(thresholds, feature_dim=feature_dim),
        lambda: LogicConv2d(size[1:], size[0], 5, tree_depth=2, receptive_field_size=3),
    )
    layers = conv_list(
        (2, 4, 4),
        "raw",
        f'kind = "binarization"\nfeature_dim = {feature_dim}'
        + "\ntemperature_softplus = 0.1" * learnable,
        'kind = "conv2d"\nreceptive_field_size = 3\npadding = 0',
    )
    golden = read(tmp_path, model, layers, input_shape=(2, 4, 4), input_format="s8.4")
    assert_agrees(model, numbers(2, 4, 4), golden)


def test_forward_of_a_whole_convolutional_network(tmp_path):
    """As torchlogix's ClgnMnist: convolutions, pools, flatten, dense layers, GroupSum."""
    model = sequential(
        DummyBinarization,
        lambda: LogicConv2d(8, 1, 4, tree_depth=3, receptive_field_size=3, padding=1),
        lambda: OrPooling2d(2, 2),
        lambda: ResidualLogicBlock(4, 4, 4, tree_depth=2),
        lambda: LogicConv2d(4, 4, 6, tree_depth=2, receptive_field_size=3),
        lambda: OrPooling2d(2, 2, padding=1),
        torch.nn.Flatten,
        dense(24, 60),
        dense(60, 40),
        lambda: GroupSum(10, tau=6.5, beta=0.25),
    )
    layers = conv_list(
        (1, 8, 8),
        "raw",
        'kind = "conv2d"\nreceptive_field_size = 3\npadding = 1',
        pool("or_pool2d", 2, 2, 0),
        'kind = "residual"\nreceptive_field_size = 3\npadding = 1',
        'kind = "conv2d"\nreceptive_field_size = 3\npadding = 0',
        pool("or_pool2d", 2, 2, 1),
        'kind = "flatten"',
        'kind = "dense"',
        'kind = "dense"',
        'kind = "group_sum"\nclasses = 10\ntau = 6.5\nbeta = 0.25',
    )
    golden = read(tmp_path, model, layers, input_shape=(1, 8, 8))
    assert_agrees(model, bits(1, 8, 8), golden)
