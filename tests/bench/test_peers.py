"""The comparison with peers, at toy size: what it measures is what it says."""

from __future__ import annotations

import numpy as np
import peers
import pytest
from networks import random_network
from synthesis import logic_of, synthesize

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
    monkeypatch.setattr(peers, "network", lambda _: with_constants())
    (row,) = peers.miscompile("constants")
    assert row["simplified = raw?"] == "refuted, with a counterexample"
    assert row[f"vectors with wrong scores, of {peers.VECTORS}"] == peers.VECTORS


def test_cells_are_counted():
    verilog = "module top(input [3:0] x, input clk, output reg y); always @(posedge clk) y <= ^x;"
    cells = synthesize(verilog + "endmodule", "top", 100)
    assert (cells.luts, cells.carries, cells.registers) == (1, 0, 1)


def test_a_synthesis_that_takes_too_long_has_no_cells():
    assert synthesize("module top; endmodule", "top", 0.01) is None
