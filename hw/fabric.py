"""Fabric: a two-input netlist as a combinational Amaranth component.

Small networks are Amaranth expressions: the gates of a level that compute the same
function are one wide operation over `Cat`s, which converts ten times as fast as a
statement a gate. Large ones are Verilog text that the component instantiates: there the
cost of a gate is a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Instance, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.arrays import Ids
from lgncc.emit.verilog import network_module
from lgncc.errors import DesignError
from lgncc.gates import GATES
from lgncc.netlist import Netlist

TEXT_GATES = 20_000  # from here on as text: Amaranth takes 2 s for 20k gates, 8 s for 100k
MAX_WIDTH = 65_534  # see lgncc.hw.popcount


class Fabric(Component):
    """Ports: `x`: In(n_inputs); `y0`, `y1`, ...: Out, the outputs of each group.

    groups: positions in the netlist's outputs, a port each; None is one group of all.
    as_text: None chooses by size. Takes k = 2 without state. Raises DesignError for more
    inputs or outputs than an Amaranth component holds.
    """

    def __init__(
        self,
        netlist: Netlist,
        groups: Sequence[Ids] | None = None,
        *,
        as_text: bool | None = None,
    ) -> None:
        self.netlist = netlist
        everything = np.arange(len(netlist.outputs), dtype=np.int32)
        self.groups: list[Ids] = [everything] if groups is None else list(groups)
        # Amaranth numbers all the output bits of one cell in 16 bits, however many ports.
        for what, width in (("inputs", netlist.n_inputs), ("outputs", sum(map(len, self.groups)))):
            if width > MAX_WIDTH:
                raise DesignError(
                    f"the network has {width:,} {what}; a component holds {MAX_WIDTH:,}.\n"
                    "  Export it with --format aiger, or train a narrower layer there."
                )
        self.as_text = netlist.n_gates >= TEXT_GATES if as_text is None else as_text
        super().__init__(
            {"x": In(netlist.n_inputs)}
            | {f"y{index}": Out(len(group)) for index, group in enumerate(self.groups)}
        )

    @property
    def y(self) -> list[Any]:
        """The output ports in the order of the groups."""
        return [getattr(self, f"y{index}") for index in range(len(self.groups))]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.as_text:
            outputs = {f"o_y{index}": port for index, port in enumerate(self.y)}
            m.submodules.gates = Instance(MODULE_NAME, i_x=self.x, **outputs)
            return m
        netlist = self.netlist
        bit: list[Any] = [Const(0, 1), Const(1, 1), *self.x, *[None] * netlist.n_gates]
        for level, ids in enumerate(netlist.by_level(), start=1):
            tables = netlist.table[ids - netlist.first_gate]
            for table in np.unique(tables).tolist():
                group = ids[tables == table]
                self._gates(m, bit, table, group.tolist(), level)
        for port, group in zip(self.y, self.groups, strict=True):
            m.d.comb += port.eq(Cat(bit[node] for node in netlist.outputs[group].tolist()))
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
    return network_module(fabric.netlist, MODULE_NAME, fabric.groups) if fabric.as_text else None
