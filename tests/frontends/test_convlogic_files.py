"""convlogic: the facts of a file and of its layer list, and which files are refused."""

import pytest
import torch
from convlogic_cases import (
    answers,
    conv_entry,
    conv_tensors,
    dense_tensors,
    images,
    network,
    read,
    toml,
)
from fuzz import check_reader
from naive import group_scores, winner

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import convlogic, difflogic
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict


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
