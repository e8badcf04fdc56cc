"""Netlist to a combinational Verilog-2001 module, as text straight from the arrays.

One scalar wire a gate (assigning bits of wide wires makes Icarus a thousand times
slower) and short lines (Verilator refuses lines of more than 40,000 tokens).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lgncc.arrays import Ids
from lgncc.gates import GATES
from lgncc.netlist import Netlist

BITS_A_LINE = 16


def network_module(netlist: Netlist, name: str, groups: Sequence[Ids]) -> str:
    """`module name(x, y0, y1, ...)`: x[i] is input i; y0[j] is output groups[0][j], and so on.

    groups: positions in `netlist.outputs`; an empty one has no port, and so have no
    inputs. Takes k = 2 without state.
    """
    assert netlist.k == 2, "map or decompose before emitting two-input Verilog"
    assert not netlist.n_state, "a combinational module cannot hold state"
    ports = {f"y{index}": group for index, group in enumerate(groups) if len(group)}
    inputs = ["x"] if netlist.n_inputs else []
    lines = [
        f"module {name}({', '.join([*inputs, *ports])});",
        *(f"  input [{netlist.n_inputs - 1}:0] {port};" for port in inputs),
        *(f"  output [{len(group) - 1}:0] {port};" for port, group in ports.items()),
        "  wire n0 = 1'b0;",
        "  wire n1 = 1'b1;",
        *(f"  wire n{i + 2} = x[{i}];" for i in range(netlist.n_inputs)),
        *_gates(netlist),
    ]
    for port, group in ports.items():
        lines += [f"  assign {port} = {{", *_concatenation(netlist.outputs[group]), "  };"]
    return "\n".join([*lines, "endmodule"]) + "\n"


def _gates(netlist: Netlist) -> Iterator[str]:
    """A line a gate, level by level, so that a wire is declared before it is read."""
    templates = [
        "  wire n{} = " + gate.expression.replace("{a}", "n{}").replace("{b}", "n{}") + ";"
        for gate in GATES
    ]
    for ids in netlist.by_level():
        gates = ids - netlist.first_gate
        tables = netlist.table[gates]
        for table in np.unique(tables):
            chosen = ids[tables == table]
            a, b = netlist.fanin[chosen - netlist.first_gate].T
            expression = GATES[int(table)].expression
            fanins = [
                column.tolist() for slot, column in (("{a}", a), ("{b}", b)) if slot in expression
            ]
            yield from map(templates[int(table)].format, chosen.tolist(), *fanins)


def _concatenation(outputs: Ids) -> Iterator[str]:
    """Highest bit first, as Verilog wants it."""
    names = [f"n{node}" for node in outputs[::-1].tolist()]
    for start in range(0, len(names), BITS_A_LINE):
        comma = "," if start + BITS_A_LINE < len(names) else ""
        yield "    " + ", ".join(names[start : start + BITS_A_LINE]) + comma
