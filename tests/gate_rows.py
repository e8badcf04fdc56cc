"""Small netlists spelled out gate by gate, and what passes make of them."""

from __future__ import annotations

import numpy as np

from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.pipeline import optimize

AND, OR, XOR, NAND, NOR, NOT_A, WIRE_A = 0x8, 0xE, 0x6, 0x7, 0x1, 0x5, 0xA


def gates(n_inputs, *rows, outputs, **ports):
    """A netlist of (table, a, b) rows."""
    return Netlist(
        n_inputs,
        np.array([row[1:] for row in rows], np.int32).reshape(-1, 2),
        [row[0] for row in rows],
        outputs,
        **ports,
    )


def body(netlist):
    return netlist.dump().splitlines()[1:]


def model_of(netlist, encoder=None, readout=None):
    return LogicModel(
        encoder or Encoder.identity(netlist.n_inputs),
        netlist,
        readout or Readout.bits(),
        Provenance("test"),
    )


def run(netlist, *pipeline, prove=False):
    return optimize(model_of(netlist), pipeline, prove=prove).model.netlist
