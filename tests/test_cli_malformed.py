"""Model files that cannot be read: exit 2, one message that names the file, whatever command."""

from __future__ import annotations

import os
import pickle

import builds
import cli
import numpy as np
import pytest
import torch

from lgncc.storage import save_model


class Payload:
    """Unpickling this makes a folder: code in a pickle."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def good_npz(path):
    save_model(builds.small_model("class"), path)
    with np.load(path) as file:
        return dict(file)


def truncated_checkpoint(path):
    path.write_bytes(cli.DIGITS.read_bytes()[:5000])


def truncated_npz(path):
    good_npz(path)
    path.write_bytes(path.read_bytes()[:-200])


def wrong_dtype(path):
    arrays = good_npz(path)
    arrays["netlist.fanin"] = arrays["netlist.fanin"].astype(np.float64)
    write(path, arrays)


def fanin_out_of_range(path):
    arrays = good_npz(path)
    arrays["netlist.fanin"][7, 1] = 10**6
    write(path, arrays)


def write(path, arrays):
    with path.open("wb") as file:
        np.savez(file, **arrays)


def cycle(path):
    path.write_text(
        ".model m\n.inputs a\n.outputs y\n.names y a x\n11 1\n.names x a y\n11 1\n.end\n"
    )


def tensors_and_code(path):
    torch.save({"0.weights": torch.zeros(2, 16), "x": Payload(path.parent / "ran")}, path)


def plain_pickle_with_code(path):
    path.write_bytes(pickle.dumps(Payload(path.parent / "ran")))


MALFORMED = {
    truncated_checkpoint: "a damaged or truncated zip archive; save or copy the model again",
    truncated_npz: "a damaged or truncated zip archive; save or copy the model again",
    wrong_dtype: "array netlist.fanin is float64 with 2 dimensions; it must be int32 with 2",
    fanin_out_of_range: "reads node 1000000 at fanin 1",
    cycle: "combinational cycle: y -> x -> y",
    tensors_and_code: "holds pickled objects besides tensors, which could run code",
    plain_pickle_with_code: "holds pickled objects besides tensors, which could run code",
    lambda path: path.touch(): "the file is empty",
    lambda path: path.mkdir(): "is a directory",
    lambda path: None: "cannot be read: No such file or directory",
    lambda path: path.write_bytes(os.urandom(1000)): "no reader recognizes this file",
}
NAMES = [f.__name__ for f in list(MALFORMED)[:7]] + ["empty", "directory", "missing", "noise"]


def arguments(command, path):
    return {
        "inspect": ["inspect", path],
        "eval": ["eval", path, "--data", cli.DIGITS_TEST],
        "export": ["export", path, "--format", "npz", "--out", path.parent / "out"],
        "compile": ["compile", path, "--board", "icebreaker", "--out", path.parent / "out"],
    }[command]


@pytest.mark.parametrize("command", ["inspect", "eval", "export", "compile"])
@pytest.mark.parametrize("spoil", MALFORMED, ids=NAMES)
def test_one_message_names_the_file_and_nothing_is_written(lgncc, tmp_path, spoil, command):
    path = tmp_path / "some[bold] model.bin"
    spoil(path)
    done = lgncc(*arguments(command, path))
    assert done.code == 2
    message = done.error()
    assert message.startswith(f"{path}: ")
    assert MALFORMED[spoil] in message
    lines = message.splitlines()
    assert len(lines) == 1 or lines[0].endswith("no reader recognizes this file.")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "ran").exists(), "code in the pickle ran"


def test_the_payload_would_have_been_seen_to_run(tmp_path):
    """The tests above can fail: plain unpickling makes the folder."""
    tensors_and_code(tmp_path / "model.pt")
    torch.load(tmp_path / "model.pt", weights_only=False)
    assert (tmp_path / "ran").is_dir()


@pytest.mark.parametrize("option", ["--classes=5", "--tau=5", "--input-bits=63"])
def test_a_fact_that_disagrees_with_the_file_is_refused(lgncc, option):
    done = lgncc("inspect", cli.DIGITS, option)
    assert done.code == 2
    name, _ = option.split("=")
    message = done.error()
    assert message.startswith(f"{cli.DIGITS}: the file says {name[2:].replace('-', '_')} = ")
    assert f"leave {name} out" in message


@pytest.mark.parametrize("option", ["--classes=10", "--tau=3", "--input-bits=256"])
def test_a_fact_that_agrees_with_the_file_changes_nothing(lgncc, option):
    assert lgncc("inspect", cli.DIGITS, option) == lgncc("inspect", cli.DIGITS)


def test_a_fact_without_meaning_for_the_file_is_refused(lgncc):
    done = lgncc("inspect", cli.DIGITS, "--replay-seed", 3)
    assert done.code == 2
    assert done.error() == "--replay-seed has no meaning for a lgncc.nn file; leave it out"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: np.savez(p, a=1), "no array x in it; found a"),
        (lambda p: np.savez(p, x=np.zeros((3, 64)), y=np.zeros(2, int)), "one for each of the 3"),
        (lambda p: np.savez(p, x=np.zeros((3, 64)), y=np.zeros(3)), "y is float64 (3,)"),
        (lambda p: np.savez(p, x=np.zeros((3, 64)), y=[0, 9, 10]), "label 10; the model has cl"),
        (lambda p: np.savez(p, x=np.zeros((3, 64)), y=[0, 9, -1]), "label -1; the model has cl"),
        (lambda p: np.savez(p, x=np.zeros((0, 64))), "no samples in it: x has shape (0, 64)"),
        (lambda p: np.savez(p, x=np.zeros((3, 7))), "x has shape (3, 7); the model takes (n, 64)"),
        (lambda p: np.savez(p, x=np.full((3, 64), 0.5)), "u5 cannot represent"),
        (lambda p: np.savez(p, x=np.full((3, 64), "a")), "numbers are needed"),
        (lambda p: np.savez(p, x=np.full((3, 64), None)), "cannot be read as an .npz file"),
        (lambda p: p.write_text("x,y\n1,2\n"), "cannot be read as an .npz file"),
        (lambda p: None, "cannot be read: No such file or directory"),
        (lambda p: p.mkdir(), "cannot be read: Is a directory"),
        (lambda p: p.touch(), "cannot be read as an .npz file"),
        (truncated_npz, "copy it again if it was cut short"),
    ],
)
def test_data_that_does_not_suit_is_refused(lgncc, tmp_path, write, message):
    path = tmp_path / "data.npz"
    write(path)
    done = lgncc("eval", cli.DIGITS, "--data", path)
    assert done.code == 2
    assert done.error().startswith(f"{path}: ")
    assert message in done.error()


@pytest.mark.parametrize("labels", [{}, {"y": np.zeros(3, int)}])
def test_data_that_does_not_suit_stops_a_compile_before_it_begins(lgncc, tmp_path, labels):
    np.savez(tmp_path / "data.npz", x=np.zeros((3, 7)), **labels)
    out = tmp_path / "out"
    data = tmp_path / "data.npz"
    done = lgncc("compile", cli.DIGITS, "--board=icebreaker", f"--out={out}", f"--data={data}")
    assert done.code == 2
    assert "the model takes (n, 64)" in done.error()
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 7))}, "x has shape (3, 7); the model takes (n, 64)"),
        ({"x": np.zeros((3, 64)), "y": [0, 1, 77]}, "label 77; the model has classes 0 to 9"),
    ],
)
def test_data_that_does_not_suit_stops_verify_before_it_begins(
    lgncc, tmp_path, digits_build, arrays, message
):
    data = tmp_path / "data.npz"
    np.savez(data, **arrays)
    done = lgncc("verify", digits_build.folder, "--data", data)
    assert (done.code, done.error()) == (2, f"{data}: {message}")
    assert "prove" not in done.err
