"""One network by each flow, theirs and ours: LUT4s of network, readout and argmax on iCE40, and
the logic cells after place and route, in the same shell.

The encoder is left out on both sides, and scores are plain counts.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from networks import network
from peer_circuits import torchlogix_circuit, write_circuit
from synthesis import place, synthesize

from lgncc.emit.core import component_verilog
from lgncc.emit.families import FAMILIES
from lgncc.emit.luts import luts_verilog
from lgncc.encoder import Encoder
from lgncc.mapping.map_model import MappingOptions, map_model
from lgncc.mapping.serial import map_serial
from lgncc.mapping.stages import Stages
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.mapped import prove_mapped
from lgncc.verify.serial import check_serial

ARGMAX = """
module top(input [{inputs}:0] x, output reg [{index}:0] y);
  wire [{total}:0] scores;
  reg [{width}:0] best;
  integer j;
  circuit c(.inp(x), .scores_flat(scores));
  always @* begin
    y = 0; best = scores[{width}:0];
    for (j = 1; j < {classes}; j = j + 1)
      if (scores[j * {bits} +: {bits}] > best) begin
        y = j; best = scores[j * {bits} +: {bits}];
      end
  end
endmodule
"""

SHELL = """
module shell(input clk, input serial, output reg [{index}:0] answer);
  reg [{inputs}:0] x;
  wire [{index}:0] y;
  {instance}
  always @(posedge clk) begin
    x <= {{x, serial}};
    answer <= y;
  end
endmodule
"""
"""Few pins: the input vector out of a shift register, whose cells are not counted."""
COMBINATIONAL = "top t(.x(x), .y(y));"
STREAMING = """top t(.clk(clk), .rst(1'b0), .i__payload(x), .i__valid(serial), .o__ready(x[0]),
    .o__payload(y));"""


def bare(name):
    """The network with its inputs as they are, scores as plain counts; None where absent."""
    model = network(name)
    if model is None:
        return None
    readout = replace(model.readout, kind="class", tau=1.0, beta=0.0)
    return replace(model, encoder=Encoder.identity(model.netlist.n_inputs), readout=readout)


def theirs(model, simplified):
    """torchlogix's Verilog and, below it, a top module with an argmax; bits of a score."""
    with tempfile.TemporaryDirectory() as folder:
        write_circuit(model, Path(folder, "c.json"))
        circuit = torchlogix_circuit(Path(folder, "c.json"))
    if simplified:
        circuit.simplify()
    verilog = circuit.get_verilog_code()
    classes = model.readout.n_classes
    total = int(verilog.split("output reg  [")[1].split(":")[0]) + 1
    bits = total // classes
    top = ARGMAX.format(
        inputs=model.netlist.n_inputs - 1,
        index=_index(model),
        total=total - 1,
        width=bits - 1,
        bits=bits,
        classes=classes,
    )
    return verilog, verilog + "\n" + top, bits


def _index(model):
    return max(model.readout.n_classes - 1, 1).bit_length() - 1


def _shell(model, instance):
    return SHELL.format(inputs=model.netlist.n_inputs - 1, index=_index(model), instance=instance)


def optimized(model):
    return optimize(model, choose_pipeline(2), prove=True).model


def torchlogix(model, limit_s, *, simplified=False):
    cells = synthesize(theirs(model, simplified)[1], "top", limit_s)
    return {"LUT4": cells.luts, "carries": cells.carries}


def plain(model, limit_s):
    luts = map_model(optimized(model), 4, MappingOptions(readout="plain")).luts
    return {"LUT4": luts.n_gates, "carries": 0, "LUT levels": luts.depth}


def spatial(model, limit_s):
    design = map_model(optimized(model), 4)
    prove_mapped(design)
    luts = design.luts
    return {"LUT4": luts.n_gates, "carries": 0, "LUT levels": luts.depth, "note": "proved"}


def serial(model, limit_s):
    """The class-serial core, stream interface and control included."""
    core = serial_core(model)
    luts = core.cells_verilog("ice40")
    cells = synthesize(component_verilog(core, "top"), "top", limit_s, luts=luts)
    return {
        "LUT4": cells.luts,
        "carries": cells.carries,
        "LUT levels": core.design.luts.depth,
        "note": f"{core.design.rows:,} cycles; {cells.registers:,} registers; proved",
    }


def serial_core(model):
    from lgncc.hw.serial_core import SerialCore

    design = map_serial(optimized(model), 1)
    check_serial(design)
    return SerialCore(design, input_register=False)


def placed_torchlogix(model, limit_s, *, device):
    verilog = theirs(model, simplified=False)[1] + _shell(model, COMBINATIONAL)
    return _placed(model, device, limit_s, verilog)


def placed_spatial(model, limit_s, *, device):
    luts = map_model(optimized(model), 4).luts
    nowhere = np.zeros(luts.n_nodes, np.int32)
    cells = luts_verilog(luts, Stages((), nowhere, nowhere, 0), "top", family=FAMILIES["ice40"])
    return _placed(model, device, limit_s, _shell(model, COMBINATIONAL), luts=cells)


def placed_serial(model, limit_s, *, device):
    core = serial_core(model)
    verilog = component_verilog(core, "top") + _shell(model, STREAMING)
    return _placed(model, device, limit_s, verilog, luts=core.cells_verilog("ice40"))


def _placed(model, device, limit_s, verilog, luts=""):
    found = place(verilog, "shell", device, limit_s, luts=luts)
    # A register alone takes a cell; those of the answer share theirs with the last LUT.
    cells = found.cells - model.netlist.n_inputs
    return {"device": device, "logic cells": cells, "MHz": found.mhz}


RAW, SIMPLIFIED = "torchlogix raw, synth_ice40", "torchlogix simplified, synth_ice40"
SIZES = {
    RAW: torchlogix,
    SIMPLIFIED: partial(torchlogix, simplified=True),
    "plain area mapping (ABC)": plain,
    "lgncc -O2": spatial,
    "lgncc serial readout, 1 bit a cycle": serial,
}
PLACED = {
    RAW: placed_torchlogix,
    "lgncc -O2": placed_spatial,
    "lgncc serial readout": placed_serial,
}
