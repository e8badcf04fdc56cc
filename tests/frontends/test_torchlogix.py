"""torchlogix state dicts: conventions, traps, layer lists and broken files.

These tests write the tensors themselves and need no torchlogix;
test_torchlogix_forward.py compares with the package's own forward pass.
"""

import itertools
import sys

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import GivenFacts, Source, load, torchlogix
from lgncc.golden import predict


def write(path, tensors, wrap=None):
    state = {name: torch.as_tensor(value) for name, value in tensors.items()}
    torch.save(state if wrap is None else {wrap: state}, path)
    return path


def facts(path, **given):
    return [str(fact) for fact in load(path, GivenFacts(**given)).provenance.facts]


def answers(path, x, **given):
    return predict(load(path, GivenFacts(**given)), x).bits


# The naive second opinion: one gate at a time, input 0 the highest bit of a row.


def naive_row(values):
    return int("".join(str(int(value)) for value in values), 2)


def naive_output(kind, weights, values):
    """Output of one gate whose inputs are `values`."""
    weights = [np.float32(w) for w in weights]
    if kind == "raw":
        gate = weights.index(max(weights))
        return int(f"{gate:04b}"[naive_row(values)])
    if kind == "light":
        return int(weights[naive_row(values)] > 0)
    total = np.float32(0)  # a sum over all products of signs, in float32, first to last
    for subset, weight in zip(itertools.product((0, 1), repeat=len(values)), weights, strict=True):
        sign = 1
        for chosen, value in zip(subset, values, strict=True):
            sign *= (-1 if value else 1) if chosen else 1
        total = np.float32(total + weight * np.float32(sign))
    return int(total < 0)


def naive_network(kind, layers, sample):
    """layers: of (weights, indices), both as nested lists."""
    for weights, indices in layers:
        sample = [
            naive_output(kind, gate, [sample[source] for source in sources])
            for gate, sources in zip(weights, zip(*indices, strict=True), strict=True)
        ]
    return sample


def all_rows(rank):
    return np.array(list(itertools.product((0, 1), repeat=rank)))


# Truth tables.


def layer(weights, rank):
    """One layer whose gates all read inputs 0 to rank - 1, in this order."""
    indices = torch.arange(rank)[:, None].repeat(1, len(weights))
    return {"0.weight": weights, "0.connections.indices": indices}


def test_raw_gates_are_the_sixteen_of_difflogic(tmp_path):
    path = write(tmp_path / "m.pt", layer(torch.eye(16), 2))
    got = answers(path, all_rows(2))
    names = {1: "0001", 2: "0010", 3: "0011", 5: "0101", 6: "0110", 7: "0111", 12: "1100"}
    for gate, outputs in names.items():  # rows 00, 01, 10, 11 of (a, b)
        assert got[:, gate].tolist() == [bit == "1" for bit in outputs]
    for gate in range(16):
        assert got[:, gate].tolist() == [bool(gate >> (3 - row) & 1) for row in range(4)]


def test_the_first_of_equal_raw_weights_is_the_gate(tmp_path):
    weights = torch.zeros(2, 16)
    weights[1, [6, 9]] = 1
    got = answers(write(tmp_path / "m.pt", layer(weights, 2)), all_rows(2))
    assert got.T.tolist() == [[False] * 4, [False, True, True, False]]


@pytest.mark.parametrize("rank", [2, 4])
def test_light_and_warp_have_every_table_with_input_0_highest(tmp_path, rank):
    rows = 1 << rank
    tables = np.array(list(itertools.product((0, 1), repeat=rows)))
    light = torch.tensor(tables * 2.0 - 1)
    walsh = [
        [(-1.0) ** sum(a & b for a, b in zip(j, r, strict=True)) for r in all_rows(rank).tolist()]
        for j in all_rows(rank).tolist()
    ]
    warp = torch.tensor((1 - 2 * tables) @ np.array(walsh) / rows, dtype=torch.float32)
    for name, weights in (("light", light), ("warp", warp)):
        path = write(tmp_path / f"{name}.pt", layer(weights, rank))
        got = answers(path, all_rows(rank), parametrization=name)
        np.testing.assert_array_equal(got, tables.T.astype(bool))


