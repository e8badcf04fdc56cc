# amaranth: UnusedElaboratable=no
"""The buffer behind a pipeline that nothing holds: no answer is lost, doubled or overtaken,
whatever the two sides do.

That is shown for every pattern of `valid` and `ready`, by yosys's SAT solver: from reset on, for so
many cycles that a small buffer fills, empties and goes around several times.
"""

from __future__ import annotations

import builds
import numpy as np
import pytest
import yosys
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out
from mapped_designs import map_plainly

from lgncc.flow.run import ToolFailedError
from lgncc.hw import streaming_core
from lgncc.hw.streaming_core import StreamingCore
from lgncc.mapping.stages import plan_stages

CYCLES = 16
TAG_BITS = 3

LUTS = """
module lgncc_luts(input [{high}:0] x, input clk, output reg [{high_out}:0] y);
  always @(posedge clk) y <= x[{high_out}:0];
endmodule
"""
"""In place of the LUTs and their one rank: what comes in, a cycle later."""


class Numbered(Component):
    """The vectors are numbered; `right` is 1 unless the answer that is out is not the next one."""

    def __init__(self, core):
        self.core = core
        super().__init__({"valid": In(1), "ready": In(1), "right": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        entered, left = Signal(TAG_BITS), Signal(TAG_BITS)
        m.d.comb += [
            core.i.payload.eq(entered),
            core.i.valid.eq(self.valid),
            core.o.ready.eq(self.ready),
            self.right.eq(~core.o.valid | (core.o.payload[:TAG_BITS] == left)),
        ]
        with m.If(core.i.valid & core.i.ready):
            m.d.sync += entered.eq(entered + 1)
        with m.If(core.o.valid & core.o.ready):
            m.d.sync += left.eq(left + 1)
        return m


def prove(folder):
    """The log of the proof; ToolFailedError where there is none."""
    design = map_plainly(builds.small_model("bits"), np.random.default_rng(0))
    core = StreamingCore(design, plan_stages(design.luts, 100), input_register=False)
    assert (core.stages.ranks, core.capacity) == (1, 4)
    widths = {"high": len(core.i.payload) - 1, "high_out": len(core.o.payload) - 1}
    (folder / "luts.v").write_text(LUTS.format(**widths))
    (folder / "top.il").write_text(rtlil.convert(Numbered(core), name="top"))
    return yosys.run(
        folder,
        [
            "read_rtlil top.il",
            "read_verilog luts.v",
            "prep -top top -flatten",
            "memory -nordff",
            "async2sync",
            "opt -full",
            f"sat -seq 1 -tempinduct -tempinduct-baseonly -maxsteps {CYCLES} -set-init-zero "
            "-set rst 0 -prove right 1 -verify -show-ports",
        ],
    )


@pytest.mark.slow
def test_answers_come_once_each_and_in_order_whatever_the_two_sides_do(tmp_path):
    assert f"proved base case for {CYCLES} steps: SUCCESS" in prove(tmp_path)


@pytest.mark.parametrize("rows", [2, 3])
def test_a_buffer_with_less_room_than_vectors_inside_is_refuted(tmp_path, monkeypatch, rows):
    def shallow(width, depth):
        assert depth == 5
        return SyncFIFOBuffered(width=width, depth=rows)

    monkeypatch.setattr(streaming_core, "SyncFIFOBuffered", shallow)
    with pytest.raises(ToolFailedError):
        prove(tmp_path)
    assert "Called with -verify and proof did fail!" in (tmp_path / "yosys.log").read_text()
