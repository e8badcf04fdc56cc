"""Mutated files never crash a reader: npz, BLIF, native; and the checker itself can fail."""

import io
import sys
import zipfile

import numpy as np
import pytest
import torch
from fuzz import check_reader, mutations

from lgncc import nn
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends import blif, native, npz
from lgncc.frontends.source import Reader, Source
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.storage import save_model

BLIF = b""".model small
.inputs a b c
.outputs x y z
.names a b n
11 1
.names n c x
1- 1
-1 1
.names n y
0 1
.names z
1
.end
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The bytes of a small .npz of lgncc."""
    builder = NetlistBuilder(4)
    first = builder.gates([6, 8, 14], builder.inputs[:3], builder.inputs[1:])
    last = builder.gates([1, 7], first[0], first[1:])
    encoder = Encoder.uniform(2, bits=8, feature=[0, 0, 1, 1], threshold=[3, 90, 3, 90])
    netlist = builder.finish(np.concatenate([first[:2], last]), input_names=tuple("abcd"))
    readout = Readout.group_sum(4, 2, tau=2.0)
    path = tmp_path_factory.mktemp("fuzz") / "model.npz"
    save_model(LogicModel(encoder, netlist, readout, Provenance("test")), path)
    return path.read_bytes()


def test_npz(saved):
    tally = check_reader(npz.READER, saved)
    assert tally["refused"] > 0.5 * tally.total()


def test_blif():
    tally = check_reader(blif.READER, BLIF)
    assert min(tally.values()) > 0


def test_native(tmp_path):
    generator = torch.Generator().manual_seed(0)
    layers = [nn.LogicDense(6, 8, generator=generator), nn.LogicDense(8, 4, generator=generator)]
    thermometer = nn.Thermometer(torch.tensor([[0.5, 2.0]] * 3), nn.InputFormat(5))
    nn.save(torch.nn.Sequential(thermometer, *layers, nn.GroupSum(2)), tmp_path / "m.pt")
    tally = check_reader(native.READER, (tmp_path / "m.pt").read_bytes())
    assert tally["refused"] > 0.5 * tally.total()


def test_a_tensor_marked_as_a_folder_is_still_read(tmp_path):
    """torch.load, which sees no error, takes such a tensor from memory that nothing wrote."""
    torch.save({"w": torch.arange(96.0)}, tmp_path / "m.pt")
    data = bytearray((tmp_path / "m.pt").read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"m/data/0"))
    data[entry + 38] |= 0x10  # external attributes: a folder of MS-DOS
    (tmp_path / "m.pt").write_bytes(data)
    assert torch.load(tmp_path / "m.pt")["w"].shape == (96,)
    assert torch.equal(Source(tmp_path / "m.pt").checkpoint["w"], torch.arange(96.0))


# The checker.


def reader_of(behave):
    """BLIF, but what comes out of damaged files goes through `behave`."""

    def read(source, given):
        return blif.read(source, given) if source.data == BLIF else behave(source)

    return Reader("broken", lambda _: None, read)


def fails(behave):
    with pytest.raises(AssertionError, match=r"mutant\(data, \(0, \d+\)\)") as caught:
        check_reader(reader_of(behave), BLIF, n=3)
    return str(caught.value)


def test_checker_finds_a_crash():
    assert "KeyError" in fails(lambda source: {}["missing"])


def test_checker_finds_a_hang(monkeypatch):
    monkeypatch.setattr(sys.modules["fuzz"], "HANG_CPU_SECONDS", 0.05)

    def forever(source):
        while True:
            pass

    assert "CPU time" in fails(forever)


def test_checker_finds_a_message_without_a_place():
    def vague(source):
        raise InputError("something is wrong")

    assert "does not name the file" in fails(vague)


def test_checker_finds_a_changed_meaning_past_the_checksums(saved):
    def careless(source, given):
        model = npz.read(source, given)
        if source.data != saved:
            return LogicModel(model.encoder, model.netlist, Readout.bits(), model.provenance)
        return model

    with pytest.raises(AssertionError, match="read as another model"):
        check_reader(Reader("npz", npz.recognize, careless), saved, n=200)


def test_mutants_are_reproducible_and_every_other_archive_is_whole(saved):
    first, again = (list(mutations(saved, 40, seed=7)) for _ in range(2))
    assert first == again
    assert len({*first, saved}) > 30
    for damaged in first[1::2]:
        with zipfile.ZipFile(io.BytesIO(damaged)) as archive:
            assert archive.testzip() is None
