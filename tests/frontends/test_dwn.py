"""torch_dwn: against a restatement of its forward pass (its CUDA extension does not build here).

Restated from alanbacellar/DWN: the address of a node has input l as bit l, a node is 1
where its entry is above 0, a learnable mapping is the argmax over inputs, GroupSum
permutes, pads with zeros and sums contiguous groups.
"""

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import dwn
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict


def layer(rng, n_in, n_out, n, learnable=False):
    """Tensors of one LUTLayer, named as in its state dict."""
    luts = torch.rand(n_out, 2**n, generator=rng) * 2 - 1
    if learnable:
        weights = torch.rand(n_in, n_out * n, generator=rng)
        dummy = torch.arange(n_out * n).reshape(n_out, n).int()
        return {"luts": luts, "_LUTLayer__dummy_mapping": dummy, "mapping.weights": weights}
    mapping = torch.randint(0, n_in, (n_out, n), generator=rng, dtype=torch.int32)
    return {"luts": luts, "mapping": mapping}


def sequential(*layers):
    return {f"{i}.{key}": value for i, part in enumerate(layers) for key, value in part.items()}


def forward(state, bits):
    """Output bits, lists of 0 and 1, of each sample of bits."""
    names = sorted({key.split(".")[0] for key in state}, key=int)
    answers = []
    for sample in bits:
        signal = [int(bit) for bit in sample]
        for name in names:
            luts = state[f"{name}.luts"]
            if f"{name}.mapping" in state:
                wires = state[f"{name}.mapping"].tolist()
            else:
                chosen = [int(torch.argmax(col)) for col in state[f"{name}.mapping.weights"].T]
                n = len(bin(luts.shape[1])) - 3
                wires = [chosen[i : i + n] for i in range(0, len(chosen), n)]
            signal = [
                1
                if float(luts[j][sum(signal[wire] << slot for slot, wire in enumerate(row))]) > 0
                else 0
                for j, row in enumerate(wires)
            ]
        answers.append(signal)
    return answers


def group_sum(rows, k, randperm=None):
    x = torch.tensor(rows, dtype=torch.float32)
    if randperm is not None:
        x = x[:, randperm]
    if x.shape[-1] % k:
        x = torch.nn.functional.pad(x, (0, k - x.shape[-1] % k))
    return x.reshape(len(x), k, -1).sum(-1).int().tolist()


def save(content, tmp_path):
    path = tmp_path / "dwn.pt"
    torch.save(content, path)
    return path


def read(content, tmp_path, **facts):
    return dwn.read(Source(save(content, tmp_path)), GivenFacts(**facts))


def npz(tmp_path, **arrays):
    path = tmp_path / "given.npz"
    np.savez(path, **arrays)
    return path


def bits_of(n, seed=0, samples=70):
    return np.random.default_rng(seed).integers(0, 2, (samples, n))


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(3)


NONE = {"randperm": dwn.Path("none")}


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_every_row_of_a_node_with_input_0_as_the_lowest_address_bit(tmp_path, rng, n):
    state = {
        "0.luts": torch.rand(200, 2**n, generator=rng) * 2 - 1,
        "0.mapping": torch.arange(n, dtype=torch.int32).repeat(200, 1),
    }
    state["0.luts"][0, :] = 0.0  # not above 0
    x = np.arange(2**n)[:, None] >> np.arange(n) & 1
    found = predict(read(state, tmp_path, input_bits=n), x).bits
    assert found.astype(int).tolist() == forward(state, x)
    assert not found[:, 0].any()
    asymmetric = {"0.luts": torch.tensor([[-1.0, 1, -1, -1]]), "0.mapping": state["0.mapping"][:1]}
    if n == 2:  # entry 1 is input 0 alone
        assert predict(
            read(asymmetric, tmp_path, input_bits=2), [[1, 0], [0, 1]]
        ).bits.tolist() == [
            [True],
            [False],
        ]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_random_models_answer_as_the_restated_forward_pass(tmp_path_factory, data):
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    inputs = width = data.draw(st.integers(1, 20))
    layers, learnable = [], False
    for _ in range(data.draw(st.integers(1, 3))):
        n_out, learnable = data.draw(st.integers(1, 20)), data.draw(st.booleans())
        layers.append(layer(rng, width, n_out, data.draw(st.integers(1, 6)), learnable))
        width = n_out
    state = sequential(*layers)
    k = data.draw(st.integers(1, width))
    randperm = torch.randperm(width, generator=rng) if data.draw(st.booleans()) else None
    x = bits_of(inputs, samples=20)
    folder = tmp_path_factory.mktemp("dwn")
    content = {"state_dict": state, "randperm": randperm}
    answer = predict(read(content, folder, input_bits=inputs, classes=k), x)
    assert answer.scores.tolist() == group_sum(forward(state, x), k, randperm)


