"""Structural Verilog: what cannot be read safely is refused, and yosys is kept in bounds."""

import os
from pathlib import Path

import pytest
from fuzz import MUTANTS, check_reader
from verilog_text import ADDER, COUNTER, read

from lgncc import frontends
from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import aiger, blif, verilog
from lgncc.frontends.source import Source

pytestmark = pytest.mark.usefixtures("logs")

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