@pytest.mark.parametrize("kind", ["light", "warp"])
def test_tables_of_six_inputs(tmp_path, kind):
    weights = torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
    path = write(tmp_path / "m.pt", layer(weights, 6))
    got = answers(path, all_rows(6), parametrization=kind)
    expected = [[naive_output(kind, gate, x) for gate in weights.tolist()] for x in all_rows(6)]
    np.testing.assert_array_equal(got, np.array(expected, bool))


def test_a_warp_tie_is_0_and_so_is_a_light_weight_of_0(tmp_path):
    path = write(tmp_path / "m.pt", layer(torch.tensor([[0.0] * 4, [1.0, 1.0, 0, 0]]), 2))
    assert answers(path, all_rows(2), parametrization="warp").sum() == 0
    assert answers(path, all_rows(2), parametrization="light").T.tolist() == [
        [False] * 4,
        [True, True, False, False],
    ]


def test_warp_rounds_near_ties_as_float32_sums_do_and_says_so(tmp_path):
    weights = torch.tensor([[16777216.0, 1.0, -16777216.0, -0.5]])  # 2**24 swallows the 1
    path = write(tmp_path / "m.pt", layer(weights, 2))
    expected = [naive_output("warp", weights[0].tolist(), row) for row in all_rows(2)]
    exact = [int((weights[0].double() @ torch.tensor(s).double()) < 0) for s in
             ([1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1])]  # fmt: skip
    assert expected != exact
    assert answers(path, all_rows(2), parametrization="warp")[:, 0].tolist() == [
        bool(bit) for bit in expected
    ]
    assert any("near ties: 1 table rows" in fact for fact in facts(path, parametrization="warp"))
    write(path, layer(torch.ones(1, 4).half(), 2))
    with pytest.raises(InputError, match=r"0\.weight is float16.*save it as float32"):
        load(path, GivenFacts(parametrization="warp"))


