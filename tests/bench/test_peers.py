"""The comparison with peers, at toy size: what it measures is what it says."""

from __future__ import annotations

import numpy as np
import peer_flows
import peers
import pytest
from networks import random_network
from synthesis import LateError, logic_of, place, synthesize

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.golden import Simulator, pack, predict, unpack
from lgncc.model import LogicModel, Provenance, Readout

pytest.importorskip("torchlogix_shim").torchlogix()


def with_constants():
    """Two classes of four bits, a constant one among them."""
    builder = NetlistBuilder(4)
    a, b, c, d = builder.inputs
    outputs = builder.gates([8, 6, 0xF, 0xE, 7, 6, 9, 0xF], [a, b, c, d] * 2, [b, c, d, a] * 2)
    return LogicModel(
        Encoder.identity(4), builder.finish(outputs), Readout.group_sum(8, 2), Provenance("test")
    )


def test_the_argmax_around_their_circuit_is_ours():
    model = random_network(80)
    _, verilog, _ = peers.theirs(model, simplified=False)
    x = np.random.default_rng(0).integers(0, 2, (64, model.netlist.n_inputs)).astype(bool)
    words, _ = Simulator(logic_of(verilog, "top")).run(pack(x))
    found = unpack(words, 64) @ (1 << np.arange(4))
    assert found.tolist() == predict(model, x).classes.tolist()


def test_their_simplified_verilog_is_refuted_where_constants_are_counted(monkeypatch):
    monkeypatch.setattr(peer_flows, "network", lambda _: with_constants())
    (row,) = peers.miscompile("constants")
    assert row["simplified = raw?"] == "refuted, with a counterexample"
    assert row[f"vectors with wrong scores, of {peers.VECTORS}"] == peers.VECTORS


def test_cells_are_counted():
    verilog = "module top(input [3:0] x, input clk, output reg y); always @(posedge clk) y <= ^x;"
    cells = synthesize(verilog + "endmodule", "top", 100)
    assert (cells.luts, cells.carries, cells.registers) == (1, 0, 1)


def test_a_synthesis_that_takes_too_long_is_late():
    with pytest.raises(LateError, match=r"not done in 0 s"):
        synthesize("module top; endmodule", "top", 0.01)


@pytest.mark.slow
def test_cells_after_place_and_route_are_counted_with_and_without_kept_luts():
    shell = peer_flows.SHELL.format(inputs=3, index=0, instance=peer_flows.COMBINATIONAL)
    two_levels = "module top(input [3:0] x, output y); assign y = ^{x, x[0] & ~x[1]}; endmodule"
    found = place(f"{two_levels}\n{shell}", "shell", "up5k", 100)
    # nextpnr adds a cell of its own, for a constant.
    assert found.cells == 4 + 1 + 1
    assert found.mhz > 12
    kept = """module top(input [3:0] x, output y); wire n;
        SB_LUT4 #(.LUT_INIT(16'h6666)) a(.I0(x[0]), .I1(x[1]), .I2(1'b0), .I3(1'b0), .O(n));
        SB_LUT4 #(.LUT_INIT(16'h6666)) b(.I0(n), .I1(x[2]), .I2(1'b0), .I3(1'b0), .O(y));
        endmodule"""
    assert place(shell, "shell", "up5k", 100, luts=kept).cells == 4 + 2 + 1


def test_a_flow_is_run_once_and_again_only_where_asked_or_the_network_changed(tmp_path):
    runs = []

    def flow(model, limit_s):
        runs.append(limit_s)
        return {"LUT4": 7}

    def row(model, again=()):
        kept = peers.Kept(tmp_path, again)
        return kept.row("size", "toy", model, "our flow", flow, 9)["LUT4"]

    assert [row(with_constants()), row(with_constants())] == [7, 7]
    assert len(runs) == 1
    row(with_constants(), again=["our"])
    row(random_network(80))
    assert len(runs) == 3
    only = peers.Kept(tmp_path, only=True)
    assert only.row("size", "toy", random_network(80), "our flow", flow, 9)["LUT4"] == 7
    assert only.row("size", "other", random_network(80), "our flow", flow, 9) is None
    assert len(runs) == 3


def test_a_late_flow_is_a_result(tmp_path):
    def flow(model, limit_s):
        raise LateError("not done in 1 s")

    kept = peers.Kept(tmp_path, ())
    found = kept.row("size", "toy", with_constants(), "theirs", flow, 1)
    assert found["note"] == "not done in 1 s"
    assert "LUT4" not in found
