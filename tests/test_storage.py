"""Models on disk: what is saved comes back, anything else is refused by name."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from strategies import models

from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.model import Fact, LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.storage import ARRAYS, load_model, read_npz, replacing, save_model


def check_same(one, two):
    for part, fields in (
        ("encoder", ("bits", "signed", "fraction", "feature", "threshold")),
        ("netlist", ("fanin", "table", "outputs", "next_state", "reset")),
        ("readout", ("output", "klass", "weight", "bias")),
    ):
        for name in fields:
            left, right = (getattr(getattr(model, part), name) for model in (one, two))
            assert left.dtype == right.dtype
            assert left.shape == right.shape
            assert left.tolist() == right.tolist(), name
    for name in ("n_inputs", "input_names", "output_names"):
        assert getattr(one.netlist, name) == getattr(two.netlist, name)
    for name in ("kind", "tau", "beta"):
        assert getattr(one.readout, name) == getattr(two.readout, name)
    assert one.provenance == two.provenance


def roundtrip(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        save_model(model, path)
        check_same(load_model(path), model)
        assert [entry.name for entry in Path(folder).iterdir()] == ["model.npz"]


@given(models(max_state=2))
def test_a_saved_gate_model_comes_back_whole(model):
    roundtrip(model)


@given(models(k=4))
def test_a_saved_mapped_model_comes_back_whole(model):
    roundtrip(model)


EXAMPLE = LogicModel(
    Encoder([3], [True], [1], [0, 0], [-4, 2]),
    Netlist(2, [[2, 3]], [8], [4, 2], [], [], ("a", "b"), ("x", "y")),
    Readout("class", [0, 1], [0, 1], [1, -1], [0, 3], tau=2.0, beta=0.5),
    Provenance("native", "m.pt", "ab", (Fact("tau", "2", "given"),)),
)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.npz"
    save_model(EXAMPLE, path)
    return path


def rewrite(path, **changes):
    """The file with arrays replaced, or left out where None; and of `header`, its entries."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    for name, value in changes.items():
        where, _, key = name.partition("__")
        if where == "header":
            target = header
            *outer, last = key.split("__")
            for part in outer:
                target = target[part]
            target[last] = value
        elif value is None:
            del arrays[name.replace("__", ".")]
        else:
            arrays[name.replace("__", ".")] = value
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    if "raw" in changes:
        del arrays["raw"]
        arrays["header"] = changes["raw"]
    np.savez(path, **arrays)


def refusal(path):
    with pytest.raises(InputError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"netlist__table": None}, "array netlist.table is missing"),
        (
            {"netlist__table": np.array([8], np.int64)},
            "array netlist.table is int64 with 1 dimensions; it must be uint64 with 1",
        ),
        (
            {"netlist__fanin": np.zeros(2, np.int32)},
            "array netlist.fanin is int32 with 1 dimensions; it must be int32 with 2",
        ),
        (
            {"netlist__fanin": np.array([[2, 9]], np.int32)},
            "netlist: gate n4 reads node 9 at fanin 1; a fanin must be smaller than its gate's "
            "own id, and not negative",
        ),
        (
            {"netlist__outputs": np.array([4, 77], np.int32)},
            "netlist: output 1 is node 77, but nodes are 0 to 4",
        ),
        (
            {"encoder__feature": np.array([0, 1], np.int32)},
            "encoder: bit 1 reads feature 1 of 1",
        ),
        (
            {"readout__klass": np.array([0, 2], np.int32)},
            "readout: a term names a class outside 0 to 1",
        ),
        (
            {"readout__output": np.array([0, 2], np.int32)},
            "model: the readout names an output outside 0 to 1",
        ),
        ({"header__version": 2}, "format version 2; this lgncc reads version 1"),
        ({"header__version": None}, "format version None; this lgncc reads version 1"),
        (
            {"header__format": "other"},
            "the header does not say 'lgncc-model'; not written by lgncc",
        ),
        (
            {"header__netlist__input_names": ["a"]},
            "netlist: 1 input names for 2 inputs",
        ),
        ({"header__netlist__n_inputs": -1}, "netlist: n_inputs is -1; it cannot be negative"),
        (
            {"header__netlist__n_inputs": 10**12},
            "netlist: 1000000000003 nodes; node ids reach 2147483647",
        ),
        (
            {"header__readout__kind": "sum"},
            "readout: unknown kind 'sum'; one of ('class', 'scores', 'bits')",
        ),
        ({"header__readout__tau": 0}, "readout: tau is 0.0; it must be above 0"),
        ({"raw": np.zeros(0, np.uint8)}, "the header is not JSON: "),
        ({"raw": np.frombuffer(b"{", np.uint8)}, "the header is not JSON: "),
        ({"raw": np.frombuffer(b"\xff\xfe\xff", np.uint8)}, "the header is not JSON: "),
        ({"raw": np.frombuffer(b"[" * 200_000, np.uint8)}, "the header is not JSON: "),
        ({"raw": np.array(["{}"])}, "the header is not JSON: "),
        ({"raw": np.frombuffer(b"[]", np.uint8)}, "the header does not say 'lgncc-model'"),
    ],
)
def test_a_file_with_one_wrong_part_is_refused_with_that_part(saved, changes, message):
    rewrite(saved, **changes)
    said = refusal(saved)
    assert said.startswith(message)
    assert said == message or "raw" in changes  # the end is in the JSON parser's words


