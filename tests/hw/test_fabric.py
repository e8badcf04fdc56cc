# amaranth: UnusedElaboratable=no
"""Fabric: its two emissions are one function, proved by SAT, and the one of the netlist."""

from __future__ import annotations

from dataclasses import replace

import exhaustive
import numpy as np
import pytest
import strategies
import yosys
from amaranth.back import rtlil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgncc.errors import DesignError
from lgncc.flow.run import ToolFailedError
from lgncc.gates import GATES
from lgncc.hw.fabric import MODULE_NAME, TEXT_GATES, Fabric, fabric_text
from lgncc.netlist import Netlist


def write(folder, name, netlist, groups, as_text):
    """Lines that read one emission as module `name`, with what it instantiates."""
    fabric = Fabric(netlist, groups, as_text=as_text)
    design = rtlil.convert(fabric, name=name, emit_src=False)
    network = f"{name}_network"  # many designs are read together
    (folder / f"{name}.il").write_text(design.replace(MODULE_NAME, network))
    lines = [f"read_rtlil {name}.il"]
    if text := fabric_text(fabric):
        (folder / f"{name}.v").write_text(text.replace(MODULE_NAME, network))
        lines.append(f"read_verilog {name}.v")
    return lines


FLATTEN = ["setattr -mod -unset top *", "proc", "flatten", "opt_clean"]


def prove_equal(gold, gate):
    miter = f"miter_{gold}_{gate}"
    return [
        f"miter -equiv -flatten -make_outputs {gold} {gate} {miter}",
        f"sat -verify -prove trigger 0 {miter}",
    ]


@st.composite
def cases(draw):
    """A netlist and groups of its outputs: some repeated, some in no group, empty groups."""
    netlist = draw(strategies.netlists(min_inputs=1, max_inputs=4, max_gates=12, named=False))
    positions = st.integers(0, max(len(netlist.outputs) - 1, 0))
    size = 6 if len(netlist.outputs) else 0
    groups = draw(st.lists(st.lists(positions, max_size=size), max_size=3))
    return netlist, [np.array(group, np.int32) for group in groups]


def packed(bits):
    return sum(bit << index for index, bit in enumerate(bits))