def test_a_learnable_mapping_reads_the_first_of_the_highest_weights(tmp_path):
    weights = torch.tensor([[0.0, 5.0], [7.0, 5.0], [7.0, 1.0]])  # columns: input 1, input 0
    luts = torch.tensor([[-1.0, 1.0, -1.0, -1.0]])  # slot 0 and not slot 1
    state = {"0.luts": luts, "0.mapping.weights": weights}
    x = [[0, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert predict(read(state, tmp_path), x).bits[:, 0].tolist() == [True, False, False]


def test_layers_go_by_number_and_a_tenth_comes_after_a_second(tmp_path, rng):
    state = sequential(*(layer(rng, 6, 6, 2) for _ in range(11)))
    alphabetical = {key: state[key] for key in sorted(state)}
    x = bits_of(6)
    found = predict(read(alphabetical, tmp_path, input_bits=6), x).bits
    assert found.astype(int).tolist() == forward(state, x)


# The trap: GroupSum's permutation, and its padding.


def test_classes_without_a_word_on_randperm_are_refused(tmp_path, rng):
    state = sequential(layer(rng, 8, 30, 2))
    with pytest.raises(InputError, match=r"dwn\.pt: torch_dwn's GroupSum may permute"):
        read(state, tmp_path, input_bits=8, classes=3)


def test_an_ignored_randperm_would_change_the_classes(tmp_path, rng):
    state = sequential(layer(rng, 8, 30, 4))
    randperm = torch.randperm(30, generator=rng)
    x = bits_of(8, samples=200)
    expected = group_sum(forward(state, x), 3, randperm)
    given_file = npz(tmp_path, randperm=randperm.numpy())
    with_file = read(state, tmp_path, input_bits=8, classes=3, randperm=given_file)
    assert predict(with_file, x).scores.tolist() == expected
    ignored = predict(read(state, tmp_path, input_bits=8, classes=3, **NONE), x)
    assert ignored.scores.tolist() == group_sum(forward(state, x), 3)
    right = np.argmax(expected, axis=1)
    assert np.mean(ignored.classes == right) < 0.6


def test_groups_are_padded_with_zeros_at_the_end(tmp_path, rng):
    state = sequential(layer(rng, 8, 10, 2))
    x = bits_of(8)
    model = read(state, tmp_path, input_bits=8, classes=4, tau=2.0, **NONE)
    assert predict(model, x).scores.tolist() == group_sum(forward(state, x), 4)
    facts = list(map(str, model.provenance.facts))
    assert "padding: 2 outputs of 0 (derived, exact)" in facts
    assert "randperm: none (given)" in facts


# The thermometer.


def binarize(x, thresholds):
    """torch_dwn: x.unsqueeze(-1) > thresholds, then flattened."""
    return (torch.tensor(x).unsqueeze(-1) > thresholds).flatten(1).int().tolist()


@pytest.mark.parametrize("name", ["thermometer", "thresholds"])
@pytest.mark.parametrize("flat", [False, True])
def test_thresholds_beside_the_state_dict_make_the_encoder(tmp_path, rng, name, flat):
    thresholds = torch.tensor([[0.5, 3.0, 7.25], [-1.0, 2.0, 30.0]])
    state = sequential(layer(rng, 6, 12, 3))
    content = {**state, name: thresholds} if flat else {"model": state, name: thresholds}
    x = np.random.default_rng(1).integers(0, 16, (100, 2))
    model = read(content, tmp_path, input_format="u4")
    expected = forward(state, binarize(x, thresholds))
    assert predict(model, x).bits.astype(int).tolist() == expected
    facts = list(map(str, model.provenance.facts))
    assert "encoder: thermometer x > t, 6 bits (from checkpoint)" in facts


@pytest.mark.parametrize("shared", [False, True])
def test_thresholds_given_as_a_file_are_feature_major_or_shared(tmp_path, rng, shared):
    thresholds = torch.tensor([[1.0, 4.0], [2.0, 9.0], [0.0, 7.0]], dtype=torch.float64)
    thresholds = thresholds[0] if shared else thresholds
    state = sequential(layer(rng, 6, 12, 3))
    given_file = npz(tmp_path, thresholds=thresholds.numpy())
    facts = {"input_bits": 6} if shared else {}
    x = np.random.default_rng(1).integers(0, 16, (100, 3))
    model = read(state, tmp_path, input_format="u4", thermometer=given_file, **facts)
    assert predict(model, x).bits.astype(int).tolist() == forward(state, binarize(x, thresholds))


def test_without_a_thermometer_the_model_takes_bits(tmp_path, rng):
    state = sequential(layer(rng, 6, 12, 3))
    with pytest.raises(InputError, match="5 in feature 0, which u1 cannot"):
        predict(read(state, tmp_path, input_bits=6), np.full((1, 6), 5))


# Facts and broken files.


def test_every_fact_has_its_source(tmp_path, rng):
    state = sequential(layer(rng, 6, 12, 3, learnable=True), layer(rng, 12, 4, 2))
    model = read(state, tmp_path, classes=2, **NONE)
    assert list(map(str, model.provenance.facts)) == [
        "network: 6-12-4 (from checkpoint)",
        "nodes: luts > 0, of 3, 2 inputs (from checkpoint)",
        "wiring: mapping of every layer (from checkpoint)",
        "inputs: 6 bits (no --threshold given) (derived, exact)",
        "randperm: none (given)",
        "readout: GroupSum, 2 contiguous groups (given)",
    ]


def changed(**tensors):
    """The two-layer model with tensors replaced, or removed where None."""

    def change(state):
        for key, value in tensors.items():
            if value is None:
                del state[key]
            else:
                state[key] = value(state[key]) if callable(value) else value

    return change


BROKEN = {
    "no input bits": (changed(), {}, "give --input-bits N"),
    "few input bits": (changed(), {"input_bits": 3}, "layer 0: input . of gate . reads node"),
    "rows": (
        changed(**{"0.luts": lambda t: t[:, :5].clone()}),
        {"input_bits": 6},
        r"0\.luts has shape \(12, 5\)",
    ),
    "large": (
        changed(**{"0.luts": torch.zeros(12, 128)}),
        {"input_bits": 6},
        "n from 1 to 6 are read",
    ),
    "mapping shape": (
        changed(**{"0.mapping": lambda t: t[:, :2].clone()}),
        {"input_bits": 6},
        r"0\.mapping has shape \(12, 2\); expected \(12, 3\)",
    ),
    "mapping kind": (
        changed(**{"0.mapping": lambda t: t.float()}),
        {"input_bits": 6},
        "is torch.float32; expected int",
    ),
    "mapping range": (
        changed(**{"1.mapping": torch.full((4, 2), 12, dtype=torch.int32)}),
        {"input_bits": 6},
        "layer 1: input 0 of gate 0 reads node 12",
    ),
    "negative": (
        changed(**{"1.mapping": torch.full((4, 2), -1, dtype=torch.int32)}),
        {"input_bits": 6},
        "reads node -1",
    ),
    "NaN": (
        changed(**{"0.luts": torch.full((12, 8), float("nan"))}),
        {"input_bits": 6},
        "holds NaN",
    ),
    "extra": (
        changed(**{"9.bias": torch.zeros(1)}),
        {"input_bits": 6},
        r"nothing is known of 9\.bias",
    ),
    "width": (
        changed(**{"1.mapping": None, "1.mapping.weights": torch.zeros(11, 8)}),
        {"input_bits": 6},
        r"1\.mapping\.weights chooses among 11 inputs; what comes before it has 12",
    ),
    "dummy": (
        changed(
            **{
                "1.mapping": None,
                "1.mapping.weights": torch.zeros(12, 8),
                "1._LUTLayer__dummy_mapping": torch.zeros(4, 2).int(),
            }
        ),
        {"input_bits": 6},
        "does not count up",
    ),
    "classes": (changed(), {"input_bits": 6, "classes": 5, **NONE}, "--classes 5: there are 4"),
    "no classes": (changed(), {"input_bits": 6, **NONE}, "--randperm needs --classes"),
    "tau": (changed(), {"input_bits": 6, "tau": 2.0}, "--tau needs --classes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_and_wrong_facts_are_refused_with_the_place(tmp_path, rng, name):
    change, facts, message = BROKEN[name]
    state = sequential(layer(rng, 6, 12, 3), layer(rng, 12, 4, 2))
    change(state)
    with pytest.raises(InputError, match=rf"dwn\.pt: .*{message}"):
        read(state, tmp_path, **facts)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"randperm": np.zeros(12, int)}, "no permutation of the 12 outputs"),
        ({"randperm": np.arange(11)}, "no permutation of the 12 outputs"),
        ({"randperm": np.arange(12) * 1.0}, "no permutation of the 12 outputs"),
        ({"order": np.arange(12)}, "holds order, not randperm"),
    ],
)
def test_a_wrong_permutation_is_refused(tmp_path, rng, arrays, message):
    state = sequential(layer(rng, 6, 12, 3))
    path = npz(tmp_path, **arrays)
    with pytest.raises(InputError, match=message):
        read(state, tmp_path, input_bits=6, classes=2, randperm=path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"thresholds": np.array(["a"])}, "numbers of shape"),
        ({"thresholds": np.zeros((2, 2, 2))}, "numbers of shape"),
        ({"thresholds": np.full((3, 2), np.nan)}, "holds NaN"),
        ({"t": np.zeros((3, 2))}, "holds t; a thermometer is one array"),
        ({"thresholds": np.zeros((1, 4))}, "reads node"),
        ({"thresholds": np.zeros(4)}, "6 input bits are no multiple of the thermometer's 4"),
    ],
)
def test_a_wrong_thermometer_is_refused(tmp_path, rng, arrays, message):
    state = sequential(layer(rng, 6, 12, 3))
    given_file = npz(tmp_path, **arrays)
    facts = {"input_bits": 6} if arrays.get("thresholds", np.zeros(0)).shape == (4,) else {}
    with pytest.raises(InputError, match=message):
        read(state, tmp_path, input_format="u4", thermometer=given_file, **facts)