@st.composite
def networks(draw):
    kind, rank = draw(
        st.sampled_from([("raw", 2), ("light", 2), ("light", 4), ("warp", 2), ("warp", 4)])
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    n_inputs = width = draw(st.integers(rank, 7))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        out = -(-width // rank) + draw(st.integers(0, 4))
        columns = 16 if kind == "raw" else 1 << rank
        weights = torch.randn(out, columns, generator=generator)
        indices = (torch.randperm(out * rank, generator=generator) % width).reshape(rank, out)
        layers.append((weights, indices))
        width = out
    candidates = min(3, n_inputs, *(len(weights) for weights, _ in layers))
    learnable = draw(st.booleans())
    first = draw(st.integers(0, 12))
    tensors = {}
    for number, (weights, indices) in enumerate(layers):
        name = f"net.{first + 3 * number}"
        tensors[f"{name}.weight"] = weights
        tensors[f"{name}.connections.indices"] = indices
        if learnable:
            scores = torch.randn(candidates, *indices.shape, generator=generator)
            others = torch.randint(0, 1 + indices.max(), scores.shape, generator=generator)
            best = scores.argmax(0, keepdim=True)
            tensors[f"{name}.connections.weights"] = scores
            tensors[f"{name}.connections.indices"] = others.scatter(0, best, indices[None])
    order = draw(st.permutations(list(tensors)))
    plain = [(weights.tolist(), indices.tolist()) for weights, indices in layers]
    return kind, n_inputs, plain, {key: tensors[key] for key in order}


@settings(max_examples=40)
@given_(networks())
def test_random_networks_answer_as_the_naive_evaluator(tmp_path_factory, case):
    kind, n_inputs, layers, tensors = case
    path = write(tmp_path_factory.mktemp("m") / "m.pt", tensors)
    x = np.random.default_rng(0).integers(0, 2, (20, n_inputs))
    given = {} if kind == "raw" else {"parametrization": kind}
    expected = [naive_network(kind, layers, sample.tolist()) for sample in x]
    np.testing.assert_array_equal(
        answers(path, x, input_bits=n_inputs, **given), np.array(expected, bool)
    )


# What a state dict says, and what it does not.


def dense(sizes=(6, 8, 6), start=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for number, (width, out) in enumerate(itertools.pairwise(sizes), start=start):
        wiring = torch.randperm(2 * out, generator=generator) % width
        tensors[f"{number}.weight"] = torch.randn(out, 16, generator=generator)
        tensors[f"{number}.connections.indices"] = wiring.reshape(2, out)
    return tensors


def test_every_fact_has_its_source(tmp_path):
    path = write(tmp_path / "m.pt", dense(), wrap="state_dict")
    assert facts(path, classes=3, tau=2.0) == [
        "layers: Dense, Dense (from checkpoint)",
        "gates: raw, 2 inputs (derived, exact)",
        "wiring: connections of every layer (from checkpoint)",
        "features: 6 (input 5 is the highest that the first layer reads) (derived, exact)",
        "inputs: 6 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 3 contiguous groups (given)",
        "tau: 2 (given)",
    ]


def test_layers_are_in_the_order_of_their_numbers_not_of_the_file(tmp_path):
    tensors = dense([6] * 13)
    x = all_rows(6)
    expected = answers(write(tmp_path / "a.pt", tensors), x)
    backwards = {key: tensors[key] for key in sorted(tensors)}  # 0, 1, 10, 11, 2, ...
    np.testing.assert_array_equal(answers(write(tmp_path / "b.pt", backwards), x), expected)


def test_order_by_words_is_asked_for(tmp_path):
    named = {f"fc_{key}": value for key, value in dense().items()}
    path = write(tmp_path / "m.pt", named)
    with pytest.raises(
        InputError, match=r"m\.pt: whether 'fc_\d' or 'fc_\d' comes first is not in"
    ):
        load(path)
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "dense"\nname = "fc_0"\n[[layer]]\nkind = "dense"\nname = "fc_1"'
    )
    expected = answers(write(tmp_path / "plain.pt", dense()), all_rows(6))
    got = answers(path, all_rows(6), layers=tmp_path / "l.toml")
    np.testing.assert_array_equal(got, expected)


def test_exported_copies_are_ignored_even_when_they_are_stale(tmp_path):
    tensors = dense()
    expected = answers(write(tmp_path / "a.pt", tensors), all_rows(6))
    tensors["0._export_lut_ids"] = torch.zeros(8, dtype=torch.int64)
    tensors["1.connections._export_indices"] = torch.zeros(2, 6, dtype=torch.int64)
    got = answers(write(tmp_path / "b.pt", tensors), all_rows(6))
    np.testing.assert_array_equal(got, expected)


def test_sixteen_columns_of_four_inputs_are_not_raw(tmp_path):
    """The shape (out, 16) alone says nothing: the wiring tells raw from light and warp."""
    weights = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    path = write(tmp_path / "m.pt", layer(weights, 4))
    ambiguous = r"m\.pt: 0\.weight: 16 columns for 4 inputs could be light or warp, and the file "
    with pytest.raises(InputError, match=ambiguous + "does not say; give --parametrization"):
        load(path)
    readings = [answers(path, all_rows(4), parametrization=kind) for kind in ("light", "warp")]
    assert not np.array_equal(*readings)
    with pytest.raises(InputError, match="are light or warp, not raw as stated"):
        load(path, GivenFacts(parametrization="raw"))


def test_old_files_without_wiring_are_named_and_told_the_fix(tmp_path):
    old = {key: value for key, value in dense().items() if key.endswith("weight")}
    path = write(tmp_path / "old.pt", old)
    assert torchlogix.recognize(Source(path)) is None
    with pytest.raises(InputError, match=r"old\.pt: this is a torchlogix state dict .* no wiring"
                       r"(.|\n)*0\.weight \(8, 16\)(.|\n)*before 0\.2\.1"):  # fmt: skip
        load(path)
    old = (0, 0), (0, 1), (1, 0)
    conv = {f"0.tree_weights.{level}.{n}": torch.zeros(4, 16) for level, n in old}
    path = write(tmp_path / "conv.pt", conv)
    (tmp_path / "l.toml").write_text(
        'input_shape = [1, 4, 4]\n[[layer]]\nkind = "conv2d"\nreceptive_field_size = 2\npadding = 0'
    )
    with pytest.raises(InputError, match=r"conv\.pt: .* no wiring"):
        load(path, GivenFacts(layers=tmp_path / "l.toml"))


def test_the_fix_that_the_message_gives_works(tmp_path):
    tensors = dense()
    expected = answers(write(tmp_path / "new.pt", tensors), all_rows(6))
    state = {key: value for key, value in tensors.items() if key.endswith("weight")}
    for name in ("0", "1"):  # torchlogix 0.1: layer.indices is a pair of tensors
        pair = tuple(tensors[f"{name}.connections.indices"])
        state[name + ".connections.indices"] = torch.stack(list(pair))
    got = answers(write(tmp_path / "mended.pt", state), all_rows(6))
    np.testing.assert_array_equal(got, expected)


def test_input_bits_may_widen_but_not_narrow(tmp_path):
    path = write(tmp_path / "m.pt", dense())
    assert load(path, GivenFacts(input_bits=9)).encoder.n_features == 9
    with pytest.raises(InputError, match=r"0\.connections\.indices is out of range: it reads "
                       "input [45], but what comes before has 4"):  # fmt: skip
        load(path, GivenFacts(input_bits=4))


def test_tau_and_beta_keep_scores_whole(tmp_path):
    path = write(tmp_path / "m.pt", dense())
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "dense"\n[[layer]]\nkind = "dense"\n'
        '[[layer]]\nkind = "group_sum"\nclasses = 3\ntau = 6.5\nbeta = 1.5'
    )
    model = load(path, GivenFacts(layers=tmp_path / "l.toml"))
    assert (model.readout.tau, model.readout.beta) == (6.5, 1.5)
    plain = load(path, GivenFacts(classes=3))
    got, expected = (predict(m, all_rows(6)).scores for m in (model, plain))
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(InputError, match=r"says classes = 3, the command line says 2"):
        load(path, GivenFacts(layers=tmp_path / "l.toml", classes=2))


# Learnable thresholds.


def test_stored_thresholds_of_a_learnable_binarization_are_stale(tmp_path):
    steps = torch.tensor([[-1.0, -0.25, 0.5]])
    tensors = {"0.thresholds": torch.tensor([[7.0, 8.0, 9.0]]), "0.raw_diffs": steps}
    tensors |= {
        "1.weight": torch.eye(16)[[3, 3, 3]],  # a
        "1.connections.indices": torch.tensor([[0, 1, 2], [0, 0, 0]]),
    }
    path = write(tmp_path / "m.pt", tensors)
    with pytest.raises(InputError, match=r"m\.pt: 0\.raw_diffs: .* temperature_softplus, which is "
                       r"not in the file"):  # fmt: skip
        load(path, GivenFacts(input_format="s8.4"))
    x = np.arange(-128, 128)[:, None] / 16
    scale = 0.5 + 1e-6
    positive = [scale * np.log1p(np.exp(step / scale)) for step in (-0.25, 0.5)]
    for stated, steps in (("0.5", positive), ('"none"', [-0.25, 0.5])):
        (tmp_path / "l.toml").write_text(
            f'[[layer]]\nkind = "binarization"\ntemperature_softplus = {stated}\n'
            '[[layer]]\nkind = "dense"'
        )
        got = answers(path, x, layers=tmp_path / "l.toml", input_format="s8.4")
        expected = x > np.cumsum([-1.0, *steps])
        np.testing.assert_array_equal(got, expected)


# A small convolution: one kernel, (a and not b) xor (c or d), on 4x4 images padded by 1.


def conv_state():
    window = torch.tensor([[[0, 0, 0], [2, 1, 0]], [[1, 2, 0], [2, 2, 0]]])  # rank, leaves
    starts = torch.tensor([(row, column, 0) for row in range(4) for column in range(4)])
    places = window[:, None, None] + starts[None, None, :, None]
    return {
        "0.tree_weights.0": torch.eye(16)[[2, 7], None],
        "0.tree_weights.1": torch.eye(16)[[6], None],
        "0.connections._indices_L0": places,
        "0.connections._indices_L1": torch.tensor([[0], [1]]),
    }


CONV = """
input_shape = [1, 4, 4]
[[layer]]
kind = "conv2d"
receptive_field_size = 3
padding = 1
"""


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


def put(key, index, value):
    def change(state):
        state[key][index] = value

    return change


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("0.connections.indices", (0, 0), -1), "out of range: it reads input -1"),
        (put("0.connections.indices", (0, 0), 1 << 40), "reads input 1099511627776, but a layer"),
        (put("1.connections.indices", (1, 2), 8), "reads input 8, but what comes before has 8"),
        (lambda s: s.pop("1.connections.indices"), "no wiring"),
        (lambda s: s.pop("1.weight"), r"1\.weight is missing"),
        (lambda s: s.update({"1.weight": torch.zeros(5, 16)}), "5 gates, but wiring for 6"),
        (lambda s: s.update({"1.weight": torch.zeros(6, 7)}), "has 7 columns, its wiring 2"),
        (lambda s: s.update({"1.weight": torch.zeros(96)}), r"shape \(96,\)"),
        (lambda s: s.update({"1.weight": torch.zeros(6, 16).int()}), "expected float"),
        (lambda s: s.update({"1.weight": s["1.weight"] / 0}), "NaN or infinity"),
        (
            lambda s: s.update({"1.connections.indices": torch.zeros(3, 6).long()}),
            "gates of 3 inputs",
        ),
        (lambda s: s.update({"2.running_mean": torch.zeros(6)}), "nothing is known of 2.runn"),
        (
            lambda s: s.update({"9.thresholds": torch.zeros(3)}),
            "a binarization can only be the first layer",
        ),
    ],
)
def test_a_damaged_dense_file_is_an_error(tmp_path, change, message):
    state = dense()
    change(state)
    with pytest.raises(InputError, match=rf"m\.pt: (.|\n)*({message})"):
        load(write(tmp_path / "m.pt", state))


