"""torch_dwn: the facts of a file and of those beside it, and which files are refused."""

import numpy as np
import pytest
import torch
from dwn_cases import NONE, bits_of, forward, group_sum, layer, npz, read, save, sequential
from fuzz import check_reader

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import dwn
from lgncc.frontends.source import GivenFacts, Source


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