def test_a_thermometer_needs_the_format_and_excludes_a_threshold(tmp_path, rng):
    content = {"model": sequential(layer(rng, 6, 12, 3)), "thermometer": torch.zeros(3, 2)}
    with pytest.raises(InputError, match="a thermometer needs --input-format"):
        read(content, tmp_path)
    with pytest.raises(InputError, match="besides a thermometer"):
        read(content, tmp_path, input_format="u4", threshold=0.5)
    with pytest.raises(InputError, match="the file says input_bits = 6"):
        read(content, tmp_path, input_format="u4", input_bits=7)
    with pytest.raises(InputError, match="leave --thermometer and any other out"):
        read(content, tmp_path, thermometer=npz(tmp_path, thresholds=np.zeros((3, 2))))


def test_check_data_is_honoured(tmp_path, rng):
    state = sequential(layer(rng, 8, 30, 4))
    randperm = torch.randperm(30, generator=rng)
    x = bits_of(8, samples=200)
    check = tmp_path / "check.npz"
    np.savez(check, x=x, predictions=np.argmax(group_sum(forward(state, x), 3, randperm), axis=1))
    facts = {"input_bits": 8, "classes": 3, "check": check}
    path = npz(tmp_path, randperm=randperm.numpy())
    read(state, tmp_path, randperm=path, **facts)
    with pytest.raises(InputError):
        read(state, tmp_path, **NONE, **facts)


def test_recognition_is_by_content(tmp_path, rng):
    state = sequential(layer(rng, 6, 12, 3))
    path = save({"state_dict": state, "epoch": 3}, tmp_path)
    assert dwn.recognize(Source(path)) is None
    given_facts = GivenFacts(input_bits=6)
    assert frontends.load(path, given_facts).provenance.frontend == "torch_dwn"
    assert dwn.recognize(Source(save({"0.weights": torch.zeros(3, 16)}, tmp_path))) is not None
    assert "without a mapping" in dwn.recognize(
        Source(save({"0.luts": torch.zeros(3, 4)}, tmp_path))
    )
    (tmp_path / "text").write_text("hello")
    assert dwn.recognize(Source(tmp_path / "text")) is not None


def test_damaged_files_never_crash(tmp_path, rng):
    state = sequential(layer(rng, 6, 8, 3, learnable=True), layer(rng, 8, 4, 2))
    content = {"model": state, "thermometer": torch.rand(3, 2), "randperm": torch.randperm(4)}
    path = save(content, tmp_path)
    tally = check_reader(dwn.READER, path.read_bytes(), GivenFacts(input_format="s8.4", classes=2))
    assert tally["refused"] > 0.3 * tally.total()
