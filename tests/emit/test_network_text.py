"""The text of a network, line by line; tests/hw/test_fabric.py proves its function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies import netlists

from lgncc.emit.verilog import network_module
from lgncc.netlist import Netlist

TWO_LEVELS = """\
module net(x, y0, y1);
  input [1:0] x;
  output [1:0] y0;
  output [0:0] y1;
  wire n0 = 1'b0;
  wire n1 = 1'b1;
  wire n2 = x[0];
  wire n3 = x[1];
  wire n4 = n2 & n3;
  wire n5 = n4 ^ n1;
  assign y0 = {
    n5, n4
  };
  assign y1 = {
    n0
  };
endmodule
"""


def test_a_small_network_reads_like_this():
    netlist = Netlist(2, [(2, 3), (4, 1)], [0x8, 0x6], [4, 5, 0])
    assert network_module(netlist, "net", [np.array([0, 1]), np.array([2])]) == TWO_LEVELS


def test_ports_of_no_bits_are_left_out():
    netlist = Netlist(0, np.zeros((0, 2)), [], [1])
    text = network_module(netlist, "net", [np.array([], np.int32), np.array([0])])
    assert text.splitlines()[0] == "module net(y1);"
    assert "x" not in text.replace("endmodule", "")


@given(netlists(named=False))
def test_every_wire_is_declared_once_and_before_it_is_read(netlist):
    text = network_module(netlist, "net", [np.arange(len(netlist.outputs))])
    declared = set()
    for line in text.splitlines():
        words = line.replace(";", " ").replace(",", " ").replace("(", " ").replace(")", " ")
        names = [w.lstrip("~") for w in words.split() if w.lstrip("~")[:1] == "n"]
        names = [name for name in names if name[1:].isdigit()]
        if line.startswith("  wire "):
            name, *names = names
            assert name not in declared
            declared.add(name)
            assert name not in names
            assert set(names) < declared
        assert set(names) <= declared


def test_lines_stay_short_however_many_outputs_there_are():
    """Verilator refuses a line of more than 40,000 tokens."""
    netlist = Netlist(1, np.zeros((0, 2)), [], np.full(60_000, 2))
    text = network_module(netlist, "net", [np.arange(60_000)])
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.parametrize(
    ("netlist", "message"),
    [
        (Netlist(1, [(2, 2, 2)], [0x80], [3]), "two-input"),
        (Netlist(1, [(2, 3)], [0x6], [4], next_state=[4], reset=[False]), "state"),
    ],
)
def test_what_is_no_two_input_combinational_network_is_a_defect_of_the_caller(netlist, message):
    with pytest.raises(AssertionError, match=message):
        network_module(netlist, "net", [np.array([0])])
