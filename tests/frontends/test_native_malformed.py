"""Files that the native frontend must refuse, with their name and the place."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from native_files import mend, read, small_checkpoint

import lgncc.models
from lgncc import frontends, nn
from lgncc.errors import InputError

MODELS = Path(lgncc.models.__file__).parent


@pytest.fixture
def path(tmp_path):
    return small_checkpoint(tmp_path)


def state(name, value):
    def change(content):
        content["state"][name] = value(content["state"][name])

    return change


def first_set(index, value):
    def put(tensor):
        tensor = tensor.clone()
        tensor[index] = value
        return tensor

    return put


MALFORMED = {
    "version": (lambda c: c.update(version=3), "version 3; this lgncc reads versions 1 and 2"),
    "version of no kind": (lambda c: c.update(version=True), "format version True"),
    "options of version 2": (
        lambda c: c["layers"][1].pop("parametrization"),
        "option 'parametrization' is missing",
    ),
    "format": (lambda c: c.update(format="other"), "not a checkpoint of lgncc.nn"),
    "no layers": (lambda c: c.pop("layers"), "'layers' is missing; it must be a list"),
    "state list": (lambda c: c.update(state=[]), "'state' is list; it must be a dict"),
    "unknown kind": (
        lambda c: c["layers"][1].update(kind="LogicConv"),
        r"layer 1 is of unknown kind 'LogicConv'; known kinds are Thermometer, ",
    ),
    "kind a list": (lambda c: c["layers"][1].update(kind=[]), r"unknown kind \[\]"),
    "layer a number": (lambda c: c["layers"].__setitem__(1, 3), "unknown kind None"),
    "unknown option": (lambda c: c["layers"][1].update(bias=True), "unknown option 'bias'"),
    "missing option": (lambda c: c["layers"][3].pop("tau"), "option 'tau' is missing"),
    "option type": (
        lambda c: c["layers"][3].update(classes=True),
        "classes is True; it must be of type int",
    ),
    "missing tensor": (lambda c: c["state"].pop("1.weights"), "'1.weights' is missing"),
    "extra tensor": (
        lambda c: c["state"].update({"9.weights": torch.zeros(1)}),
        "state holds '9.weights', which no layer has",
    ),
    "float16": (
        state("1.weights", lambda t: t.half()),
        "'1.weights' is torch.float16; it must be torch.float32 or torch.float64",
    ),
    "not a tensor": (state("1.weights", lambda t: t.tolist()), "'1.weights' is list"),
    "float wiring": (state("1.connections", lambda t: t.float()), "must be torch.int64"),
    "strided": (
        state("1.weights", lambda t: torch.zeros(1).expand(8, 16)),
        "'1.weights' is not a plain contiguous tensor",
    ),
    "sparse": (state("1.weights", lambda t: t.to_sparse()), "not a plain contiguous tensor"),
    "weights shape": (
        state("1.weights", lambda t: t[:, :8].clone()),
        r"weights has shape \(8, 8\); it must be \(8, 16\)",
    ),
    "wiring shape": (
        state("1.connections", lambda t: t[:, :3].clone()),
        r"must be torch.int64 \(2, 8\)",
    ),
    "NaN": (
        state("1.weights", first_set((5, 0), float("nan"))),
        "gate 5 has a weight that is not a finite number",
    ),
    "infinity": (state("1.weights", first_set((2, 3), float("inf"))), "gate 2 has a weight"),
    "wiring high": (
        state("2.connections", first_set((1, 3), 8)),
        "fanin 1 of gate 3 reads input 8; inputs are 0 to 7",
    ),
    "wiring negative": (state("2.connections", first_set((0, 0), -1)), "reads input -1"),
    "thresholds NaN": (
        state("0.thresholds", first_set((1, 0), float("nan"))),
        "threshold 0 of feature 1 is NaN",
    ),
    "thresholds shape": (state("0.thresholds", lambda t: t[:2].clone()), "the layer says"),
    "bits": (lambda c: c["layers"][0].update(bits=40), "1 to 32 bits, not 40"),
    "tau": (lambda c: c["layers"][3].update(tau=0.0), "tau > 0"),
    "groups": (lambda c: c["layers"][3].update(classes=3), "do not divide into 3 equal groups"),
    "huge": (
        lambda c: c["layers"][1].update(out_features=10**12),
        "weights has shape",
    ),
}


@pytest.fixture
def learnable_path(tmp_path):
    """Learnable thresholds of 4 features, then 8 light gates of 4 of their candidates."""
    model = torch.nn.Sequential(
        nn.LearnableThermometer(torch.tensor([[0.5, 2.5]] * 4), nn.InputFormat(3)),
        nn.LogicDense(8, 8, parametrization="light", arity=4, wiring="learnable", candidates=3),
    )
    nn.save(model, tmp_path / "learnable.pt")
    return tmp_path / "learnable.pt"


MALFORMED_LEARNABLE = {
    "no such gates": (
        lambda c: c["layers"][1].update(parametrization="warp"),
        "parametrization='warp': known are raw, light, walsh",
    ),
    "raw of four": (lambda c: c["layers"][1].update(parametrization="raw"), "two-input gates"),
    "arity": (lambda c: c["layers"][1].update(arity=40), "arity=40: a gate has 2 to 6 inputs"),
    "arity of others": (
        lambda c: c["layers"][1].update(arity=2),
        r"weights has shape \(8, 16\); it must be \(8, 4\)",
    ),
    "temperature": (lambda c: c["layers"][1].update(temperature=0.0), "above 0 and finite"),
    "fixed": (
        lambda c: c["layers"][1].update(learnable_wiring=False),
        "'1.connections' is missing",
    ),
    "scores NaN": (state("1.wiring.scores", first_set((0, 1, 2), float("nan"))), "finite numbers"),
    "scores shape": (state("1.wiring.scores", lambda t: t[:2].clone()), "of the candidates' shape"),
    "candidate": (
        state("1.wiring.candidates", first_set((1, 2, 3), 8)),
        "of gate 3 reads input 8; inputs are 0 to 7",
    ),
    "candidates shape": (
        state("1.wiring.candidates", lambda t: t[0].clone()),
        r"must be torch.int64 \(choices, arity, out\)",
    ),
    "difference": (
        state("0.differences", first_set((0, 1), float("inf"))),
        "differences holds a number that is not finite",
    ),
    "softness": (lambda c: c["layers"][0].update(softness=-1.0), "above 0 and finite"),
    "straight": (
        lambda c: c["layers"][0].update(straight_through=1),
        "straight_through is 1; it must be of type bool",
    ),
}


@pytest.mark.parametrize("name", MALFORMED_LEARNABLE)
def test_malformed_learnable_content_is_refused_with_the_place(learnable_path, name):
    change, message = MALFORMED_LEARNABLE[name]
    mend(learnable_path, change)
    with pytest.raises(InputError, match=rf"learnable\.pt: .*{message}"):
        read(learnable_path)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_content_is_refused_with_the_place(path, name):
    change, message = MALFORMED[name]
    mend(path, change)
    with pytest.raises(InputError, match=rf"small\.pt: .*{message}"):
        read(path)
    with pytest.raises(InputError, match=r"small\.pt: "):
        nn.load(path)


def test_a_pickle_with_code_is_refused_and_not_run(path, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    content = torch.load(path, weights_only=True)
    content["metadata"]["x"] = Payload()
    torch.save(content, path)
    with pytest.raises(InputError, match=r"small\.pt: .*could run code"):
        frontends.load(path)
    assert not (tmp_path / "pwned").exists()


def test_no_file_no_content_and_folders_are_input_errors(tmp_path):
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match=r"empty\.pt: the file is empty"):
        read(tmp_path / "empty.pt")
    with pytest.raises(InputError, match=r"is a directory"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"gone\.pt: cannot be read"):
        read(tmp_path / "gone.pt")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_never_raise_anything_but_an_input_error(tmp_path_factory, data):
    good = (MODELS / "digits.pt").read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans(), label="truncate"):
        damaged = good[:at]
    else:
        damaged = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "broken.pt"
    path.write_bytes(damaged)
    with contextlib.suppress(InputError):
        model = frontends.load(path)
        # Padding and timestamps of the archive carry nothing; all else is protected.
        whole = frontends.load(MODELS / "digits.pt")
        assert np.array_equal(model.netlist.table, whole.netlist.table)
        assert np.array_equal(model.netlist.fanin, whole.netlist.fanin)
        assert np.array_equal(model.encoder.threshold, whole.encoder.threshold)
