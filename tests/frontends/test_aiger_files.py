"""AIGER: broken files, contradicting facts, recognition."""

import pytest
from aiger_graphs import HALF_ADDER, TOGGLE, binary_file, read
from fuzz import check_reader

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import aiger, blif
from lgncc.frontends.source import Source

MALFORMED = {
    "no header": (b"hello\n", r":1: no AIGER header"),
    "few ANDs": (b"aig 3 1 0 0 2\n", "the file ends within AND 0 of 2"),
    "count": (b"aig 9 1 0 0 2\n", "the header says 9 variables for 1 inputs"),
    "huge": (b"aig 9999999999 9999999999 0 0 0\n", "9999999999 inputs; at most 1048576"),
    "huge outputs": (b"aag 0 0 0 9999999999 0\n", "ends before its 9999999999 lines"),
    "huge latches": (b"aig 9999999999 0 9999999999 0 0\n", "ends before its 9999999999 lines"),
    "huge ANDs": (b"aig 9999999999 0 0 0 9999999999\n", "ends within AND 0"),
    "line": (HALF_ADDER.replace(b"12 2 4", b"12 2"), r":7: '12 2' is not an AND"),
    "odd definition": (HALF_ADDER.replace(b"12 2 4", b"13 2 4"), "13 cannot be defined"),
    "twice": (HALF_ADDER.replace(b"12 2 4", b"14 2 4"), "variable 7 is defined more than once"),
    "range": (HALF_ADDER.replace(b"12 2 4", b"12 2 99"), "literal 99, but the header says 7"),
    "undefined": (HALF_ADDER.replace(b"12 2 4", b"12 2 9"), "literal 8 is used, but nothing"),
    "cycle": (
        HALF_ADDER.replace(b"12 2 4", b"12 2 7"),
        r"combinational cycle of ANDs: (6 -> 12 -> 6|12 -> 6 -> 12)",
    ),
    "uninitialised": (
        TOGGLE.replace(b"4 7 1", b"4 7 4") + b"l0 q\n",
        r"latch 4 \(q\) starts uninitialised",
    ),
    "reset": (TOGGLE.replace(b"4 7 1", b"4 7 2"), "latch 4 resets to 2"),
    "bad": (b"aag 1 1 0 0 0 1\n2\n2\n", r":1: 1 bad state properties"),
    "constraint": (b"aag 1 1 0 0 0 0 1\n2\n2\n", "1 invariant constraint properties"),
    "justice": (b"aag 1 1 0 0 0 0 0 1\n2\n1\n2\n", "1 justice properties"),
    "fairness": (b"aag 1 1 0 0 0 0 0 0 1\n2\n2\n", "1 fairness properties"),
    "symbol": (HALF_ADDER.replace(b"i0 x", b"k0 x"), "'k0 x' is no symbol"),
    "symbol range": (HALF_ADDER.replace(b"i0 x", b"i2 x"), "i2 is one of 2"),
    "symbol twice": (HALF_ADDER.replace(b"i0 x", b"i1 x"), "i1 is named twice"),
    "symbol bytes": (HALF_ADDER.replace(b"i0 x", b"i0 \xff"), "not UTF-8"),
    "delta 0": (b"aig 2 1 0 0 1\n\0\2", "AND 0 reads itself or something below 0"),
    "delta below": (b"aig 2 1 0 0 1\n\5\1", "AND 0 reads itself or something below 0"),
    "endless": (b"aig 2 1 0 0 1\n" + b"\x80" * 9 + b"\1\1", "AND 0 has an endless delta"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_the_place(tmp_path, name):
    data, message = MALFORMED[name]
    with pytest.raises(InputError, match=rf"net\.aig.*{message}"):
        read(data, tmp_path)


def test_an_empty_graph_and_sections_of_zero_are_whole(tmp_path):
    assert read(b"aag 0 0 0 1 0 0 0\n1\n", tmp_path).netlist.outputs.tolist() == [1]


def test_facts_that_contradict_or_mean_nothing_are_errors(tmp_path):
    with pytest.raises(InputError, match="the file says input_bits = 2"):
        read(HALF_ADDER, tmp_path, input_bits=3)
    with pytest.raises(InputError, match="--threshold has no meaning for a AIGER file"):
        read(HALF_ADDER, tmp_path, threshold=0.5)
    with pytest.raises(InputError, match="2 outputs do not divide into 3"):
        read(HALF_ADDER, tmp_path, classes=3)


def test_recognition_is_by_content(tmp_path):
    for data in (HALF_ADDER, binary_file(([2], [], [3], []))):
        (tmp_path / "a.blif").write_bytes(data)
        assert aiger.recognize(Source(tmp_path / "a.blif")) is None
        assert blif.recognize(Source(tmp_path / "a.blif")) is not None
    (tmp_path / "b.aig").write_bytes(b".model x\n")
    assert aiger.recognize(Source(tmp_path / "b.aig")) == "no aag or aig header"


def test_load_finds_the_reader(tmp_path):
    (tmp_path / "x").write_bytes(HALF_ADDER)
    assert frontends.load(tmp_path / "x").provenance.frontend == "aiger"


@pytest.mark.parametrize("data", [HALF_ADDER, TOGGLE])
def test_damaged_ascii_files_never_crash(data):
    tally = check_reader(aiger.READER, data)
    assert min(tally["refused"], tally["other"] + tally["same"]) > 0.05 * tally.total()


def test_damaged_binary_files_never_crash():
    graph = ([2, 4, 6], [(8, 11, 1)], [11, 14], [(10, 8, 3), (12, 10, 5), (14, 13, 11)])
    tally = check_reader(aiger.READER, binary_file(graph) + b"i0 a\no1 long name\n")
    assert min(tally["refused"], tally["other"] + tally["same"]) > 0.05 * tally.total()
