"""BLIF out and, by our own reader, in again; and by yosys's, which knows latches."""

from __future__ import annotations

import pytest
import yosys
from exhaustive import answers
from hypothesis import given
from hypothesis import strategies as st
from strategies import netlists

from lgncc.emit.blif import to_blif
from lgncc.facts import GivenFacts
from lgncc.frontends import load
from lgncc.netlist import Netlist

SMALL = """\
.model net
.inputs i0 i1 i2
.outputs o0 o1
.latch n7 s0 1
.names const0
.names const1
1
.names i0 s0 n6
10 1
01 1
.names n6 i1 i2 n7
000 0
.names n7 o0
1 1
.names const1 o1
1 1
.end
"""


def test_a_small_netlist_reads_like_this():
    netlist = Netlist(3, [(2, 5, 0), (6, 3, 4)], [0x66, 0xFE], [7, 1], [7], [True])
    assert to_blif(netlist, "net") == SMALL


@given(st.sampled_from((1, 2, 3, 4, 6)).flatmap(lambda k: netlists(k=k, max_gates=6, min_inputs=1)))
def test_the_reader_finds_the_same_functions(tmp_path_factory, netlist):
    path = tmp_path_factory.getbasetemp() / "net.blif"
    path.write_text(to_blif(netlist, "net"))
    if len(netlist.outputs):
        assert answers(load(path, GivenFacts(), "blif").netlist) == answers(netlist)


def test_a_port_that_is_called_as_a_gate_is_no_clash(tmp_path):
    netlist = Netlist(
        1, [(2, 2), (3, 3)], [0x1, 0x1], [4, 3], input_names=("n4",), output_names=("n3", "_n3")
    )
    (tmp_path / "net.blif").write_text(to_blif(netlist, "net"))
    assert answers(load(tmp_path / "net.blif").netlist) == [[0, 1], [1, 0]]


@pytest.mark.parametrize("reset", [0, 1])
def test_yosys_finds_the_state_and_its_reset_value(tmp_path, reset):
    netlist = Netlist(1, [(2, 3)], [0x6], [3], next_state=[4], reset=[reset])
    (tmp_path / "net.blif").write_text(to_blif(netlist, "net"))
    check = f"sat -seq 1 -prove-asserts -set-init-undef -set-at 1 i0 0 -prove o0 {reset} net"
    log = yosys.run(tmp_path, ["read_blif net.blif", "hierarchy -top net", "stat", check])
    assert "SUCCESS!" in log
