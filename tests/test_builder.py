"""Lookup tables decomposed into two-input gates: the same function, row by row."""

from __future__ import annotations

import itertools
import random

import naive
import numpy as np
import pytest
from exhaustive import answers, ports, samples
from hypothesis import given
from strategies import netlists

from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.errors import InputError


def check_tables(k, tables, fanin=None):
    """Decompose all tables at once over k inputs; evaluate every row naively."""
    builder = NetlistBuilder(k)
    nodes = builder.inputs if fanin is None else np.asarray(fanin)
    outputs = builder.luts(np.array(tables, np.uint64), np.tile(nodes, (len(tables), 1)))
    netlist = builder.finish(outputs)
    assert netlist.k == 2
    for row, bits in enumerate(samples(k)):
        values = [0, 1, *bits]
        at = row if fanin is None else sum(values[f] << slot for slot, f in enumerate(fanin))
        got = naive.evaluate(k, netlist.fanin, netlist.table, netlist.outputs, bits)
        assert got == [table >> at & 1 for table in tables], f"row {at}"
    return netlist


@pytest.mark.parametrize("k", [1, 2, 3])
def test_all_tables_of_up_to_three_fanins_keep_their_function(k):
    check_tables(k, range(1 << (1 << k)))


def test_a_table_of_no_fanins_is_a_constant_node():
    builder = NetlistBuilder(1)
    assert builder.luts([0, 1], np.zeros((2, 0))).tolist() == [0, 1]


def structured_tables(k):
    """Muxes, parities, products, and halves that are constant, equal or complementary."""
    half, full, rows = 1 << (k - 1), (1 << (1 << (k - 1))) - 1, range(1 << k)
    some = random.Random(k).getrandbits(half)
    tables = [
        sum((row.bit_count() & 1) << row for row in rows),
        1 << (half * 2 - 1),
        1,
        sum((row >> (row & 1) + 1 & 1) << row for row in rows),
    ]
    tables += [sum((row >> slot & 1) << row for row in rows) for slot in range(k)]
    for low, high in (
        *((some, other) for other in (0, full, some, some ^ full)),
        *((other, some) for other in (0, full)),
        (0, full),
        (full, 0),
    ):
        tables.append(low | high << half)
    return tables + [table ^ (full << half | full) for table in tables]


@pytest.mark.parametrize(("k", "count"), [(4, 2000), (5, 400), (6, 150)])
def test_random_and_structured_wide_tables_keep_their_function(k, count):
    draw = random.Random(7)
    check_tables(k, [*structured_tables(k), *(draw.getrandbits(1 << k) for _ in range(count))])


@pytest.mark.parametrize("fanin", [[2, 2, 2], [2, 3, 2], [0, 2, 1], [1, 1, 3], [4, 3, 2]])
def test_repeated_constant_and_permuted_fanins_keep_the_function(fanin):
    check_tables(3, range(256), fanin)


def test_tables_of_six_fanins_with_repeats_keep_the_function():
    draw = random.Random(3)
    check_tables(6, [draw.getrandbits(64) for _ in range(30)], [2, 7, 1, 5, 2, 7])


@pytest.mark.parametrize(
    ("table", "gates"),
    [
        (0x0, []),
        (0xFF, []),
        (0xF0, ["and"]),  # the highest fanin itself, see below
        (0x80, ["and", "and"]),
        (0x96, ["xor", "xor"]),
        (0x78, ["and", "xor"]),
    ],
)
def test_simple_cofactors_cost_one_gate_each(table, gates):
    builder = NetlistBuilder(3)
    netlist = builder.finish(builder.luts([table], [[2, 3, 4]]))
    names = [line.split(" = ")[1].split("(")[0] for line in netlist.dump().splitlines()[1:-1]]
    assert len(names) == len(gates)
    if table != 0xF0:  # 1 & select: the fold pass turns it into a wire
        assert names == gates


@pytest.mark.parametrize(
    ("fanins", "function", "gates"),
    [
        (4, lambda a, b, c, d: a & b | c & d, 3),
        (4, lambda a, b, c, d: (a ^ c) & (b | d), 3),
        (4, lambda a, b, c, d: a & (b ^ c ^ d), 3),
        (5, lambda a, b, c, d, e: (a & d | b & e) ^ c, 4),
        (6, lambda a, b, c, d, e, f: (a | f) & (b ^ e) | c & d, 5),
        (4, lambda a, _, c, __: a ^ c, 1),
    ],
)
def test_a_tree_of_gates_takes_no_more_in_any_order_of_its_fanins(fanins, function, gates):
    for order in list(itertools.permutations(range(fanins)))[:: max(fanins - 3, 1) ** 2]:
        rows = ([row >> slot & 1 for slot in order] for row in range(1 << fanins))
        table = sum(function(*bits) << row for row, bits in enumerate(rows))
        netlist = check_tables(fanins, [table])
        assert netlist.n_gates <= gates


def test_more_than_six_fanins_are_refused():
    with pytest.raises(ValueError, match="a lookup table of 7 fanins: at most 6"):
        NetlistBuilder(7).luts([0], [[2, 3, 4, 5, 6, 7, 8]])


def test_gates_broadcast_and_number_on():
    builder = NetlistBuilder(2, n_state=1)
    assert builder.inputs.tolist() == [2, 3]
    assert builder.state.tolist() == [4]
    assert builder.gates(0x8, [2, 3], 4).tolist() == [5, 6]
    assert builder.gates([0x6], 5, 6).tolist() == [7]
    netlist = builder.finish([7], next_state=[6], reset=[True], output_names=("y",))
    assert netlist.dump().splitlines() == [
        "netlist: 2 inputs, 1 state, 3 gates (k=2), 1 outputs",
        "n5 = and(i0, s0)",
        "n6 = and(i1, s0)",
        "n7 = xor(n5, n6)",
        "next s0 = n6 (reset 1)",
        "y = n7",
    ]


def test_a_builder_with_nothing_appended_finishes_with_wires():
    assert NetlistBuilder(1).finish([2, 1]).dump().splitlines()[1:] == ["o0 = i0", "o1 = 1"]


def test_finish_refuses_an_output_that_was_never_appended():
    with pytest.raises(InputError, match="output 0 is node 9, but nodes are 0 to 2"):
        NetlistBuilder(1).finish([9])


@given(netlists(k=4, max_state=2, max_gates=8, max_inputs=4))
def test_a_k4_netlist_as_two_input_gates_has_the_same_functions_and_ports(netlist):
    two = to_two_input(netlist)
    assert two.k == 2
    assert answers(two) == answers(netlist)
    assert ports(two) == ports(netlist)


@given(netlists(k=1, max_state=1, max_gates=8, max_inputs=4))
def test_a_k1_netlist_as_two_input_gates_has_the_same_functions(netlist):
    assert answers(to_two_input(netlist)) == answers(netlist)


def test_a_two_input_netlist_stays_as_it_is():
    netlist = NetlistBuilder(1).finish([2])
    assert to_two_input(netlist) is netlist
