"""--wiring and --check files: what they must hold, and the messages where they do not."""

import numpy as np
import pytest
import torch

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import GivenFacts


@pytest.fixture
def read(tmp_path):
    """Reads a difflogic state dict of layers 6 and 4, all gates XOR, with these facts."""
    xor = torch.zeros(6, 16)
    xor[:, 6] = 1
    torch.save({"0.weights": xor, "1.weights": xor[:4]}, tmp_path / "m.pt")

    def read(**facts):
        return frontends.load(tmp_path / "m.pt", GivenFacts(**facts))

    return read


GOOD = {"indices_0": np.array([[0, 1, 2, 0, 1, 2], [1, 2, 0, 1, 2, 0]])} | {
    "indices_1": np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
}


def save(tmp_path, **arrays):
    np.savez(tmp_path / "w.npz", **arrays)
    return tmp_path / "w.npz"


def test_input_bits_are_stated_once_or_alike(read, tmp_path):
    stated, silent = save(tmp_path, **GOOD, inputs=3), tmp_path / "silent.npz"
    np.savez(silent, **GOOD)
    assert read(wiring=stated).netlist.n_inputs == 3
    assert read(wiring=stated, input_bits=3).netlist.n_inputs == 3
    assert read(wiring=silent, input_bits=5).netlist.n_inputs == 5
    with pytest.raises(InputError, match=r"does not state how many bits .* add --input-bits"):
        read(wiring=silent)
    with pytest.raises(InputError, match=r"w\.npz: says inputs = 3, --input-bits says 5"):
        read(wiring=stated, input_bits=5)


WRONG = {
    "missing": ({"indices_1": None}, r"holds indices_0, .*needs indices_0 to indices_1"),
    "more": ({"indices_2": np.zeros((2, 4), int)}, "a network of 2 layers needs indices_0"),
    "other name": ({"taus": np.zeros(1)}, "a network of 2 layers needs indices_0"),
    "transposed": ({"indices_0": GOOD["indices_0"].T}, r"shape \(6, 2\); expected \(2, 6\)"),
    "floats": ({"indices_0": np.zeros((2, 6))}, "indices_0 is float64; integers are needed"),
    "negative": ({"indices_1": -GOOD["indices_1"]}, "layer 1: input 0 of gate 1 reads node -1"),
    "high": (
        {"indices_1": GOOD["indices_1"] + 2},
        "layer 1: input 1 of gate 3 reads node 6 of the layer before, which has 0 to 5",
    ),
    "inputs too few": ({"inputs": 2}, "layer 0: input 0 of gate 2 reads node 2 .* has 0 to 1"),
    "inputs none": ({"inputs": 0}, "0 input bits; 1 to"),
    "inputs huge": ({"inputs": 1 << 40}, "1099511627776 input bits; 1 to"),
    "inputs a list": ({"inputs": [3]}, r"inputs has shape \(1,\); expected \(\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_wiring_is_refused_with_the_place(read, tmp_path, name):
    change, message = WRONG[name]
    arrays = {key: value for key, value in (GOOD | change).items() if value is not None}
    path = save(tmp_path, **({"inputs": 3} | arrays))
    with pytest.raises(InputError, match=rf"(w\.npz|m\.pt): .*({message})"):
        read(wiring=path)


# --check.


@pytest.fixture
def checked(read, tmp_path):
    """Reads with wiring, 2 classes and this check file."""
    wiring = save(tmp_path, **GOOD, inputs=3)
    x = np.arange(200)[:, None] >> np.arange(3) & 1
    predictions = by_hand(x)

    def check(accuracy=None, classes=2, **arrays):
        known = {"x": x, "predictions": predictions, "y": predictions}
        chosen = {key: known[key] if value is True else value for key, value in arrays.items()}
        np.savez(tmp_path / "check.npz", **chosen)
        facts = {"check": tmp_path / "check.npz", "check_accuracy": accuracy}
        return read(wiring=wiring, classes=classes, **facts)

    return check


def by_hand(x):
    """Answers by XOR, by hand: the network's gates are all XOR."""
    first = x[:, GOOD["indices_0"][0]] ^ x[:, GOOD["indices_0"][1]]
    second = first[:, GOOD["indices_1"][0]] ^ first[:, GOOD["indices_1"][1]]
    scores = second.reshape(len(x), 2, 2).sum(axis=2)
    return scores.argmax(axis=1)


def test_predictions_must_all_agree_unless_a_share_is_stated(checked):
    right = checked(x=True, predictions=True)
    assert any(fact.name == "check" for fact in right.provenance.facts)
    half = np.tile([0, 1], 100)
    with pytest.raises(InputError, match=r"m\.pt: answers .* as predicted, below 100\.00%"):
        checked(x=True, predictions=half)
    assert checked(x=True, predictions=half, accuracy=0.01).readout.n_classes == 2


def test_bits_are_checked_whole(checked):
    x = np.zeros((200, 3), int)
    bits = np.zeros((200, 4), bool)
    assert checked(x=x, predictions=bits, classes=None).readout.kind == "bits"
    bits[7, 2] = True
    with pytest.raises(InputError, match=r"answers 99\.50% .* below 100\.00%"):
        checked(x=x, predictions=bits, classes=None)


@pytest.mark.parametrize(
    ("arrays", "facts", "message"),
    [
        ({"x": True}, {}, "a check needs x and one of y and predictions"),
        ({"x": True, "y": True, "predictions": True}, {}, "a check needs x and one of"),
        ({"predictions": True}, {}, "a check needs x and one of"),
        ({"x": True, "y": True}, {}, "state with --check-accuracy"),
        ({"x": True, "y": True}, {"classes": None, "accuracy": 0.9}, "needs --classes"),
        ({"x": True, "predictions": np.zeros(200)}, {}, "predictions is float64"),
        ({"x": True, "predictions": np.zeros(9, int)}, {}, r"int64 \(9,\); whole numbers \(200,\)"),
        ({"x": np.zeros((200, 4)), "predictions": True}, {}, r"check\.npz: .*takes \(n, 3\)"),
        ({"x": np.zeros((9, 3)), "predictions": np.zeros(9, int)}, {}, "9 samples; 100 or more"),
        ({"x": np.zeros(()), "predictions": True}, {}, "x has no samples"),
        ({"x": np.full((200, 3), 0.5), "predictions": True}, {}, "u1 cannot represent"),
    ],
)
def test_wrong_check_data_is_refused(checked, arrays, facts, message):
    with pytest.raises(InputError, match=message):
        checked(**arrays, **facts)


def test_an_accuracy_without_data_has_no_meaning(read, tmp_path):
    wiring = save(tmp_path, **GOOD, inputs=3)
    with pytest.raises(InputError, match="--check-accuracy needs --check"):
        read(wiring=wiring, check_accuracy=0.9)
