"""The runner of passes says what each left, proves the whole, and catches what changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from gate_rows import AND, NOT_A, XOR, gates, model_of, run

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import DesignError, InputError
from lgncc.model import Readout
from lgncc.passes.dead import RemoveDead
from lgncc.passes.fold import Fold
from lgncc.passes.pipeline import LEVELS, O1, Repeat, choose_pipeline, optimize
from lgncc.verify.equivalence import check_equal


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
