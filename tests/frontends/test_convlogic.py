"""convlogic: against a place-by-place restatement of its layers' evaluation.

Restated from lkorinek/convlogic (not on PyPI): a kernel's eight inputs are unpacked from
`selection`, a place outside of the image is 0, complete layers end in a 2x2 maximum, and
thresholds are stacked as channels, the first threshold's first.
"""

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import group_scores, winner

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import convlogic, difflogic
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict

TRUTH = [f"{number:04b}" for number in range(16)]
"""The published table counts up: its columns are AB = 00, 01, 10, 11."""


def gate(number, a, b):
    return int(TRUTH[number][2 * a + b])


def conv(image, tensors, kernel, stride, padding):
    """image[c][y][x] of bits to the same, after trees and pool if the layer is complete."""
    kinds = tensors["weights"].argmax(-1).tolist()
    h, w = len(image[0]), len(image[0][0])
    rows = (h + 2 * padding - kernel) // stride + 1
    columns = (w + 2 * padding - kernel) // stride + 1

    def read(packed, y, x):
        packed = packed % 2**32
        channel, row, column = packed // 65536, packed // 256 % 256, packed % 256
        y, x = y * stride + row - padding, x * stride + column - padding
        return image[channel][y][x] if 0 <= y < h and 0 <= x < w else 0

    result = []
    for number, packed in zip(kinds, tensors["selection"].tolist(), strict=True):
        plane = []
        for y in range(rows):
            line = []
            for x in range(columns):
                a, b, c, d, e, f, g, i = (read(place, y, x) for place in packed)
                leaves = [
                    gate(n, *pair)
                    for n, pair in zip(number[:4], ((a, b), (c, d), (e, f), (g, i)), strict=True)
                ]
                if len(number) == 4:
                    line.append(leaves)
                    continue
                left = gate(number[4], leaves[0], leaves[1])
                right = gate(number[5], leaves[2], leaves[3])
                line.append(gate(number[6], left, right))
            plane.append(line)
        result.append(pool(plane, 2, 2) if len(number) == 7 else plane)
    return result


def pool(plane, size, stride):
    rows, columns = (len(plane) - size) // stride + 1, (len(plane[0]) - size) // stride + 1
    near = range(size)
    return [
        [
            max(plane[y * stride + i][x * stride + j] for i in near for j in near)
            for x in range(columns)
        ]
        for y in range(rows)
    ]


def dense(bits, tensors):
    kinds = tensors["weights"].argmax(-1).tolist()
    wires = zip(tensors["indices_0"].tolist(), tensors["indices_1"].tolist(), strict=True)
    return [gate(n, bits[a], bits[b]) for n, (a, b) in zip(kinds, wires, strict=True)]


def flatten(value):
    return [bit for part in value for bit in flatten(part)] if isinstance(value, list) else [value]


def conv_tensors(rng, channels, out, kernel, gates=7):
    places = [torch.randint(0, n, (out, 8), generator=rng) for n in (channels, kernel, kernel)]
    selection = (places[0] << 16 | places[1] << 8 | places[2]).to(torch.int32)
    return {"weights": torch.randn(out, gates, 16, generator=rng), "selection": selection}


def dense_tensors(rng, n_in, out, cuda=False):
    wires = [torch.randint(0, n_in, (out,), generator=rng) for _ in range(2)]
    tensors = {
        "weights": torch.randn(out, 16, generator=rng),
        "indices_0": wires[0],
        "indices_1": wires[1],
    }
    if cuda:
        tensors["given_x_indices_of_y_start"] = torch.zeros(n_in + 1, dtype=torch.int64)
        tensors["given_x_indices_of_y"] = torch.zeros(2 * out, dtype=torch.int64)
    return tensors


def network(*layers, prefix="", skip=()):
    """A state dict; numbers of layers without tensors are skipped, as in a Sequential."""
    numbers = [n for n in range(99) if n not in skip]
    return {
        f"{prefix}{number}.{key}": value
        for number, tensors in zip(numbers, layers, strict=False)
        for key, value in tensors.items()
    }