def expected_table(netlist, groups):
    """What `eval -table x` shows: naive answers to all inputs, a group a port."""
    rows = []
    for x, outputs in enumerate(exhaustive.answers(netlist)):
        ports = {f"y{i}": packed([outputs[p] for p in group]) for i, group in enumerate(groups)}
        shown = {name: value for name, value in ports.items() if len(groups[int(name[1:])])}
        rows.append({"x": x} | shown)
    return rows


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(cases(), min_size=1, max_size=12))
def test_both_emissions_are_proved_equal_and_answer_as_the_naive_evaluator(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("fabric")
    shown = [(n, g) for n, g in drawn if any(map(len, g))]  # yosys evaluates no empty module
    read, check = [], []
    for index, (netlist, groups) in enumerate(shown):
        names = (f"grouped{index}", f"text{index}")
        for name in names:
            read += write(folder, name, netlist, groups, as_text=name.startswith("text"))
            check.append(f"eval -table x {name}")
        check += prove_equal(*names)
    log = yosys.run(folder, [*read, *FLATTEN, *check] if shown else ["log nothing"])
    expected = [expected_table(*case) for case in shown for _ in range(2)]
    assert yosys.truth_tables(log) == expected


def random_netlist(rng, n_inputs, gates, outputs):
    below = 2 + n_inputs + np.arange(gates)[:, None]
    fanin = rng.integers(np.maximum(below - 500, 0), below, (gates, 2))
    table = rng.integers(0, len(GATES), gates).astype(np.uint64)
    last = 2 + n_inputs + gates
    return Netlist(n_inputs, fanin, table, rng.integers(last - 400, last, outputs))


def test_both_emissions_of_a_thousand_gates_are_proved_equal(tmp_path):
    netlist = random_netlist(np.random.default_rng(1), 64, 1000, 100)
    groups = np.split(np.arange(100, dtype=np.int32), [10, 40])
    lines = write(tmp_path, "grouped", netlist, groups, False)
    lines += write(tmp_path, "text", netlist, groups, True)
    yosys.run(tmp_path, [*lines, *FLATTEN, *prove_equal("grouped", "text")])


@pytest.mark.parametrize("change", ["flipped gate", "swapped wires", "swapped groups"])
def test_the_same_check_refutes(tmp_path, change):
    """The proof above is able to fail: x0 & ~x1, x0 | x1 against a wrong one."""
    right = Netlist(2, [(2, 3), (2, 3)], [0x2, 0xE], [4, 5])
    groups = [np.array([0]), np.array([1])]
    wrong, wrong_groups = {
        "flipped gate": (replace(right, table=[0x3, 0xE]), groups),
        "swapped wires": (replace(right, fanin=[(3, 2), (2, 3)]), groups),
        "swapped groups": (right, groups[::-1]),
    }[change]
    lines = write(tmp_path, "gold", right, groups, False)
    lines += write(tmp_path, "text", right, groups, True)
    lines += write(tmp_path, "bad", wrong, wrong_groups, True)
    yosys.run(tmp_path, [*lines, *FLATTEN, *prove_equal("gold", "text")])
    with pytest.raises(ToolFailedError, match="proof did fail"):
        yosys.run(tmp_path, [*lines, *FLATTEN, *prove_equal("gold", "bad")])


@pytest.mark.parametrize("table", range(16))
def test_every_function_reads_its_fanins_in_order_in_both_emissions(tmp_path, table):
    netlist = Netlist(2, [(2, 3)], [table], [4])
    lines, checks = [], []
    for name, as_text in (("grouped", False), ("text", True)):
        lines += write(tmp_path, name, netlist, None, as_text)
        checks.append(f"eval -table x {name}")
    log = yosys.run(tmp_path, [*lines, *FLATTEN, *checks])
    # Bit i of the table is the output where the fanins spell i, fanin 0 lowest: x itself.
    rows = [{"x": x, "y0": table >> x & 1} for x in range(4)]
    assert yosys.truth_tables(log) == [rows, rows]


def test_no_groups_given_is_one_port_of_all_outputs():
    fabric = Fabric(Netlist(3, [(2, 3)], [0x8], [5, 4, 5]))
    assert [len(port) for port in fabric.y] == [3]


def test_size_chooses_the_emission():
    gates = [(2, 2)] * TEXT_GATES
    assert Fabric(Netlist(1, gates, [0x6] * TEXT_GATES, [3])).as_text
    assert not Fabric(Netlist(1, gates[1:], [0x6] * (TEXT_GATES - 1), [3])).as_text
    assert fabric_text(Fabric(Netlist(1, gates[1:], [0x6] * (TEXT_GATES - 1), [3]))) is None


@pytest.mark.parametrize(
    ("n_inputs", "n_outputs", "message"),
    [
        (65_535, 1, "the network has 65,535 inputs; a component holds 65,534"),
        (2, 65_535, "the network has 65,535 outputs; a component holds 65,534"),
    ],
)
def test_more_bits_than_a_component_holds_are_refused(n_inputs, n_outputs, message):
    netlist = Netlist(n_inputs, np.zeros((0, 2)), [], np.full(n_outputs, 2))
    halves = np.array_split(np.arange(n_outputs, dtype=np.int32), 2)
    for groups in (None, halves):
        with pytest.raises(DesignError, match=message):
            Fabric(netlist, groups)


@pytest.mark.parametrize("as_text", [False, True])
def test_as_many_outputs_as_a_component_holds_are_built(tmp_path, as_text):
    netlist = Netlist(2, [(2, 3)], [0x6], np.tile([4, 2], 32_767))
    groups = np.split(np.arange(65_534, dtype=np.int32), 2)
    lines = write(tmp_path, "wide", netlist, groups, as_text)
    log = yosys.run(tmp_path, [*lines, *FLATTEN, "eval -set x 2'b10 -show y0 -show y1 wide"])
    # From the highest output down, of 32,767 each: y0 ends in x0 ^ x1 = 1, y1 in x0 = 0.
    assert "y0 = 32767'1" + "01" * 16_383 in log
    assert "y1 = 32767'0" + "10" * 16_383 in log