@pytest.mark.parametrize(
    "changes",
    [
        {"header__netlist": 3},
        {"header__netlist": {}},
        {"header__netlist__n_inputs": "two"},
        {"header__netlist__n_inputs": float("inf")},
        {"header__netlist__n_inputs": 2.5},
        {"header__netlist__n_inputs": None},
        {"header__netlist__input_names": 3},
        {"header__readout": []},
        {"header__readout__tau": "x"},
        {"header__readout__tau": None},
        {"header__readout__beta": "x"},
        {"header__readout__extra": 1},
        {"header__provenance": {}},
        {"header__provenance__facts": [{"name": "x"}]},
        {"header__provenance__facts": 3},
    ],
    ids=lambda changes: "-".join(map(str, (*changes.keys(), *changes.values()))),
)
def test_a_header_of_the_wrong_shape_is_called_damaged(saved, changes):
    rewrite(saved, **changes)
    assert refusal(saved).startswith("the header is damaged: ")


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_is_needed(saved, name):
    rewrite(saved, **{name.replace(".", "__"): None})
    assert refusal(saved) == f"array {name} is missing"


def test_an_object_array_is_refused_and_never_unpickled(saved, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    rewrite(saved, netlist__table=np.array([Bomb()], object))
    assert refusal(saved).startswith("cannot be read as an .npz file: ")
    assert not (tmp_path / "ran").exists()


def test_every_truncation_is_refused(saved):
    data = saved.read_bytes()
    for size in range(0, len(data), 97):
        saved.write_bytes(data[:size])
        assert refusal(saved).startswith("cannot be read as an .npz file: ")


def test_files_that_are_no_npz_are_refused(tmp_path):
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    path = tmp_path / "m.npz"
    path.write_bytes(single.getvalue())
    assert refusal(path) == "is a single array (.npy); an .npz is needed"
    path.write_bytes(b"")
    assert refusal(path).startswith("cannot be read as an .npz file: ")
    path.write_bytes(b"hello, world")
    assert refusal(path).startswith("cannot be read as an .npz file: ")
    np.savez(path, x=np.zeros(3))
    assert refusal(path) == "an .npz without a header array; not written by lgncc"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("note.txt", "hello")
    assert refusal(path) == "its member note.txt is no array; an .npz holds only arrays"


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        assert refusal(path).startswith("cannot be read: ")


def test_arrays_of_any_npz_can_be_read(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.arange(3), y=np.array("text"))
    read = read_npz(tmp_path / "data.npz")
    assert {name: array.tolist() for name, array in read.items()} == {"x": [0, 1, 2], "y": "text"}


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert path.read_text() == "old"


def test_a_write_that_succeeds_replaces_the_old_file(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_saving_into_no_folder_or_onto_a_folder_is_refused(tmp_path):
    path = tmp_path / "nowhere" / "m.npz"
    with pytest.raises(InputError) as caught:
        save_model(EXAMPLE, path)
    assert str(caught.value) == f"{path}: cannot write there: No such file or directory"
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError) as caught:
        save_model(EXAMPLE, folder)
    assert str(caught.value) == f"{folder}: is a directory; give the name of a file"
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
