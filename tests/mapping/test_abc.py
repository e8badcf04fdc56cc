"""Mapping to LUTs by ABC keeps the functions, ports and state, and wastes no LUT."""

import numpy as np
import pytest
from exhaustive import answers, ports
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from lgncc.builder import NetlistBuilder
from lgncc.errors import DesignError
from lgncc.gates import AND, NAND, OR, XOR
from lgncc.mapping.abc import map_luts
from lgncc.netlist import Netlist
from lgncc.verify.equivalence import check_equal


@settings(max_examples=40, deadline=None)
@given(netlists(max_state=2), st.integers(2, 6))
def test_luts_compute_what_the_gates_computed(netlist, k):
    luts = map_luts(netlist, k)
    assert luts.k == k
    assert answers(luts) == answers(netlist)
    assert ports(luts) == ports(netlist)


@settings(max_examples=15, deadline=None)
@given(netlists(k=4, max_gates=6))
def test_wider_gates_can_be_mapped_too(netlist):
    assert answers(map_luts(netlist, 4)) == answers(netlist)


def layered(gates, layers, inputs=64, seed=0):
    rng = np.random.default_rng(seed)
    builder = NetlistBuilder(inputs)
    layer = builder.inputs
    for _ in range(layers):
        tables = rng.choice([1, 2, 4, 6, 7, 8, 9, 11, 13, 14], gates)
        layer = builder.gates(tables, rng.choice(layer, gates), rng.choice(layer, gates))
    return builder.finish(layer)


def test_a_network_becomes_fewer_luts_and_stays_equal():
    netlist = layered(1000, 4)
    luts = map_luts(netlist)
    assert luts.n_gates < 0.6 * netlist.n_gates
    assert check_equal(netlist, luts).equal


def test_no_lut_is_a_wire_and_none_is_a_constant():
    luts = map_luts(layered(1000, 4), 4)
    fanins = (luts.fanin >= 2).sum(axis=1)
    assert (fanins >= 1).all()
    assert not np.isin(luts.table, (0, 0xFFFF, 0xAAAA)).any()


def test_padded_fanins_are_the_constant_0_and_do_not_matter():
    netlist = Netlist(2, [[2, 3]], [AND], [4])
    assert map_luts(netlist, 4).dump().splitlines()[1:] == [
        "n4 = lut[0x8888](i0, i1, 0, 0)",
        "o0 = n4",
    ]


def test_a_complemented_output_costs_no_inverter():
    # The product is needed by both outputs, but only its complement is an output.
    netlist = Netlist(
        4, [[2, 3], [4, 5], [7, 6], [6, 7], [2, 9]], [NAND, XOR, AND, OR, XOR], [6, 8, 10]
    )
    luts = map_luts(netlist, 2)
    assert answers(luts) == answers(netlist)
    assert (luts.fanin[:, 1] >= 2).all(), luts.dump()


def test_outputs_that_are_no_gates_need_no_luts():
    netlist = Netlist(2, np.zeros((0, 2)), [], [0, 1, 3, 2, 3])
    assert map_luts(netlist).dump().splitlines()[1:] == [
        "o0 = 0",
        "o1 = 1",
        "o2 = i1",
        "o3 = i0",
        "o4 = i1",
    ]


def test_a_script_that_is_wrong_is_told_with_its_log():
    with pytest.raises(DesignError, match=r"(?s)frobnicate.*log: .*abc\.log"):
        map_luts(layered(10, 1), script="frobnicate")


def test_a_script_that_takes_too_long_is_stopped():
    with pytest.raises(DesignError, match=r"did not finish within 0\.2 s"):
        map_luts(layered(2000, 6), script="strash; dch; dch; dch; if -K {k}", timeout_s=0.2)
