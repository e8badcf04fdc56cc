"""Structural Verilog through yosys: against what the text says, worked out in Python."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verilog_text import ADDER, COUNTER, read, truth

from lgncc.golden import predict

pytestmark = pytest.mark.usefixtures("logs")


def test_hierarchy_and_vectors_are_flattened_lowest_bit_first(tmp_path):
    model = read(ADDER, tmp_path)
    assert model.netlist.input_names == ("x[0]", "x[1]", "y[0]", "y[1]")
    assert model.netlist.output_names == ("sum[0]", "sum[1]", "sum[2]")
    assert truth(model) == [(i & 3) + (i >> 2) for i in range(16)]


def test_ports_stay_in_order_of_declaration_with_declared_indices(tmp_path):
    text = """module m(z, up, down, \\odd.name , alone);
      input z; input [1:2] up; input [5:4] down; input \\odd.name ; output alone;
      assign alone = z ^ up[2] & down[4] | up[1] & ~down[5] & \\odd.name ;
    endmodule"""
    model = read(text, tmp_path)
    assert model.netlist.input_names == ("z", "up[2]", "up[1]", "down[4]", "down[5]", "odd.name")
    assert model.netlist.output_names == ("alone",)
    expected = []
    for i in range(64):
        z, up2, up1, down4, down5, odd = ((i >> bit) & 1 for bit in range(6))
        expected.append((z ^ up2 & down4) | (up1 & (1 - down5) & odd))
    assert truth(model) == expected


def test_a_clocked_design_becomes_state_and_the_clock_is_no_input(tmp_path):
    model = read(COUNTER, tmp_path)
    assert model.netlist.input_names == ("up",)
    up = [1, 1, 0, 1, 1]
    bits = predict(model, np.array(up)[None, :, None]).bits[0]
    assert (bits @ [1, 2]).tolist() == [2, 3, 0, 0, 1]
    facts = list(map(str, model.provenance.facts))
    assert "clock: clk (from checkpoint)" in facts
    assert "state: 2 flip-flops (from checkpoint)" in facts


def test_cells_of_a_yosys_netlist_are_read(tmp_path):
    text = """module m(input clk, d, en, output y);
      wire n; reg q = 1'b1; wire q_;
      \\$_AND_ g (.A(d), .B(en), .Y(n));
      (* init = 1'b1 *) wire s;
      \\$_DFF_P_ \\u.$auto$1 (.C(clk), .D(n), .Q(s));
      \\$_XOR_ h (.A(s), .B(d), .Y(y));
    endmodule"""
    model = read(text, tmp_path)
    d, en = [0, 1, 1, 0, 1], [1, 1, 0, 0, 1]
    state, expected = 1, []
    for a, b in zip(d, en, strict=True):
        expected.append(state ^ a)
        state = a & b
    found = predict(model, np.array([d, en]).T[None]).bits[0, :, 0]
    assert found.astype(int).tolist() == expected


LUTS = {
    "ice40": ("SB_LUT4 #(.LUT_INIT({init}))", "I0 I1 I2 I3 O", 4),
    "xilinx": ("LUT6 #(.INIT({init}))", "I0 I1 I2 I3 I4 I5 O", 6),
    "gowin": ("LUT3 #(.INIT({init}))", "I0 I1 I2 F", 3),
    "ecp5": ("LUT4 #(.INIT({init}))", "A B C D Z", 4),
}


@pytest.mark.parametrize("family", LUTS)
def test_lut_primitives_look_their_row_up_first_pin_lowest(tmp_path, family):
    cell, pins, k = LUTS[family]
    table = 0x9A3C_5F01_72E8_B64D & (1 << (1 << k)) - 1
    *ins, out = pins.split()
    wires = ", ".join([*(f".{pin}(x[{i}])" for i, pin in enumerate(ins)), f".{out}(y)"])
    head = cell.format(init=f"{1 << k}'h{table:x}")
    text = f"module m(input [{k - 1}:0] x, output y); {head} lut({wires}); endmodule"
    assert truth(read(text, tmp_path)) == [table >> row & 1 for row in range(1 << k)]


def test_a_module_of_the_file_comes_before_a_primitive_of_its_name(tmp_path):
    text = """module LUT2(input I0, I1, output O); assign O = I0; endmodule
    module m(input a, b, output y); LUT2 u(.I0(a), .I1(b), .O(y)); endmodule"""
    assert truth(read(text, tmp_path)) == [0, 1, 0, 1]


GATES = {
    "and": lambda a, b: a & b,
    "nand": lambda a, b: 1 - (a & b),
    "or": lambda a, b: a | b,
    "nor": lambda a, b: 1 - (a | b),
    "xor": lambda a, b: a ^ b,
    "xnor": lambda a, b: 1 - (a ^ b),
}


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 30))
def test_random_gates_answer_as_their_names_say(tmp_path_factory, rng, n_inputs, n_gates):
    gates = []
    for index in range(n_gates):
        fanins = [rng.randrange(n_inputs + index) for _ in range(2)]
        gates.append((rng.choice(list(GATES)), *fanins))

    def net(i):
        return f"x[{i}]" if i < n_inputs else f"n{i - n_inputs}"

    lines = [
        f"  {kind} ({net(n_inputs + i)}, {net(a)}, {net(b)});"
        for i, (kind, a, b) in enumerate(gates)
    ]
    rng.shuffle(lines)
    wires = ", ".join(f"n{i}" for i in range(n_gates))
    text = (
        f"module random_gates(input [{n_inputs - 1}:0] x, output [{n_gates - 1}:0] y);\n"
        f"  wire {wires};\n"
        + "\n".join(lines)
        + f"\n  assign y = {{{', '.join(f'n{i}' for i in reversed(range(n_gates)))}}};\nendmodule\n"
    )
    found = truth(read(text, tmp_path_factory.mktemp("random")))
    for row, bits in enumerate(product((0, 1), repeat=n_inputs)):
        values = list(reversed(bits))
        for kind, a, b in gates:
            values.append(GATES[kind](values[a], values[b]))
        assert found[row] == sum(bit << i for i, bit in enumerate(values[n_inputs:]))


def test_constant_outputs_keep_their_places(tmp_path):
    text = "module m(input a, output [4:0] y); assign y = {1'b1, a, 2'b01, ~a}; endmodule"
    assert truth(read(text, tmp_path)) == [0b10011, 0b11010]


def test_classes_are_group_sums(tmp_path):
    text = "module m(input [3:0] x, output [3:0] y); assign y = x; endmodule"
    answer = predict(read(text, tmp_path, classes=2), np.array([[0, 0, 0, 1], [1, 1, 1, 0]]))
    assert answer.scores.tolist() == [[0, 1], [2, 1]]
