"""AIGER files as ABC reads them, against truth tables of the naive evaluator."""

from __future__ import annotations

import subprocess

import pytest
from exhaustive import answers, samples
from hypothesis import given, settings
from strategies import netlists

from lgncc.emit.aiger import to_aiger
from lgncc.flow.tools import find_tool
from lgncc.netlist import Netlist


def abc(folder, script):
    done = subprocess.run(
        [*find_tool("abc").argv, "-q", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def truth_blif(netlist):
    """The combinational part as minterms of the naive answers, one cover a root."""
    sources = [f"x{i}" for i in range(netlist.n_inputs + netlist.n_state)]
    rows = list(zip(samples(len(sources)), answers(netlist), strict=True))
    roots = range(len(netlist.outputs) + netlist.n_state)
    lines = [
        ".model truth",
        ".inputs " + " ".join(sources),
        ".outputs " + " ".join(f"y{i}" for i in roots),
    ]
    for i in roots:
        ones = ["".join(map(str, bits)) for bits, values in rows if values[i]]
        # ABC refuses an empty cover that has fanins.
        lines.append(f".names {' '.join(sources) if ones else ''} y{i}")
        lines += [f"{minterm} 1".strip() for minterm in ones]
    return "\n".join([*lines, ".end\n"])


def check(tmp_path, netlist, **options):
    if not len(netlist.roots):
        return  # ABC takes no network without outputs
    (tmp_path / "ours.aig").write_bytes(to_aiger(netlist, **options))
    (tmp_path / "truth.blif").write_text(truth_blif(netlist))
    comb = "comb; " if netlist.n_state and not options.get("combinational") else ""
    said = abc(tmp_path, f"read_aiger ours.aig; {comb}write_aiger c.aig; cec -n c.aig truth.blif")
    assert "Networks are equivalent" in said, said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("aiger")


def test_all_sixteen_gates_are_read_by_abc_as_their_tables(tmp_path):
    netlist = Netlist(2, [[2, 3]] * 16, range(16), range(4, 20))
    check(tmp_path, netlist)
    check(tmp_path, netlist, symbols=False)


def test_all_sixteen_gates_of_constants_and_of_equal_fanins_are_right(tmp_path):
    pairs = [(0, 2), (1, 2), (2, 0), (2, 1), (2, 2), (0, 1)]
    fanin = [pair for pair in pairs for _ in range(16)]
    check(tmp_path, Netlist(1, fanin, [*range(16)] * len(pairs), range(3, 3 + 16 * len(pairs))))


def test_the_checker_notices_a_wrong_table(tmp_path):
    right, wrong = (Netlist(2, [[2, 3]], [table], [4]) for table in (0x8, 0x9))
    (tmp_path / "ours.aig").write_bytes(to_aiger(wrong))
    (tmp_path / "truth.blif").write_text(truth_blif(right))
    assert "NOT EQUIVALENT" in abc(tmp_path, "cec -n ours.aig truth.blif")


@settings(max_examples=20)
@given(netlist=netlists(max_inputs=4))
def test_a_netlist_is_read_by_abc_as_the_naive_evaluator_answers(folder, netlist):
    check(folder, netlist)


@settings(max_examples=15)
@given(netlist=netlists(k=4, max_inputs=4, max_gates=6))
def test_a_mapped_netlist_is_read_by_abc_as_the_naive_evaluator_answers(folder, netlist):
    check(folder, netlist)


@settings(max_examples=20)
@given(netlist=netlists(max_inputs=3, max_state=3))
def test_latches_are_read_by_abc_with_their_next_states(folder, netlist):
    check(folder, netlist)
    check(folder, netlist, combinational=True)


def test_latches_keep_their_reset_values(tmp_path):
    netlist = Netlist(1, [[2, 3]], [0x8], [4, 5], next_state=[3, 5, 4], reset=[1, 0, 1])
    (tmp_path / "ours.aig").write_bytes(to_aiger(netlist))
    abc(tmp_path, "read_aiger ours.aig; write_blif back.blif")
    latches = [
        line.split()[-1]
        for line in (tmp_path / "back.blif").read_text().splitlines()
        if line.startswith(".latch")
    ]
    assert latches == ["1", "0", "1"]


def test_port_names_are_in_the_symbol_table(tmp_path):
    netlist = Netlist(2, [[2, 3]], [0x2], [4], input_names=("up", "down"), output_names=("go",))
    (tmp_path / "ours.aig").write_bytes(to_aiger(netlist))
    blif = ".model m\n.inputs down up\n.outputs go\n.names up down go\n10 1\n.end\n"
    (tmp_path / "named.blif").write_text(blif)
    assert "Networks are equivalent" in abc(tmp_path, "cec ours.aig named.blif")  # by name
    assert b"up" not in to_aiger(netlist, symbols=False)


def test_the_bytes_of_a_small_file_are_those_of_the_format():
    # By hand from the AIGER report: i1 = 2, i2 = 4, AND 6 = 4 & 2, output 7; deltas 2 and 2.
    nand = Netlist(2, [[2, 3]], [0x7], [4], input_names=("a", "b"), output_names=("y",))
    assert to_aiger(nand) == b"aig 3 2 0 1 1\n7\n\x02\x02i0 a\ni1 b\no0 y\n"


def test_differences_above_seven_bits_are_split_with_the_lowest_group_first():
    # Variables 1 to 300 are inputs; AND 602 = 400 & 2: deltas 202 and 398.
    wide = Netlist(300, [[2, 201]], [0x8], [302])
    deltas = bytes([202 & 127 | 128, 202 >> 7, 398 & 127 | 128, 398 >> 7])
    assert to_aiger(wide, symbols=False) == b"aig 301 300 0 1 1\n602\n" + deltas