@pytest.mark.parametrize("tensors", [
    {"0.weights": torch.zeros(4, 16)},  # difflogic
    {"0.weights": torch.zeros(4, 4)},  # Light / IWP
    {"0.weight": torch.zeros(4, 16), "0.bias": torch.zeros(4)},  # torch.nn.Linear
    {"0.luts": torch.zeros(4, 16), "0.mapping": torch.zeros(4, 4).int()},  # torch_dwn
])  # fmt: skip
def test_other_families_are_declined(tmp_path, tensors):
    reason = torchlogix.recognize(Source(write(tmp_path / "m.pt", tensors)))
    assert reason == "no connections.indices and no tree_weights"


# Pickled modules. The forward tests read real ones.


class Pickled:
    """Its pickle names a class of torchlogix, and would run code."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return eval, (f"__import__('os').mkdir({str(self.mark)!r}) or 'torchlogix.layers.dense'",)


def test_a_pickled_module_is_not_run_unless_trusted(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save(Pickled(tmp_path / "ran"), path)
    assert torchlogix.recognize(Source(path)) is None
    with pytest.raises(InputError, match=r"model\.pt: this is a whole torchlogix model, pickled"
                       r"(.|\n)*--trust-pickle(.|\n)*state_dict"):  # fmt: skip
        load(path)
    monkeypatch.setitem(sys.modules, "torchlogix", None)
    monkeypatch.delitem(sys.modules, "torchlogix.layers", raising=False)
    with pytest.raises(EnvironmentLacksError, match=r"needs the package torchlogix.*Python 3\.12"):
        load(path, GivenFacts(trust_pickle=True))
    assert not (tmp_path / "ran").exists()


# Mutants.


def test_mutants_of_a_dense_file_are_refused_or_valid(tmp_path):
    data = write(tmp_path / "m.pt", dense()).read_bytes()
    tally = check_reader(torchlogix.READER, data, GivenFacts(classes=3))
    assert tally["refused"] > 0.5 * tally.total()


def test_mutants_of_a_convolution_are_refused_or_valid(tmp_path):
    (tmp_path / "l.toml").write_text(CONV)
    data = write(tmp_path / "m.pt", conv_state()).read_bytes()
    tally = check_reader(torchlogix.READER, data, GivenFacts(layers=tmp_path / "l.toml"))
    assert tally["refused"] > 0.5 * tally.total()


def test_mutants_of_learnable_layers_are_refused_or_valid(tmp_path):
    tensors = {
        "0.thresholds": torch.zeros(3, 2),
        "0.raw_diffs": torch.tensor([[0.0, 1.0]] * 3),
        "1.weight": torch.randn(8, 4, generator=torch.Generator().manual_seed(0)),
        "1.connections.weights": torch.rand(6, 2, 8, generator=torch.Generator().manual_seed(0)),
        "1.connections.indices": torch.arange(6)[:, None, None].repeat(1, 2, 8),
    }
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "binarization"\ntemperature_softplus = 0.1\n[[layer]]\nkind = "dense"'
    )
    data = write(tmp_path / "m.pt", tensors).read_bytes()
    given = GivenFacts(layers=tmp_path / "l.toml", parametrization="warp", input_format="u8")
    tally = check_reader(torchlogix.READER, data, given)
    assert tally["refused"] > 0.5 * tally.total()
