"""Structural Verilog through yosys: against what the text says, worked out in Python."""

import os
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from fuzz import MUTANTS, check_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import frontends
from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import aiger, blif, verilog
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict

ADDER = """// a two-bit adder
module half(input a, b, output s, c);
  xor g0(s, a, b);
  and g1(c, a, b);
endmodule
module top(input [1:0] x, y, output [2:0] sum);
  wire c0, t, c1, c2;
  half h0(x[0], y[0], sum[0], c0);
  half h1(.a(x[1]), .b(y[1]), .s(t), .c(c1));
  half h2(.a(t), .b(c0), .s(sum[1]), .c(c2));
  assign sum[2] = c1 | c2;
endmodule
"""

COUNTER = """module count(input clk, input up, output [1:0] q);
  reg [1:0] q = 2'b10;
  always @(posedge clk) if (up) q <= q + 1;
endmodule
"""


@pytest.fixture(autouse=True)
def logs(tmp_path_factory, monkeypatch):
    """Where the logs of failed runs go, in a folder that pytest clears."""
    folder = tmp_path_factory.mktemp("logs")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def read(text, tmp_path, **facts):
    path = tmp_path / "net.v"
    path.write_text(text)
    return verilog.read(Source(path), GivenFacts(**facts))


def truth(model):
    """The outputs as integers, output 0 lowest, over all inputs counted from 0."""
    n = model.netlist.n_inputs
    x = np.arange(1 << n)[:, None] >> np.arange(n) & 1
    bits = predict(model, x).bits
    return (bits * (1 << np.arange(bits.shape[1]))).sum(axis=1).tolist()


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


# What is refused.

M = "module m(input [1:0] a, input c, output y, z);\n{}\nendmodule\n"

