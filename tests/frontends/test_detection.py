"""frontends.load: the content decides which reader, and given facts are never ignored."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from lgncc import frontends
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, Reader, load, readers
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.storage import save_model

BLIF = ".inputs a b\n.outputs a b\n"


def model(readout):
    netlist = Netlist(2, np.zeros((0, 2)), [], [2, 3])
    return LogicModel(Encoder.identity(2), netlist, readout, Provenance("native", "old.pt", "00"))


@pytest.fixture
def blif(tmp_path):
    path = tmp_path / "net.npz"  # the name says nothing
    path.write_text(BLIF)
    return path


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "model.blif"
    save_model(model(Readout.group_sum(2, 2, tau=2.0)), path)
    return path


def refusal(*arguments, **keywords):
    with pytest.raises(InputError) as caught:
        load(*arguments, **keywords)
    return str(caught.value)


def test_reader_names_are_unique():
    names = [reader.name for reader in readers()]
    assert len(set(names)) == len(names)
    assert {"native", "npz", "blif"} <= set(names)


def test_content_and_not_the_file_name_decides(blif, npz):
    assert load(blif).provenance.frontend == "blif"
    loaded = load(npz)
    assert loaded.provenance.frontend == "native"  # where it came from at first
    assert loaded.provenance.path == str(npz)
    assert loaded.readout.tau == 2.0


def test_the_digest_is_of_the_file(blif):
    # sha256sum's answer to printf '.inputs a b\n.outputs a b\n'
    assert load(blif).provenance.sha256 == (
        "5dc251b415822b3acae52f0becb62816f029b5cba12749d48ef090a7a631f232"
    )


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n\0\0", b"\0" * 100, b"{}"])
def test_content_that_no_reader_knows_is_refused_with_every_reason(tmp_path, content):
    path = tmp_path / "thing.pt"
    path.write_bytes(content)
    lines = refusal(path).splitlines()
    assert lines[0] == f"{path}: no reader recognizes this file."
    names = ["seen", *(reader.name for reader in readers())]
    assert [line.split(":")[0] for line in lines[1:]] == [f"  {name}" for name in names]
    assert all(re.fullmatch(r"  \S+: \S.*", line) for line in lines[1:])


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ({"a.b": torch.zeros(5, 7), "c": torch.zeros(3)}, "a state dict: a.b (5, 7), c (3,)"),
        ({"epoch": 3, "loss": 0.5}, "a torch file of a dict with keys 'epoch', 'loss'"),
        ([1, 2], "a torch file of a list"),
        (b"hello\nworld", "text, 11 bytes, that begins 'hello'"),
        (b"\xff\x00\x01", "3 bytes that begin ff 00 01"),
    ],
)
def test_a_refusal_says_what_was_seen(tmp_path, content, seen):
    path = tmp_path / "thing"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert refusal(path).splitlines()[1] == f"  seen: {seen}"


def test_a_damaged_archive_is_called_so_in_one_line(tmp_path):
    path = tmp_path / "thing.pt"
    path.write_bytes(b"PK\x03\x04 half")
    assert refusal(path) == (
        f"{path}: a damaged or truncated zip archive; save or copy the model again"
    )


def test_a_foreign_zip_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "hello")
    assert refusal(path).splitlines()[:2] == [
        f"{path}: no reader recognizes this file.",
        "  seen: an archive of readme",
    ]


def test_a_missing_an_empty_file_and_a_directory_have_one_message_each(tmp_path):
    missing = tmp_path / "none"
    assert refusal(missing) == f"{missing}: cannot be read: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path}: is a directory; give a model file"
    empty = tmp_path / "empty"
    empty.touch()
    assert refusal(empty) == f"{empty}: the file is empty; save or copy the model again"


def test_an_unknown_frontend_is_refused_with_the_known_ones(blif):
    assert refusal(blif, frontend="onnx") == (
        "--frontend onnx: unknown; one of " + ", ".join(reader.name for reader in readers())
    )


def test_a_named_frontend_skips_detection(blif):
    assert refusal(blif, frontend="npz").startswith(f"{blif}: cannot be read as an .npz file: ")


def test_content_that_two_readers_know_is_refused(blif, monkeypatch):
    def read(source, given):
        raise AssertionError("an ambiguous file was read")

    greedy = [Reader(name, lambda source: None, read) for name in ("one", "two")]
    monkeypatch.setattr(frontends, "readers", lambda: tuple(greedy))
    assert refusal(blif) == (
        f"{blif}: could be any of one, two; choose one with --frontend.\n"
        "  seen: text, 25 bytes, that begins '.inputs a b'"
    )


@pytest.mark.parametrize(
    ("fact", "option"),
    [
        ({"input_shape": (1, 2, 1)}, "--input-shape"),
        ({"threshold": 0.0}, "--threshold"),
        ({"replay_seed": 0}, "--replay-seed"),
        ({"trust_pickle": True}, "--trust-pickle"),
    ],
)
def test_a_fact_that_a_reader_has_no_use_for_is_refused(blif, npz, fact, option):
    given = GivenFacts(**fact)
    assert refusal(blif, given) == f"{option} has no meaning for a BLIF file; leave it out"
    assert refusal(npz, given) == f"{option} has no meaning for a lgncc .npz file; leave it out"


@pytest.mark.parametrize(
    ("fact", "name", "in_file", "value", "option"),
    [
        ({"classes": 3}, "classes", "2", "3", "--classes"),
        ({"tau": 1.0}, "tau", "2.0", "1.0", "--tau"),
        ({"input_bits": 4}, "input_bits", "2", "4", "--input-bits"),
    ],
)
def test_a_fact_that_contradicts_the_file_is_refused(npz, fact, name, in_file, value, option):
    assert refusal(npz, GivenFacts(**fact)) == (
        f"{npz}: the file says {name} = {in_file}, the command line says {value}; "
        f"leave {option} out or give the file's value"
    )


def test_a_fact_that_agrees_with_the_file_is_accepted(npz):
    assert load(npz, GivenFacts(classes=2, tau=2.0, input_bits=2)).readout.tau == 2.0


@pytest.mark.parametrize("fact", [{"classes": 2}, {"tau": 1.0}])
def test_an_npz_that_reads_out_bits_takes_no_classes(tmp_path, fact):
    path = tmp_path / "m.npz"
    save_model(model(Readout.bits()), path)
    assert refusal(path, GivenFacts(**fact)) == (
        f"{path}: reads out bits; --classes and --tau have no meaning"
    )


def test_a_given_readout_replaces_the_kind_and_is_noted(npz):
    loaded = load(npz, GivenFacts(readout="scores"))
    assert loaded.readout.kind == "scores"
    assert loaded.readout.klass.tolist() == [0, 1]
    assert str(loaded.provenance.facts[-1]) == "readout: scores (given)"
    bits = load(npz, GivenFacts(readout="bits"))
    assert (bits.readout.kind, bits.readout.n_classes) == ("bits", 0)


def test_a_given_readout_that_is_the_files_own_changes_nothing(npz):
    loaded = load(npz, GivenFacts(readout="class"))
    assert loaded.provenance == load(npz).provenance


@pytest.mark.parametrize("kind", ["class", "scores"])
def test_bits_have_no_scores_without_classes(blif, kind):
    assert refusal(blif, GivenFacts(readout=kind)) == (
        f"{blif}: its outputs have no classes, so --readout {kind} needs --classes"
    )
    given = replace(GivenFacts(classes=2), readout=kind)
    assert load(blif, given).readout.kind == kind
