"""Passes keep functions and ports, and leave what they should."""

from __future__ import annotations

import pytest
from exhaustive import answers, ports
from gate_rows import AND, NAND, NOR, NOT_A, OR, WIRE_A, XOR, body, gates, model_of, run
from hypothesis import given, settings
from strategies import netlists

from lgncc.passes.dead import RemoveDead
from lgncc.passes.fold import Fold
from lgncc.passes.pipeline import O1, optimize
from lgncc.passes.strash import Strash
from lgncc.verify.equivalence import check_equal

SMALL = {"max_inputs": 4, "max_state": 2, "max_gates": 16, "max_outputs": 6}


@pytest.mark.parametrize("one", [Fold(), Strash(), RemoveDead()], ids=lambda p: p.name)
@given(netlist=netlists(**SMALL))
def test_a_pass_keeps_functions_ports_reset_and_names(one, netlist):
    after = one.apply(netlist)
    assert answers(after) == answers(netlist)
    assert ports(after) == ports(netlist)
    assert after.depth <= netlist.depth or after.depth == 1  # an inverter of an input is a gate


@given(netlists(k=4, max_inputs=4, max_state=2, max_gates=8))
def test_dead_gates_go_from_mapped_netlists_too(netlist):
    after = RemoveDead().apply(netlist)
    assert answers(after) == answers(netlist)
    assert ports(after) == ports(netlist)
    assert_all_read(after)


def assert_all_read(netlist):
    needed = {int(node) for node in (*netlist.outputs, *netlist.next_state)}
    for gate in reversed(range(netlist.n_gates)):
        assert netlist.first_gate + gate in needed
        needed.update(netlist.fanin[gate].tolist())


def depends(table):
    """Whether a two-input table depends on a and on b."""
    rows = [table >> row & 1 for row in range(4)]
    return rows[0] != rows[1] or rows[2] != rows[3], rows[0] != rows[2] or rows[1] != rows[3]


@given(netlists(**SMALL))
def test_after_fold_every_live_gate_needs_both_fanins_but_inverters_at_roots(netlist):
    after = run(netlist, Fold(), RemoveDead())
    roots = {int(node) for node in (*after.outputs, *after.next_state)}
    for gate, (fanin, table) in enumerate(
        zip(after.fanin.tolist(), after.table.tolist(), strict=True)
    ):
        if depends(table) == (True, True):
            assert fanin[0] != fanin[1]
            assert min(fanin) > 1
            continue
        assert table == NOT_A
        assert 2 <= fanin[0] < after.first_gate
        assert after.first_gate + gate in roots


@given(netlists(**SMALL))
def test_after_strash_no_two_gates_are_equal_up_to_order_and_complement(netlist):
    after = run(netlist, Strash(), RemoveDead())
    seen = {}
    for gate, (fanin, table) in enumerate(
        zip(after.fanin.tolist(), after.table.tolist(), strict=True)
    ):
        a, b = fanin
        rows = [table >> row & 1 for row in range(4)]
        if a > b:
            a, b, rows = b, a, [rows[0], rows[2], rows[1], rows[3]]
        key = (a, b, *(bit ^ rows[0] for bit in rows))
        seen.setdefault(key, []).append((after.first_gate + gate, rows[0]))
    roots = {int(node) for node in (*after.outputs, *after.next_state)}
    for twins in seen.values():
        polarities = [polarity for _, polarity in twins]
        assert len(set(polarities)) == len(polarities)
        # The second of a complemented pair exists only where a root asks for it.
        assert len(twins) == 1 or twins[-1][0] in roots


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (t, ["0", "n", "0", "n", "0", "n", "0", "n", "x", "1", "x", "1", "x", "1", "x", "1"][t])
        for t in range(16)
    ],
)
def test_a_gate_of_x_and_x_is_what_its_rows_00_and_11_say(table, expected):
    after = body(run(gates(1, (table, 2, 2), outputs=[3]), Fold(), RemoveDead()))
    assert (
        after
        == {
            "0": ["o0 = 0"],
            "1": ["o0 = 1"],
            "x": ["o0 = i0"],
            "n": ["n3 = not_a(i0, 0)", "o0 = n3"],
        }[expected]
    )


@pytest.mark.parametrize(
    ("table", "expected"), [(AND, "0"), (OR, "1"), (XOR, "1"), (NAND, "1"), (NOR, "0")]
)
def test_a_gate_of_x_and_not_x_is_constant(table, expected):
    netlist = gates(1, (NOT_A, 2, 0), (table, 2, 3), outputs=[4])
    assert body(run(netlist, Fold(), RemoveDead())) == [f"o0 = {expected}"]


