"""The golden model against torchlogix's own forward pass: convolution, pooling, residual blocks."""

import pytest
import torch
from torchlogix_models import (
    GATES,
    ResidualLogicBlock,
    assert_agrees,
    bits,
    conv_list,
    dense,
    pool,
    read,
    sequential,
    tl,
)

pytestmark = pytest.mark.usefixtures("one_thread")

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
        lambda: tl.LogicConv2d(
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
        lambda: tl.LogicConv3d(
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
        lambda: tl.LogicConv2d(
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
        lambda: tl.LogicConv2d((6, 7), 1, 3, tree_depth=2, receptive_field_size=2),
        lambda: tl.OrPooling2d(kernel, stride, padding),
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
        lambda: tl.LogicConv3d((4, 5, 4), 1, 2, tree_depth=2, receptive_field_size=2),
        lambda: tl.OrPooling3d(kernel, stride, padding),
    )
    layers = conv_list((1, 4, 5, 4), "raw", conv, pool("or_pool3d", kernel, stride, padding))
    golden = read(tmp_path, model, layers, input_shape=(1, 4, 5, 4))
    assert_agrees(model, bits(1, 4, 5, 4), golden)


@pytest.mark.parametrize("parametrization", ["raw", "light", "warp"])
def test_forward_of_residual_blocks(tmp_path, parametrization):
    block = {"in_channels": 3, "out_channels": 3, "tree_depth": 2}
    model = sequential(
        lambda: ResidualLogicBlock(4, **block, parametrization=parametrization),
        lambda: tl.OrPooling2d(1, 2),
    )
    layer = 'kind = "residual"\nreceptive_field_size = 3\npadding = 1'
    layers = conv_list((3, 4, 4), parametrization, layer, pool("or_pool2d", 1, 2, 0))
    golden = read(tmp_path, model, layers, input_shape=(3, 4, 4))
    assert_agrees(model, bits(3, 4, 4), golden)


def test_forward_of_a_whole_convolutional_network(tmp_path):
    """As torchlogix's ClgnMnist: convolutions, pools, flatten, dense layers, GroupSum."""
    model = sequential(
        tl.DummyBinarization,
        lambda: tl.LogicConv2d(8, 1, 4, tree_depth=3, receptive_field_size=3, padding=1),
        lambda: tl.OrPooling2d(2, 2),
        lambda: ResidualLogicBlock(4, 4, 4, tree_depth=2),
        lambda: tl.LogicConv2d(4, 4, 6, tree_depth=2, receptive_field_size=3),
        lambda: tl.OrPooling2d(2, 2, padding=1),
        torch.nn.Flatten,
        dense(24, 60),
        dense(60, 40),
        lambda: tl.GroupSum(10, tau=6.5, beta=0.25),
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
