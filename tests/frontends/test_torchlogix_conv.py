"""torchlogix convolutions: padding, layer lists that contradict the file, damaged tensors."""

import numpy as np
import pytest
import torch
from torchlogix_cases import (
    CONV,
    answers,
    conv_state,
    naive_output,
    put,
    write,
)

from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, load
from lgncc.golden import predict


@pytest.fixture
def conv(tmp_path):
    """Write the state dict, changed, and the list, changed; read them."""

    def read(change=lambda state: None, replace=("", ""), **given):
        state = conv_state()
        change(state)
        path = write(tmp_path / "conv.pt", state)
        (tmp_path / "l.toml").write_text(CONV.replace(*replace))
        return load(path, GivenFacts(layers=tmp_path / "l.toml", **given))

    return read


def test_outside_of_an_image_is_0(conv):
    x = np.random.default_rng(0).integers(0, 2, (50, 4, 4))
    state = conv_state()
    leaves, root = (state[f"0.tree_weights.{level}"].squeeze(1).tolist() for level in (0, 1))
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
    pairs = ((0, 0), (1, 2)), ((2, 1), (2, 2))
    expected = [
        [
            naive_output("raw", root[0], [
                naive_output("raw", weights, [image[row + r, column + c] for r, c in pair])
                for weights, pair in zip(leaves, pairs, strict=True)
            ])
            for row in range(4)
            for column in range(4)
        ]
        for image in padded
    ]  # fmt: skip
    got = predict(conv(), x.reshape(50, 16)).bits
    np.testing.assert_array_equal(got, np.array(expected, bool))


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (("padding = 1", "padding = 0"), r"out of range: place \[2, 4, 0\]|out of range: place"),
        (("padding = 1", "padding = 2"), "has 16 windows, not those of receptive_field_size"),
        (("size = 3", "size = 2"), r"not a window of receptive_field_size \[2, 2\]"),
        (("size = 3", "size = 4"), "has 16 windows, not those"),
        (("[1, 4, 4]", "[1, 5, 4]"), "has 16 windows, not those"),
        (("[1, 4, 4]", "[16]"), r"conv2d takes \(channels, 2 lengths\)"),
        (("conv2d", "conv3d"), r"conv3d takes \(channels, 3 lengths\)"),
        (("padding = 1", ""), r"layer 0 \(conv2d\): padding is missing"),
        (("padding = 1", "padding = -1"), "padding is -1; it must be an integer from 0"),
        (("padding = 1", "padding = true"), "padding is True"),
        (("padding = 1", "padding = 1\nstrid = 1"), "strid is not known here"),
        (('kind = "conv2d"', 'kind = "conv"'), "unknown kind 'conv'; known are binarization"),
        (('kind = "conv2d"', ""), "kind is missing"),
        (("size = 3", "size = [3]"), "receptive_field_size is"),
        (("[[layer]]", "[[layers]]"), "layer is missing"),
        (("[[layer]]", "[layer"), "not a TOML file"),
        (("input_shape = [1, 4, 4]", ""), "the shape of a sample is not in the file"),
        (("[1, 4, 4]", "[1, 4, 4194304]"), "input_shape is"),
        (('kind = "conv2d"', 'kind = "dense"\n#'), "receptive_field_size, padding is not known"),
        (("padding = 1", 'padding = 1\nname = "9"'), "'9' is listed as conv, but the file has no"),
        (("padding = 1", 'padding = 1\n[[layer]]\nkind = "dense"'), "lists 2 layers that have"),
        (("padding = 1", 'padding = 1\n[[layer]]\nkind = "group_sum"\nclasses = 4'), "list a flat"),
        (('kind = "conv2d"', 'kind = "residual"'), "lists 2 layers that have tensors"),
        (("padding = 1", "padding = 1\nparametrization = 'warp'"), "are raw, not warp as stated"),
    ],
)  # fmt: skip
def test_a_layer_list_that_contradicts_the_file_or_itself_is_an_error(conv, replace, message):
    with pytest.raises(InputError, match=message):
        conv(replace=replace)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("0.connections._indices_L0", (0, 0, 3, 0, 0), 9), "out of range: place"),
        (put("0.connections._indices_L0", (0, 0, 3, 0, 0), -1), "out of range: place"),
        (put("0.connections._indices_L0", (0, 0, 3, 0, 0), 1), "not a window"),
        (put("0.connections._indices_L1", (0, 0), 2), "the level below has 2 nodes"),
        (put("0.connections._indices_L1", (0, 0), -1), "the level below has 2 nodes"),
        (put("0.tree_weights.0", (0, 0, 0), float("nan")), "holds NaN"),
        (lambda s: s.pop("0.tree_weights.1"), "nothing is known of 0.connections._indices_L1|end "),
        (lambda s: s.pop("0.connections._indices_L1"), "_indices_L1 is missing"),
        (lambda s: s.update({"0.tree_weights.0": torch.zeros(3, 1, 16)}), r"are of \(3, 1\)"),
        (lambda s: s.update({"0.bias": torch.zeros(3)}), "nothing is known of 0.bias"),
        (lambda s: s.update({"0.weight": torch.zeros(3, 16)}), "tensors of two kinds"),
    ],
)
def test_a_damaged_convolution_is_an_error(conv, change, message):
    with pytest.raises(InputError, match=rf"conv\.pt: .*({message})"):
        conv(change)


def test_a_convolution_needs_a_layer_list(tmp_path):
    path = write(tmp_path / "conv.pt", conv_state())
    with pytest.raises(InputError, match=r"conv\.pt: a convolutional .* --layers.*0 \(conv\)"):
        load(path)


def test_a_residual_block_cannot_be_listed_as_two_convolutions(tmp_path):
    state = {}
    for branch in (0, 2):
        for key, value in conv_state().items():
            state["3.main." + key.replace("0.", f"{branch}.", 1)] = value
    path = write(tmp_path / "block.pt", state)
    plain = CONV + CONV.partition("\n[[")[2].join(("[[", ""))
    (tmp_path / "l.toml").write_text(plain)
    with pytest.raises(InputError, match=r"3\.main\.0 belongs to a residual block"):
        load(path, GivenFacts(layers=tmp_path / "l.toml"))
    (tmp_path / "l.toml").write_text(CONV.replace("conv2d", "residual"))
    x = np.random.default_rng(0).integers(0, 2, (50, 16))
    block = answers(path, x, layers=tmp_path / "l.toml")
    assert (block | ~x.astype(bool)).all()  # the shortcut shows through the OR
