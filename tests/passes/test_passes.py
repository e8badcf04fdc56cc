"""Passes keep functions and ports; the runner catches those that do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from exhaustive import answers, ports
from hypothesis import given, settings
from strategies import netlists

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import DesignError, InputError
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.dead import RemoveDead
from lgncc.passes.fold import Fold
from lgncc.passes.pipeline import LEVELS, O1, Repeat, choose_pipeline, optimize
from lgncc.passes.strash import Strash
from lgncc.verify.equivalence import check_equal

AND, OR, XOR, NAND, NOR, NOT_A, WIRE_A = 0x8, 0xE, 0x6, 0x7, 0x1, 0x5, 0xA


def gates(n_inputs, *rows, outputs, **ports):
    """A netlist of (table, a, b) rows."""
    return Netlist(
        n_inputs,
        np.array([row[1:] for row in rows], np.int32).reshape(-1, 2),
        [row[0] for row in rows],
        outputs,
        **ports,
    )


def body(netlist):
    return netlist.dump().splitlines()[1:]


def model_of(netlist, encoder=None, readout=None):
    return LogicModel(
        encoder or Encoder.identity(netlist.n_inputs),
        netlist,
        readout or Readout.bits(),
        Provenance("test"),
    )


def run(netlist, *pipeline, prove=False):
    return optimize(model_of(netlist), pipeline, prove=prove).model.netlist


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


def random_netlist(n_inputs, n_gates, n_outputs, seed=0):
    """Layers of random wiring, as a network has them."""
    rng = np.random.default_rng(seed)
    builder = NetlistBuilder(n_inputs)
    nodes = builder.inputs
    for _ in range(4):
        a, b = rng.choice(nodes, (2, n_gates // 4))
        nodes = builder.gates(rng.integers(0, 16, n_gates // 4), a, b)
    return builder.finish(rng.choice(nodes, n_outputs))


def test_the_runner_says_what_each_pass_left_and_what_was_proved():
    netlist = random_netlist(20, 400, 30)
    seen = []
    optimized = optimize(model_of(netlist), O1, on_pass=lambda *step: seen.append(step))
    assert [step[0] for step in seen] == list(optimized.applications)
    assert [a.name for a in optimized.applications[:3]] == ["fold", "strash", "dead"]
    for application, after in seen:
        assert (application.gates, application.levels) == (after.n_gates, after.depth)
        assert application.seconds >= 0
    after = optimized.model.netlist
    assert after.n_gates < 400
    assert optimized.rung.rung == "passes"
    assert optimized.rung.detail == f"ABC cec: 400 gates = {after.n_gates} gates"


def test_nothing_is_proved_where_nothing_ran_or_nobody_asked():
    netlist = random_netlist(5, 8, 2)
    assert optimize(model_of(netlist), LEVELS[0]).rung.detail == "no pass ran"
    rung = optimize(model_of(netlist), O1, prove=False).rung
    assert (rung.result, rung.detail) == ("skipped", "--verify none")


def test_a_repeat_stops_at_its_rounds():
    netlist = gates(1, (NOT_A, 2, 0), (NOT_A, 3, 0), outputs=[4])
    assert len(optimize(model_of(netlist), (Repeat((RemoveDead(),), 5),)).applications) == 1
    assert len(optimize(model_of(netlist), (Repeat((Fold(), RemoveDead()), 1),)).applications) == 2


def test_the_command_line_names_a_level_or_passes():
    assert choose_pipeline(0) == ()
    assert choose_pipeline(1) == O1
    assert choose_pipeline(1, "fold,dead") == (Fold(), RemoveDead())
    with pytest.raises(InputError) as caught:
        choose_pipeline(1, "fold,fuse,")
    assert str(caught.value) == (
        "--passes fold,fuse,: there is no pass 'fuse', ''; known are fold, strash, dead"
    )
    with pytest.raises(InputError, match=r"^-O 9: this version has levels 0, 1"):
        choose_pipeline(9)


@dataclass(frozen=True)
class Broken:
    """A pass with a fault put in on purpose."""

    fault: str
    name = "broken"

    def apply(self, netlist):
        table, fanin, outputs = (
            array.copy() for array in (netlist.table, netlist.fanin, netlist.outputs)
        )
        match self.fault:
            case "a flipped table bit":
                table[0] ^= 1
            case "swapped wires":
                fanin[0] = fanin[0][::-1]
            case "a dropped output negation":
                outputs[0] = fanin[1, 0]
            case "exchanged outputs":
                outputs = outputs[::-1]
            case "a lost output":
                return replace(netlist, outputs=outputs[1:])
            case "a lost input":
                return replace(
                    netlist, n_inputs=1, fanin=np.maximum(fanin - 1, 0), outputs=outputs - 1
                )
            case "another reset":
                return replace(netlist, next_state=[2], reset=[False])
            case "other names":
                return replace(netlist, input_names=("x", "y"))
        return replace(netlist, table=table, fanin=fanin, outputs=outputs)


VICTIM = gates(2, (0x2, 2, 3), (NOT_A, 4, 0), outputs=[5, 2])


@pytest.mark.parametrize(
    "fault",
    ["a flipped table bit", "swapped wires", "a dropped output negation", "exchanged outputs"],
)
def test_a_pass_that_changes_a_function_is_refuted_by_simulation(fault):
    with pytest.raises(DesignError) as caught:
        run(VICTIM, Broken(fault))
    assert str(caught.value) == (
        "pass broken: changed the network's answers on random samples; this is a defect of lgncc: "
        "please report it, and compile with -O 0 meanwhile"
    )


@pytest.mark.parametrize("fault", ["a lost output", "a lost input", "other names"])
def test_a_pass_that_changes_the_ports_is_refused(fault):
    with pytest.raises(DesignError, match=r"^pass broken: changed the network's ports"):
        run(VICTIM, Broken(fault))


def test_a_pass_that_changes_a_reset_value_is_refused():
    toggle = gates(0, outputs=[2], next_state=[2], reset=[True])
    with pytest.raises(DesignError, match=r"^pass broken: changed the network's ports"):
        run(toggle, Broken("another reset"))


@dataclass(frozen=True)
class FlipOneMinterm:
    """Inverts every output on one of the 2**24 inputs: random samples do not see it."""

    minterm: int
    name = "rare"

    def apply(self, netlist):
        wanted = [self.minterm >> i & 1 for i in range(netlist.n_inputs)]
        builder = NetlistBuilder(netlist.n_inputs)
        outputs = builder.gates(netlist.table, *netlist.fanin.T)[
            netlist.outputs - netlist.first_gate
        ]
        terms = [builder.gates(0xA if want else 0x5, 2 + i, 0) for i, want in enumerate(wanted)]
        hit = terms[0]
        for term in terms[1:]:
            hit = builder.gates(AND, hit, term)
        return builder.finish(builder.gates(XOR, outputs, hit))


def test_a_fault_on_one_of_16_million_inputs_is_refuted_by_abc_in_the_users_terms():
    # Twelve features u4.1, each above 3/2 and above 11/2. Of features 0 to 3, those above
    # 11/2 vote for class 1 against one constant vote for class 0.
    encoder = Encoder([4] * 12, [False] * 12, [1] * 12, np.repeat(np.arange(12), 2), [3, 11] * 12)
    rows = [(AND, 2 + 2 * i, 3 + 2 * i) for i in range(4)]
    netlist = gates(24, *rows, outputs=[26, 27, 28, 29])
    readout = Readout("class", [0, 1, 2, 3], [1] * 4, [1] * 4, [1, 0])
    thresholds_passed = [2, 2, 0, 2, 1, 0, 1, 2, 0, 0, 1, 1]
    bits = [int(passed > side) for passed in thresholds_passed for side in (0, 1)]
    minterm = sum(bit << i for i, bit in enumerate(bits))
    with pytest.raises(DesignError) as caught:
        optimize(model_of(netlist, encoder, readout), (FlipOneMinterm(minterm),))
    assert str(caught.value).splitlines() == [
        "passes: refuted by ABC; this is a defect of lgncc: please report it",
        "4 outputs differ, first: o0, o1, o2, o3",
        "features: 0=6 1=6 3=6 4=2 6=2 7=6 10=2 11=2 and the others 0",
        "class before: 1, after: 0",  # three votes against one; inverted, one each: a tie
    ]


def test_without_the_proof_that_fault_would_have_passed():
    netlist = gates(24, (0x8, 2, 3), outputs=[26])
    after = run(netlist, FlipOneMinterm(0x5A5A5A))
    assert not check_equal(netlist, after).equal
