"""Fabric: a two-input netlist as a combinational Amaranth component.

Small networks are Amaranth expressions: the gates of a level that compute the same
function are one wide operation over `Cat`s, which converts ten times as fast as a
statement a gate. Large ones are Verilog text that the component instantiates: there the
cost of a gate is a line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Instance, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.emit.verilog import network_module
from lgncc.errors import DesignError
from lgncc.gates import GATES
from lgncc.netlist import Netlist

TEXT_GATES = 20_000  # from here on as text: Amaranth takes 2 s for 20k gates, 8 s for 100k
MAX_WIDTH = 65_534  # see lgncc.hw.popcount


class Fabric(Component):
    """Ports: `x`: In(n_inputs), `y`: Out(outputs). Takes k = 2 without state.

    as_text: None chooses by size. Raises DesignError for more ports than a wire holds.
    """

    def __init__(self, netlist: Netlist, *, as_text: bool | None = None) -> None:
        for what, width in (("inputs", netlist.n_inputs), ("outputs", len(netlist.outputs))):
            if width > MAX_WIDTH:
                raise DesignError(f"fabric: {width:,} {what}, but a wire holds {MAX_WIDTH:,} bits")
        self.netlist = netlist
        self.as_text = netlist.n_gates >= TEXT_GATES if as_text is None else as_text
        super().__init__({"x": In(netlist.n_inputs), "y": Out(len(netlist.outputs))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.as_text:
            m.submodules.gates = Instance(MODULE_NAME, i_x=self.x, o_y=self.y)
            return m
        netlist = self.netlist
        bit: list[Any] = [Const(0, 1), Const(1, 1), *self.x, *[None] * netlist.n_gates]
        for level, ids in enumerate(netlist.by_level(), start=1):
            tables = netlist.table[ids - netlist.first_gate]
            for table in np.unique(tables).tolist():
                group = ids[tables == table]
                self._gates(m, bit, table, group.tolist(), level)
        m.d.comb += self.y.eq(Cat(bit[node] for node in netlist.outputs.tolist()))
        return m

    def _gates(self, m: Module, bit: list[Any], table: int, ids: list[int], level: int) -> None:
        """All gates of one function and level, in signals of at most MAX_WIDTH bits."""
        for start in range(0, len(ids), MAX_WIDTH):
            part = ids[start : start + MAX_WIDTH]
            fanin = self.netlist.fanin[np.array(part) - self.netlist.first_gate]
            a, b = (Cat(bit[node] for node in column.tolist()) for column in fanin.T)
            out = Signal(len(part), name=f"l{level}_{GATES[table].name}")
            m.d.comb += out.eq(GATES[table].function(a, b))
            for index, node in enumerate(part):
                bit[node] = out[index]


MODULE_NAME = "lgncc_network"
"""The text module that a large Fabric instantiates: one a design."""


def fabric_text(fabric: Fabric) -> str | None:
    """The Verilog that a design with this fabric needs beside it, if any."""
    return network_module(fabric.netlist, MODULE_NAME) if fabric.as_text else None