REFUSED = {
    "include": (M.format('`include "/etc/passwd"'), ":2: '`include' is refused"),
    "spaced include": (M.format('` include "/etc/passwd"'), "is refused"),
    "include in a comment": (M.format('// `include "/etc/passwd"'), "is refused"),
    "define": (M.format("`define x 1"), "'`define' is refused"),
    "paste": (M.format("assign y = a``b;"), "is refused"),
    "readmemh": (
        M.format('reg [1:0] r[1:0]; initial $readmemh("/etc/passwd", r);'),
        r"'\$readmemh' is refused",
    ),
    "readmemb": (M.format('initial $readmemb("/etc/passwd", r);'), r"'\$readmemb' is refused"),
    "fopen": (M.format('initial $fopen("/etc/passwd");'), r"'\$fopen' is refused"),
    "system": (M.format('initial $system("touch pwned");'), r"'\$system' is refused"),
    "dpi": (
        'import "DPI-C" function int system(string);\n' + M.format("assign y = 1;"),
        ":1: 'import' is refused",
    ),
    "two tops": (
        M.format("assign y=1, z=1;") + "module n(output y); assign y = 1; endmodule",
        "modules m, n: 2 of them could be the top",
    ),
    "no top": ("module m(input a); m u(a); endmodule", "modules m: none of them could be the top"),
    "syntax": (M.format("assign y = ;"), r"design\.v:2: ERROR: syntax error"),
    "unknown cell": (M.format("FOO u(a, y);"), r"`\\FOO' referenced in module"),
    "undriven": (M.format("assign y = a[0];"), "some bits are undriven or x"),
    "x": (M.format("assign y = a[0] ? 1'bx : c; assign z = 1;"), "some bits are undriven or x"),
    "cycle": (M.format("assign y = z ^ a[0]; assign z = ~y;"), "a combinational cycle"),
    "drivers": (M.format("assign y = a[0]; assign y = c; assign z = 0;"), "several drivers"),
    "inout": ("module m(inout a, output y); assign y = a; endmodule", "port a is inout"),
    "no reset value": (
        M.format("reg y; always @(posedge c) y <= a[0]; assign z = y;"),
        r"latch \d+ \(.*y.*\) starts uninitialised",
    ),
    "latch": (M.format("reg y = 0; always @* if (c) y = a[0]; assign z = y;"), "latch"),
    "asynchronous reset": (
        M.format(
            "reg y = 0; always @(posedge c, posedge a[1]) if (a[1]) y <= 0; else y <= a[0];"
            "assign z = y;"
        ),
        "yosys cannot make a netlist of it",
    ),
    "two clocks": (
        M.format(
            "reg y = 0, z = 0; always @(posedge c) y <= a[0]; always @(posedge a[1]) z <= a[0];"
        ),
        r"flip-flops are clocked by a\[1\], c; one rising edge",
    ),
    "falling edge": (
        M.format("reg y = 0; always @(negedge c) y <= a[0]; assign z = y;"),
        "flip-flops are clocked by a net inside",
    ),
    "gated clock": (
        M.format("reg y = 0; wire g = c & a[1]; always @(posedge g) y <= a[0]; assign z = y;"),
        "flip-flops are clocked by a net inside",
    ),
    "clock as data": (
        M.format("reg y = 0; always @(posedge c) y <= a[0]; assign z = c;"),
        "clock c is also used as data",
    ),
    "memory": (
        M.format(
            "reg [1:0] r[3:0]; always @(posedge c) r[a] <= a; assign y = r[a][0]; assign z = 1;"
        ),
        "yosys cannot make a netlist of it",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_safely_is_refused(tmp_path, name):
    text, message = REFUSED[name]
    with pytest.raises(InputError, match=rf"net\.v.*{message}"):
        read(text, tmp_path)


def test_a_failure_of_yosys_names_a_log_that_is_still_there(tmp_path, logs):
    with pytest.raises(InputError, match="log: ") as caught:
        read(M.format("assign y = ;"), tmp_path)
    log = Path(str(caught.value).rpartition("log: ")[2])
    assert "syntax error" in log.read_text()
    assert list(logs.iterdir()) == [log]


def test_yosys_is_stopped_when_it_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(verilog, "TIMEOUT_S", 0.01)
    with pytest.raises(InputError, match=r"net\.v: .*did not finish within 0\.01 s"):
        read(ADDER, tmp_path)


def test_a_design_that_asks_for_all_memory_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(verilog, "MEMORY_KIB", 1 << 18)
    text = (
        "module m(input a, output y); wire [80000000:0] w = {80000001{a}}; assign y = ^w; endmodule"
    )
    with pytest.raises(InputError, match=r"net\.v: yosys cannot make a netlist of it"):
        read(text, tmp_path)


def test_a_missing_yosys_is_a_matter_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("YOSYS", "/nowhere/yosys")
    with pytest.raises(EnvironmentLacksError, match="YOSYS"):
        read(ADDER, tmp_path)


def test_facts_that_contradict_or_mean_nothing_are_errors(tmp_path):
    with pytest.raises(InputError, match="the file says input_bits = 4"):
        read(ADDER, tmp_path, input_bits=3)
    with pytest.raises(InputError, match="--wiring has no meaning"):
        read(ADDER, tmp_path, wiring=tmp_path)


def test_recognition_is_by_content(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text(ADDER)
    assert verilog.recognize(Source(path)) is None
    assert aiger.recognize(Source(path)) is not None
    assert blif.recognize(Source(path)) is not None
    assert frontends.load(path).provenance.frontend == "verilog"
    path.write_text(".model x\n.inputs a\n.end\n")
    assert verilog.recognize(Source(path)) == "no module ... endmodule"
    path.write_bytes(b"module\0x endmodule")
    assert verilog.recognize(Source(path)) == "binary, not text"


@pytest.mark.parametrize("text", [ADDER, COUNTER])
def test_damaged_files_never_crash(text):
    n = MUTANTS if "LGNCC_FUZZ" in os.environ else 30  # a process each
    tally = check_reader(verilog.READER, text.encode(), n=n)
    assert tally["refused"] > 0.2 * tally.total()
