# amaranth: UnusedElaboratable=no
"""The flash reader behind the pad cells of each family, against a flash that knows its datasheet
and nothing of the reader: edges of its pins, its delays, its sleep."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yosys
from amaranth.build import Pins, Resource
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import io
from amaranth_boards.icebreaker import ICEBreakerPlatform
from amaranth_boards.tang_nano_9k import TangNano9kPlatform
from amaranth_boards.ulx3s import ULX3S_85F_Platform

from lgncc.hw import spi_flash
from lgncc.hw.spi_flash import Flash, FlashReader, connect_flash
from lgncc.sim.runner import environment, require_verilator

BASE = 0x020000  # of what the flash holds here
FIRST, SECOND = BASE + 3, BASE + 250
PAIRS = 300  # from the first address, before the second is sought

FLASH = """
module w25q128jv(input cs_n, input clk, inout io0, inout io1, output reg failed);
  // DC characteristics and AC timing of the datasheet: output valid 6 ns after the falling edge,
  // high impedance 7 ns after /CS; /CS low 5 ns before the clock rises, high for 10 ns; /CS high
  // 3 us after the command that wakes it up.
  reg [7:0] memory [0:511];
  initial $readmemh("image.hex", memory);
  reg awake = 0, drive = 0;
  reg [1:0] shown = 0;
  reg [31:0] command;
  integer count = 0, position;
  realtime selected = 0, released = 0, woken = 0;
  initial failed = 0;
  assign io0 = drive ? shown[0] : 1'bz;
  assign io1 = drive ? shown[1] : 1'bz;
  always @(negedge cs_n) begin
    selected = $realtime;
    if ($realtime > 100 && $realtime - released < 10) failed = 1;
    if (clk) failed = 1;
    count = 0;
  end
  always @(posedge cs_n) begin
    released = $realtime;
    if (count == 8 && command[7:0] == 8'hab) begin awake = 1; woken = $realtime; end
    drive <= #7 0;
  end
  always @(posedge clk) if (!cs_n) begin
    if ($realtime - selected < 5) failed = 1;
    if (count < 32) command = {command[30:0], io0};
    count = count + 1;
    if (count == 8 && command[7:0] != 8'hab && (!awake || $realtime - woken < 3000)) failed = 1;
    if (count == 32) position = (command[23:0] - 24'h020000) * 4;
  end
  always @(negedge clk) if (!cs_n && count >= 40) begin
    if (command[31:24] != 8'h3b) failed = 1;
    shown <= #6 memory[position / 4] >> (6 - 2 * (position % 4));
    drive <= #6 1;
    position = position + 1;
  end
endmodule

module tb;
  reg clk = 0;
  real half;
  initial if (!$value$plusargs("half=%f", half)) $finish;
  always #half clk = ~clk;
  wire cs_n, sck, io0, io1, io2, io3, strobe, finished, failed;
  wire [1:0] pair;
  pullup(io2);
  top dut(PINS, .probe_0__io({finished, pair, strobe}));
  w25q128jv flash(cs_n, sck, io0, io1, failed);
  always @(negedge clk) begin
    if (strobe) $display("pair %0d", pair);
    if (failed) begin $display("failed"); $finish; end
    if (finished) $finish;
  end
  initial #10000000 begin $display("endless"); $finish; end
endmodule
"""


ICE40_CELLS = ("SB_IO", "SB_GB_IO", "SB_DFF")
ICE40_DEFINED = """
`define ICE40_DEFAULT_ASSIGNMENT_1 = 1'b1
`define SB_DFF_INIT initial Q = 0;
"""
# What their makers' libraries say of them, as far as it is used here.
GOWIN_CELLS = """
module IBUF(output O, input I); assign O = I; endmodule
module TBUF(output O, input I, input OEN); assign O = OEN ? 1'bz : I; endmodule
module IOBUF(output O, inout IO, input I, input OEN);
  assign IO = OEN ? 1'bz : I;
  assign O = IO;
endmodule
"""
ECP5_CELLS = """
module IB(output O, input I); assign O = I; endmodule
module OBZ(output O, input I, input T); assign O = T ? 1'bz : I; endmodule
module BB(output O, inout B, input I, input T); assign B = T ? 1'bz : I; assign O = B; endmodule
module IFS1P3DX(input D, input SP, input SCLK, input CD, output reg Q);
  always @(posedge SCLK) Q <= D;
endmodule
module OFS1P3DX(input D, input SP, input SCLK, input CD, output reg Q);
  always @(posedge SCLK) Q <= D;
endmodule
module FD1S3AX #(parameter GSR = "") (input CK, input D, output reg Q = 0);
  always @(posedge CK) Q <= D;
endmodule
module SGSR(input CLK, input GSR); endmodule
module USRMCLK(input USRMCLKI, input USRMCLKTS);
  assign tb.sck = USRMCLKI & ~USRMCLKTS;
endmodule
"""


@dataclass(frozen=True)
class Pads:
    platform: type
    probe: tuple[str, tuple[str, int] | None]
    resource: str
    pins: str
    cells: str
    pulse_cycles: int


def cell(name):
    (package,) = find_spec("pyosys").submodule_search_locations
    text = (Path(package) / "share/ice40/cells_sim.v").read_text()
    (module,) = re.findall(rf"^module {name} .*?^endmodule", text, re.DOTALL | re.MULTILINE)
    # Verilator has no high impedance inside (these pins have no clock enable), and no order among
    # what happens at once.
    module = module.replace("CLOCK_ENABLE || CLOCK_ENABLE === 1'bz", "1'b1")
    return module.replace("@* outclk_delayed_1 <= ", "@(OUTPUT_CLK) outclk_delayed_1 <= #0.1 ")


PADS = {
    "ice40": Pads(
        ICEBreakerPlatform,
        ("1 2 3 4", ("pmod", 0)),
        "spi_flash_4x",
        ".clk12_0__io(clk), .spi_flash_4x_0__cs__io(cs_n), .spi_flash_4x_0__clk__io(sck), "
        ".spi_flash_4x_0__dq__io({io3, io2, io1, io0})",
        ICE40_DEFINED + "\n".join(map(cell, ICE40_CELLS)),
        pulse_cycles=1,
    ),
    "gowin": Pads(
        TangNano9kPlatform,
        ("25 26 27 28", None),
        "spi_flash_2x",
        ".clk27_0__io(clk), .spi_flash_2x_0__cs__io(cs_n), .spi_flash_2x_0__clk__io(sck), "
        ".spi_flash_2x_0__dq__io({io1, io0})",
        GOWIN_CELLS,
        pulse_cycles=1,
    ),
    "ecp5": Pads(
        ULX3S_85F_Platform,
        ("B11 A11 A10 C10", None),
        "spi_flash",
        ".clk25_0__io(clk), .spi_flash_0__cs__io(cs_n), .spi_flash_0__copi__io(io0), "
        ".spi_flash_0__cipo__io(io1), .spi_flash_0__wp__io(io2), .spi_flash_0__hold__io(io3)",
        ECP5_CELLS,
        pulse_cycles=2,
    ),
}


class Bench(Elaboratable):
    """Reads PAIRS with pauses, then from elsewhere; what came shows at four pins."""

    def __init__(self, flash):
        self.flash = flash

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = FlashReader(self.flash.pulse_cycles)
        connect_flash(m, reader, platform, self.flash, b"")
        m.submodules.probe = probe = io.Buffer("o", platform.request("probe", dir="-"))
        came = Signal(range(2 * PAIRS))
        pauses = Signal(16, init=0xACE1)
        sought, second = Signal(), Signal()
        m.d.sync += pauses.eq(pauses << 1 | (pauses[15] ^ pauses[13] ^ pauses[12] ^ pauses[10]))
        m.d.comb += [
            reader.address.eq(FIRST),
            reader.run.eq(pauses[0] | pauses[3]),
            probe.o.eq(reader.strobe | reader.pair << 1 | (came == 2 * PAIRS - 1) << 3),
        ]
        with m.If(second):
            m.d.comb += reader.address.eq(SECOND)
        with m.If(reader.strobe):
            m.d.sync += came.eq(came + 1)
        with m.If(reader.ready & ~sought):
            m.d.comb += reader.seek.eq(1)
            m.d.sync += sought.eq(1)
        with m.If(reader.strobe & (came == PAIRS - 1)):
            m.d.sync += second.eq(1)
            m.d.comb += [reader.seek.eq(1), reader.address.eq(SECOND)]
        return m


# As of sim/run_cocotb.py; processes with delays are coroutines of C++20.
MAKE = {
    "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include PYTHON3=python3 CFG_LDLIBS_THREADS=-pthread "
    "CFG_CXXFLAGS_STD=-std=gnu++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines OPT_SLOW=-O0 OPT_FAST=-O0"
}


@pytest.mark.slow
@pytest.mark.parametrize("family", PADS)
def test_at_the_pins_of_the_fpga_every_bit_is_read_where_it_was_sought(
    family, tmp_path, monkeypatch
):
    pads = PADS[family]
    pulse_cycles = pads.pulse_cycles
    monkeypatch.setattr(spi_flash, "WAKE_CYCLES", 128 * pulse_cycles)
    platform = pads.platform()
    names, connector = pads.probe
    platform.add_resources([Resource("probe", 0, Pins(names, dir="o", conn=connector))])
    bench = Bench(Flash(pads.resource, BASE, 1 << 24, pulse_cycles))
    plan = platform.build(bench, name="top", do_build=False, emit_src=False, debug_verilog=False)
    (tmp_path / "top.il").write_bytes(plan.files["top.il"].encode())
    yosys.run(tmp_path, ["read_rtlil top.il", "write_verilog -noattr top.v"])
    stored = np.random.default_rng(0).integers(0, 256, 512)
    (tmp_path / "image.hex").write_text("\n".join(f"{one:02x}" for one in stored))
    testbench = ["`timescale 1ns/1ps", pads.cells, FLASH.replace("PINS", pads.pins)]
    (tmp_path / "tb.v").write_text("\n".join(testbench))
    verilator = require_verilator()
    command = [*verilator.argv, "--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-Wno-style"]
    command += ["--top", "tb", "tb.v", "top.v", "-o", "run"]
    settings = {**os.environ, **environment(verilator), **MAKE}
    subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, check=True)
    octets = np.unpackbits(stored.astype(np.uint8)).reshape(-1, 2) @ (1, 2)
    wanted = [octet for at in (FIRST, SECOND) for octet in octets[4 * (at - BASE) :][:PAIRS]]
    for pulse_mhz in (12, 40):
        assert read_at(tmp_path, pulse_cycles * pulse_mhz)[: 2 * PAIRS - 1] == wanted[:-1]
    too_fast = read_at(tmp_path, pulse_cycles * 200)[: 2 * PAIRS - 1]
    assert too_fast != wanted[:-1], "a bit takes 6 ns to show"


def read_at(folder, mhz):
    """The pairs that came, and last of all 4 where a pin did what the flash does not allow."""
    command = ["obj_dir/run", f"+half={500 / mhz}"]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    pairs = [int(line.split()[1]) for line in shown.splitlines() if line.startswith("pair")]
    return [4] if "failed" in shown or "endless" in shown else pairs
