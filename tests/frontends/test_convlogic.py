"""convlogic: networks answer as the place-by-place restatement of their layers."""

import numpy as np
import pytest
import torch
from convlogic_cases import (
    answers,
    conv,
    conv_entry,
    conv_tensors,
    dense,
    dense_tensors,
    flatten,
    gate,
    images,
    network,
    place,
    pool,
    read,
    toml,
    wires,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.errors import InputError


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_networks_answer_as_restated(tmp_path_factory, data):
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    folder = tmp_path_factory.mktemp("conv")
    shape = (
        data.draw(st.integers(1, 3)),
        data.draw(st.integers(4, 9)),
        data.draw(st.integers(4, 9)),
    )
    tensors, entries, c, h, w = [], [], *shape
    for _ in range(data.draw(st.integers(1, 2))):
        kernel, stride = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
        padding = data.draw(st.integers(0, 2))
        out = data.draw(st.integers(1, 4))
        sizes = [(n + 2 * padding - kernel) // stride + 1 for n in (h, w)]
        if min(sizes) < 2:
            break
        tensors.append(conv_tensors(rng, c, out, kernel))
        entries.append(conv_entry(kernel, stride, padding))
        c, h, w = out, sizes[0] // 2, sizes[1] // 2
    if not tensors:
        return
    dense_layers = [dense_tensors(rng, c * h * w, 9, cuda=True), dense_tensors(rng, 9, 6)]
    state = network(*tensors, *dense_layers, prefix="model.network.", skip={len(tensors)})
    layers = toml(folder, *entries)
    model = read({"state_dict": state, "epoch": 1}, folder, input_shape=shape, layers=layers)
    x = images(shape)
    expected = []
    for image in x.tolist():
        signal = image
        for part, entry in zip(tensors, entries, strict=True):
            signal = conv(signal, part, entry["kernel"], entry["stride"], entry["padding"])
        signal = flatten(signal)
        for part in dense_layers:
            signal = dense(signal, part)
        expected.append(signal)
    assert answers(model, x) == expected


def test_every_gate_number_on_every_row(tmp_path):
    weights = torch.eye(16)[:, None].repeat(1, 4, 1)
    selection = torch.tensor([[0, 1] * 4] * 16, dtype=torch.int32)
    entry = conv_entry(kernel=2, padding=0)
    model = read(
        network({"weights": weights, "selection": selection}),
        tmp_path,
        input_shape=(1, 2, 2),
        layers=toml(tmp_path, entry),
    )
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        found = answers(model, np.array([[a, b, 0, 0]]))[0]
        assert found == [gate(n, a, b) for n in range(16) for _ in range(4)]


def test_bare_convolutions_trees_and_pools_make_the_same_as_a_complete_layer(tmp_path, rng):
    whole = conv_tensors(rng, 2, 5, 3)
    parts = [
        {"weights": whole["weights"][:, :4].clone(), "selection": whole["selection"]},
        {"weights": whole["weights"][:, 4:6].clone()},
        {"weights": whole["weights"][:, 6:].clone()},
    ]
    facts = {"input_shape": (2, 6, 8)}
    x = images((2, 6, 8))
    complete = read(network(whole), tmp_path, layers=toml(tmp_path, conv_entry()), **facts)
    expected = [flatten(conv(image, whole, 3, 1, 1)) for image in x.tolist()]
    assert answers(complete, x) == expected
    tree = {"kind": "tree"}
    listed = toml(tmp_path, conv_entry(), tree, tree, {"kind": "pool", "kernel": 2, "stride": 2})
    assert answers(read(network(*parts), tmp_path, layers=listed, **facts), x) == expected
    # A bare layer alone: four values a place, flattened last.
    listed = toml(tmp_path, conv_entry())
    bare = [flatten(conv(image, parts[0], 3, 1, 1)) for image in x.tolist()]
    assert answers(read(network(parts[0]), tmp_path, layers=listed, **facts), x) == bare


def test_pools_may_overlap(tmp_path, rng):
    tensors = conv_tensors(rng, 1, 3, 2)
    listed = toml(
        tmp_path,
        conv_entry(kernel=2, padding=0),
        {"kind": "pool", "kernel": 2, "stride": 1},
    )
    x = images((1, 8, 9))
    model = read(network(tensors), tmp_path, input_shape=(1, 8, 9), layers=listed)
    expected = [
        flatten([pool(plane, 2, 1) for plane in conv(image, tensors, 2, 1, 0)])
        for image in x.tolist()
    ]
    assert answers(model, x) == expected


def test_rows_and_columns_may_differ(tmp_path):
    layer = wires(*[place(0, 1, 2)] * 8, gates=4)
    listed = toml(tmp_path, {"kind": "conv", "kernel": [2, 3], "stride": [1, 2], "padding": [0, 1]})
    model = read(network(layer), tmp_path, input_shape=(1, 3, 4), layers=listed)
    # Rows 1 and 2; columns 2 - 1 and 2 + 2 - 1.
    x = np.arange(12)[None] == np.arange(12)[:, None]
    found = np.array(answers(model, x)).reshape(12, 2, 2, 4)[..., 0]
    assert [int(found[:, r, c].argmax()) for r in (0, 1) for c in (0, 1)] == [5, 7, 9, 11]


def test_a_complete_layer_ends_in_an_or_of_two_by_two_places(tmp_path):
    layer = wires(*[place(0, 0, 0)] * 8)
    listed = toml(tmp_path, conv_entry(kernel=1, padding=0))
    model = read(network(layer), tmp_path, input_shape=(1, 2, 4), layers=listed)
    assert answers(model, np.array([[0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]])) == [
        [0, 1],
        [1, 0],
    ]


def test_outside_of_the_image_is_zero(tmp_path):
    layer = wires(*[place(0, 0, 0)] * 8, gates=4)
    listed = toml(tmp_path, conv_entry(kernel=3, padding=1))
    model = read(network(layer), tmp_path, input_shape=(1, 2, 2), layers=listed)
    found = np.array(answers(model, np.ones((1, 4), int))[0]).reshape(2, 2, 4)[..., 0]
    assert found.tolist() == [[0, 0], [0, 1]]


def test_thresholds_are_stacked_as_channels_the_first_threshold_first(tmp_path, rng):
    thresholds = np.array([60.5, 128.0, 200.0])
    np.savez(tmp_path / "t.npz", thresholds=thresholds)
    tensors = conv_tensors(rng, 6, 4, 3)
    x = np.random.default_rng(0).integers(0, 256, (6, 2, 4, 4))
    facts = {
        "input_shape": (2, 4, 4),
        "layers": toml(tmp_path, conv_entry()),
        "thermometer": tmp_path / "t.npz",
        "input_format": "u8",
    }
    model = read(network(tensors), tmp_path, **facts)
    expected = []
    for image in torch.tensor(x):
        stacked = torch.cat([(image > t).int() for t in thresholds.tolist()], dim=0)
        expected.append(flatten(conv(stacked.tolist(), tensors, 3, 1, 1)))
    assert answers(model, x) == expected
    assert "encoder: thermometer x > t, 96 bits (given)" in map(str, model.provenance.facts)
    np.savez(tmp_path / "t.npz", thresholds=thresholds[None])
    with pytest.raises(InputError, match=r"convlogic compares all features with the same levels"):
        read(network(tensors), tmp_path, **facts)


def test_channels_from_32768_on_keep_their_sign_bit(tmp_path):
    packed = torch.tensor([[place(40000, 0, 0) - 2**32] * 8], dtype=torch.int64).int()
    layer = {**wires(*[0] * 8, gates=4), "selection": packed}
    listed = toml(tmp_path, conv_entry(kernel=1, padding=0))
    model = read(network(layer), tmp_path, input_shape=(40001, 1, 1), layers=listed)
    x = np.zeros((1, 40001), int)
    x[0, 40000] = 1
    assert answers(model, x) == [[1, 1, 1, 1]]