@pytest.mark.parametrize(
    ("table", "constant", "expected"),
    [(AND, 0, "0"), (AND, 1, "i0"), (OR, 0, "i0"), (OR, 1, "1"), (XOR, 0, "i0"), (NOR, 1, "0")],
)
@pytest.mark.parametrize("slot", [0, 1])
def test_constant_fanins_are_absorbed_on_either_side(table, constant, expected, slot):
    fanin = (constant, 2) if slot == 0 else (2, constant)
    after = run(gates(1, (table, *fanin), outputs=[3]), Fold(), RemoveDead())
    assert body(after) == [f"o0 = {expected}"]


@pytest.mark.parametrize(("length", "gate"), [(6, "and"), (7, "not_a_and_b")])
def test_a_chain_of_inverters_is_absorbed_into_its_reader(length, gate):
    chain = [(NOT_A, 2, 0), *((NOT_A, 3 + i, 0) for i in range(1, length))]
    netlist = gates(2, *chain, (AND, 3 + length, 3), outputs=[4 + length])
    assert body(run(netlist, Fold(), RemoveDead())) == [f"n4 = {gate}(i0, i1)", "o0 = n4"]


def test_an_inverter_of_a_gate_at_an_output_becomes_the_complemented_gate():
    netlist = gates(2, (AND, 2, 3), (NOT_A, 4, 0), outputs=[5])
    assert body(run(netlist, Fold(), RemoveDead())) == ["n4 = nand(i0, i1)", "o0 = n4"]


def test_outputs_that_ask_for_one_inverted_input_share_an_inverter():
    netlist = gates(9, (NOT_A, 2, 0), (0x3, 0, 2), outputs=[11, 12])
    assert body(run(netlist, Fold(), RemoveDead())) == [
        "n11 = not_a(i0, 0)",
        "o0 = n11",
        "o1 = n11",
    ]


def test_state_is_inverted_by_one_gate_and_keeps_its_reset():
    netlist = gates(0, (NOT_A, 2, 0), (WIRE_A, 3, 0), outputs=[], next_state=[4], reset=[True])
    assert body(run(netlist, Fold(), RemoveDead())) == [
        "n3 = not_a(s0, 0)",
        "next s0 = n3 (reset 1)",
    ]


def test_strash_merges_duplicates_swapped_fanins_and_complemented_twins():
    netlist = gates(
        3,
        (0x2, 2, 3),  # n5: a and not b
        (0x2, 2, 3),  # n6: again
        (0x4, 3, 2),  # n7: with swapped fanins
        (0xD, 2, 3),  # n8: complemented
        (OR, 6, 4),  # n9
        (AND, 7, 4),  # n10
        (XOR, 8, 4),  # n11
        outputs=[5, 9, 10, 11],
    )
    assert body(run(netlist, Strash(), RemoveDead())) == [
        "n5 = a_and_not_b(i0, i1)",
        "n6 = or(n5, i2)",
        "n7 = and(n5, i2)",
        "n8 = xnor(n5, i2)",
        "o0 = n5",
        "o1 = n6",
        "o2 = n7",
        "o3 = n8",
    ]


def test_strash_merges_what_becomes_equal_through_merged_fanins():
    netlist = gates(3, (AND, 2, 3), (NAND, 3, 2), (OR, 5, 4), (0xB, 4, 6), outputs=[7, 8])
    # n8 = i2 | ~nand(i1, i0) = n7
    assert body(run(netlist, Strash(), RemoveDead())) == [
        "n5 = and(i0, i1)",
        "n6 = or(n5, i2)",
        "o0 = n6",
        "o1 = n6",
    ]


def test_a_complemented_twin_that_is_an_output_stays_a_gate():
    netlist = gates(2, (AND, 2, 3), (NAND, 2, 3), outputs=[4, 5])
    assert body(run(netlist, Strash(), RemoveDead())) == [
        "n4 = and(i0, i1)",
        "n5 = nand(i0, i1)",
        "o0 = n4",
        "o1 = n5",
    ]


def test_dead_gates_go_and_unread_inputs_stay():
    netlist = gates(
        3,
        (AND, 2, 3),
        (OR, 2, 3),
        (XOR, 5, 2),
        (NOR, 6, 2),
        outputs=[7, 2],
        input_names=("a", "b", "c"),
    )
    assert RemoveDead().apply(netlist).dump().splitlines() == [
        "netlist: 3 inputs, 0 state, 2 gates (k=2), 2 outputs",
        "n5 = and(a, b)",
        "n6 = xor(n5, a)",
        "o0 = n6",
        "o1 = a",
    ]


@given(netlists(**SMALL))
def test_o1_never_adds_gates_and_has_nothing_left_to_do(netlist):
    once = run(netlist, *O1)
    assert answers(once) == answers(netlist)
    assert ports(once) == ports(netlist)
    assert once.n_gates <= netlist.n_gates
    assert_all_read(once)
    assert run(once, *O1).dump() == once.dump()


@settings(max_examples=15)
@given(netlists(**SMALL))
def test_o1_is_proved_equal_to_its_input(netlist):
    optimized = optimize(model_of(netlist), O1)
    assert optimized.rung.result == "proved"
    assert check_equal(netlist, optimized.model.netlist).equal