def toml(tmp_path, *tables):
    path = tmp_path / "layers.toml"
    lines = []
    for table in tables:
        quoted = {key: f'"{v}"' if isinstance(v, str) else v for key, v in table.items()}
        lines += ["[[layer]]", *(f"{key} = {value}" for key, value in quoted.items())]
    path.write_text("\n".join(lines))
    return path


def conv_entry(kernel=3, stride=1, padding=1):
    return {"kind": "conv", "kernel": kernel, "stride": stride, "padding": padding}


def read(content, tmp_path, **facts):
    path = tmp_path / "conv.pt"
    torch.save(content, path)
    return convlogic.read(Source(path), GivenFacts(**facts))


def images(shape, samples=8, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (samples, *shape))


def answers(model, x):
    return predict(model, x.reshape(len(x), -1)).bits.astype(int).tolist()


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(7)


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


# The traps.


def place(channel, row, column):
    return channel << 16 | row << 8 | column


def wires(*places, gates=7):
    """A layer that passes on its first input: gate 3 (A) everywhere."""
    weights = torch.zeros(1, gates, 16)
    weights[..., 3] = 1.0
    return {"weights": weights, "selection": torch.tensor([places], dtype=torch.int32)}


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


# Facts, readout, broken files.


def small(rng):
    """2x6x6 to 3x3x3 to 8 gates."""
    return network(conv_tensors(rng, 2, 3, 3), dense_tensors(rng, 27, 8, cuda=True), skip={1})


SMALL = {"input_shape": (2, 6, 6)}


def test_classes_are_group_sums(tmp_path, rng):
    state = small(rng)
    listed = toml(tmp_path, conv_entry())
    x = images((2, 6, 6))
    bits = answers(read(state, tmp_path, layers=listed, **SMALL), x)
    model = read(state, tmp_path, layers=listed, classes=4, tau=6.5, **SMALL)
    answer = predict(model, x.reshape(len(x), -1))
    expected = [group_scores(row, 4) for row in bits]
    assert answer.scores.tolist() == expected
    assert answer.classes.tolist() == [winner(scores) for scores in expected]
    assert list(map(str, model.provenance.facts)) == [
        "layers: conv (given)",
        "dense network: 27-8 (from checkpoint)",
        "gates: argmax of 16 weights, the first of equals (from checkpoint)",
        "wiring: selection and indices of every layer (from checkpoint)",
        "input shape: 2,6,6 (given)",
        "inputs: 72 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 4 contiguous groups (given)",
        "tau: 6.5 (given)",
    ]


def test_a_state_dict_without_its_layer_list_says_what_to_write(tmp_path, rng):
    with pytest.raises(InputError, match=r"conv\.pt: .*of its 1 convolutions") as caught:
        read(small(rng), tmp_path, **SMALL)
    assert '[[layer]]\n  kind = "conv"' in str(caught.value)


def put(key, value):
    return lambda state: state.update({key: value(state[key]) if callable(value) else value})


NOTHING = put("0.weights", lambda t: t)
BROKEN = {
    "no shape": (NOTHING, {"input_shape": None}, "needs the shape of a sample"),
    "flat shape": (NOTHING, {"input_shape": (72,)}, "needs the shape of a sample"),
    "few channels": (NOTHING, {"input_shape": (1, 6, 6)}, "reads channel 1, of 1 as given"),
    "other shape": (
        NOTHING,
        {"input_shape": (2, 8, 8)},
        r"has shape \(28,\), one more than its inputs, and 48 come before",
    ),
    "small kernel": (NOTHING, {"layers": [conv_entry(kernel=2)]}, "reads row 2, of 2 as given"),
    "other padding": (NOTHING, {"layers": [conv_entry(padding=2)]}, r"has shape \(28,\)|read"),
    "large kernel": (NOTHING, {"layers": [conv_entry(kernel=99)]}, "places are left"),
    "two entries": (NOTHING, {"layers": [conv_entry()] * 2}, "holds conv; .* lists conv, conv"),
    "gates": (put("0.weights", torch.zeros(3, 5, 16)), {}, r"\(3, 5, 16\)"),
    "columns": (put("0.weights", torch.zeros(3, 7, 15)), {}, "expected"),
    "selection": (put("0.selection", lambda t: t[:2].clone()), {}, r"0\.selection has shape"),
    "selection kind": (put("0.selection", lambda t: t.float()), {}, "expected int"),
    "wiring": (put("2.indices_0", torch.full((8,), 27)), {}, "indices read 27 to 27"),
    "negative": (put("2.indices_1", torch.full((8,), -1)), {}, "indices read -1 to -1"),
    "no wiring": (lambda state: state.pop("2.indices_1"), {}, r"2\.indices_1 is missing"),
    "NaN": (put("2.weights", torch.full((8, 16), float("nan"))), {}, "holds NaN"),
    "extra": (put("2.bias", torch.zeros(1)), {}, r"nothing is known of 2\.bias"),
    "order": (put("3.weights", torch.zeros(3, 7, 16)), {}, "dense layers come before"),
    "classes": (NOTHING, {"classes": 3}, "8 outputs do not divide"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_and_wrong_facts_are_refused_with_the_place(tmp_path, rng, name):
    change, facts, message = BROKEN[name]
    state = small(rng)
    change(state)
    facts = {**SMALL, "layers": [conv_entry()], **facts}
    facts["layers"] = toml(tmp_path, *facts["layers"])
    with pytest.raises(InputError, match=rf"conv\.pt: .*({message})"):
        read(state, tmp_path, **facts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a layer list is \[\[layer\]\] tables"),
        ("x =", "not a TOML file"),
        ("layer = 3", "a layer list is"),
        (
            "[[layer]]\nkind = 'conv'\nkernel = 3",
            "layer 0 is .* kinds and their keys are conv: ker",
        ),
        ("[[layer]]\nkind = 'dense'", "layer 0 is"),
        (
            "[[layer]]\nkind = 'conv'\nkernel = 0\nstride = 1\npadding = 0",
            "layer 0: kernel is 0; an integer from 1",
        ),
        (
            "[[layer]]\nkind = 'conv'\nkernel = 3\nstride = [1, 2, 3]\npadding = 0",
            r"layer 0: stride is \[1, 2, 3\]",
        ),
    ],
)
def test_a_wrong_layer_list_is_refused(tmp_path, rng, text, message):
    path = tmp_path / "layers.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"layers\.toml: .*{message}"):
        read(small(rng), tmp_path, layers=path, **SMALL)


def test_recognition_is_by_content(tmp_path, rng):
    listed = toml(tmp_path, conv_entry())
    read(small(rng), tmp_path, layers=listed, **SMALL)
    path = tmp_path / "conv.pt"
    assert convlogic.recognize(Source(path)) is None
    assert difflogic.recognize(Source(path)) is not None
    given_facts = GivenFacts(layers=listed, **SMALL)
    assert frontends.load(path, given_facts).provenance.frontend == "convlogic"
    torch.save({"0.weights": torch.zeros(3, 16)}, path)
    assert convlogic.recognize(Source(path)) is not None
    path.write_text("hello")
    assert convlogic.recognize(Source(path)) is not None


def test_damaged_files_never_crash(tmp_path, rng):
    listed = toml(tmp_path, conv_entry())
    read(small(rng), tmp_path, layers=listed, **SMALL)
    facts = GivenFacts(layers=listed, classes=2, **SMALL)
    tally = check_reader(convlogic.READER, (tmp_path / "conv.pt").read_bytes(), facts)
    assert tally["refused"] > 0.3 * tally.total()
