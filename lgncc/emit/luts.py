"""A LUT netlist with its registers as one Verilog module, text straight from the arrays.

    module NAME(clk, enable, step, x, y)    x[i] is input i, y[j] is output j

An output follows its inputs by `stages.ranks` cycles with `enable`, or by as many cycles where
there is no such port; the state takes its next value in cycles with `step`. Node i is the wire
n<i>; behind d registers it is n<i>_<d>. Portable text has a constant table a function and indexes
it with the fanins; a family's text has a cell a LUT and a cell a register, whose names begin with
their part (`network.n123`), and which synthesis leaves as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Tables
from lgncc.emit.families import Family
from lgncc.emit.verilog import BITS_A_LINE
from lgncc.mapping.design import PARTS
from lgncc.mapping.stages import Stages, feed_forward
from lgncc.netlist import Netlist
from lgncc.passes.state import live_state

Names = npt.NDArray[np.object_]


class TextForm(TypedDict):
    """Options of the text, whatever its language, as of luts_verilog."""

    enable: bool
    state_outside: bool


def luts_verilog(
    luts: Netlist,
    stages: Stages,
    name: str,
    *,
    enable: bool = True,
    state_outside: bool = False,
    family: Family | None = None,
    part: npt.NDArray[np.uint8] | None = None,
) -> str:
    """The module's text, portable or of a family's cells. `part` as in MappedDesign.

    enable: whether the registers of the pipeline can be held. A port of no bits is left out, and
    so are clk and enable without registers, clk and step without state. State has no reset.
    state_outside: the state has no registers; it is the upper bits of x, and the next state, as it
    is in the stage `stages.loop`, the upper bits of y.
    """
    text = _Text(luts, stages, part, enable, state_outside)
    luts = text.luts
    inputs = ["x"] * bool(luts.n_inputs) + ["clk"] * bool(stages.registers + luts.n_state)
    inputs += ["enable"] * bool(enable and stages.registers) + ["step"] * bool(luts.n_state)
    outputs = ["y"] * bool(len(luts.outputs))
    width = {"x": f"[{luts.n_inputs - 1}:0] ", "y": f"[{len(luts.outputs) - 1}:0] "}
    return "\n".join(
        [
            f"module {name}({', '.join([*inputs, *outputs])});",
            *(f"  input {width.get(port, '')}{port};" for port in inputs),
            *(f"  output {width[port]}{port};" for port in outputs),
            *(f"  wire n{i + 2} = x[{i}];" for i in range(luts.n_inputs)),
            *(text.portable() if family is None else text.cells(family)),
            *(["  assign y = {", *_concatenation(text.outputs), "  };"] if outputs else []),
            "endmodule",
            "",
        ]
    )


def luts_rtlil(
    luts: Netlist, stages: Stages, name: str, *, enable: bool = True, state_outside: bool = False
) -> str:
    """The same module as RTLIL: a `$lut` a LUT and a `$dffe`, or a `$dff`, a register."""
    text = _Text(luts, stages, None, enable, state_outside)
    luts = text.luts
    ports = ["clk"] * bool(stages.registers + luts.n_state)
    ports += ["enable"] * bool(enable and stages.registers) + ["step"] * bool(luts.n_state)
    wide = {"x": luts.n_inputs, "y": len(luts.outputs)}
    lines = [f"module \\{name}"]
    lines += [f"  wire input {at} \\{port}" for at, port in enumerate(ports, start=1)]
    for port, direction in (("x", "input"), ("y", "output")):
        if wide[port]:
            ports.append(port)
            lines.append(f"  wire width {wide[port]} {direction} {len(ports)} \\{port}")
    lines += [f"  wire \\n{i + 2}\n  connect \\n{i + 2} \\x [{i}]" for i in range(luts.n_inputs)]
    lines += text.rtlil()
    lines += [f"  connect \\y [{at}] {one}" for at, one in enumerate(map(_sigspec, text.outputs))]
    return "\n".join([*lines, "end", ""])


def _sigspec(name: str) -> str:
    return name.replace("'b", "'") if "'" in name else f"\\{name}"


@dataclass(frozen=True)
class _Lut:
    """LUTs of one number of fanins: own and fanin names, tables of 2**fanins rows."""

    gate: Ids
    fanins: list[list[str]]
    table: Tables


class _Text:
    """The lines of the body."""

    def __init__(
        self,
        luts: Netlist,
        stages: Stages,
        part: npt.NDArray[np.uint8] | None,
        enable: bool,
        state_outside: bool,
    ) -> None:
        taken = stages.taken(luts)
        if state_outside:
            luts = feed_forward(luts)
        self.luts, self.stages = luts, stages
        self._enable = "enable" if enable else ""
        count = stages.hold + 1
        self._start = np.cumsum(count) - count
        node = np.repeat(np.arange(luts.n_nodes), count)
        delay = np.arange(len(node)) - self._start[node]
        names = np.array([f"n{i}" for i in node.tolist()], np.object_)
        names[delay > 0] += [f"_{d}" for d in delay[delay > 0].tolist()]
        names[:2] = "1'b0", "1'b1"
        self._name: Names = names
        self._registers = np.flatnonzero(delay > 0)
        parts = np.zeros(luts.n_nodes, np.uint8)  # an input's registers are the encoder's
        if part is not None:
            parts[luts.first_gate :] = part
        state = np.arange(luts.first_state, luts.first_gate, dtype=np.int32)
        # A state bit is of the part of the LUT that it shares a cell with.
        parts[state] = parts[luts.next_state]
        self._state: list[str] = self._name[self._start[state]].tolist()
        roots: list[str] = self._at(luts.roots, taken).tolist()
        self.outputs, self._next_state = roots[: len(luts.outputs)], roots[len(luts.outputs) :]
        # What the LUTs found out to be unneeded stays: proofs look for every state bit.
        self._kept = np.where(live_state(luts), "", "(* keep *) ").tolist()
        self._part = np.array(PARTS, np.object_)[parts]
        self._node = node

    def _at(self, nodes: Ids, stage: int | Ids) -> Names:
        """The names of nodes as they are seen from a stage."""
        delay = np.where(nodes < 2, 0, stage - self.stages.stage[nodes])
        names: Names = self._name[self._start[nodes] + delay]
        return names

    def _luts(self) -> Iterator[_Lut]:
        luts = self.luts
        # Trailing constants 0 are no fanins: only the lower rows of the table count.
        slots = np.arange(1, luts.k + 1)
        size = np.where(luts.fanin != 0, slots, 1).max(axis=1, initial=1)
        for fanins in np.unique(size).tolist():
            chosen = np.flatnonzero(size == fanins)
            own = (luts.first_gate + chosen).astype(np.int32)
            stage = self.stages.stage[own]
            names = [self._at(luts.fanin[chosen, slot], stage).tolist() for slot in range(fanins)]
            low_rows = np.uint64((1 << (1 << fanins)) - 1)
            yield _Lut(own, names, luts.table[chosen] & low_rows)

    def portable(self) -> Iterator[str]:
        registers = self._name[self._registers].tolist()
        sources = self._name[self._registers - 1].tolist()
        yield from map("  reg {};".format, registers + self._state)
        groups = list(self._luts())
        for group in groups:
            rows = 1 << len(group.fanins)
            for table in np.unique(group.table).tolist():
                yield f"  localparam [{rows - 1}:0] {_table_name(table, rows)} = {rows}'h{table:x};"
        # A wire is declared before it is read: ids ascend in topological order.
        lines: list[str] = [""] * self.luts.n_gates
        for group in groups:
            rows = 1 << len(group.fanins)
            tables = [_table_name(table, rows) for table in group.table.tolist()]
            template = "  wire n{} = {}[{{" + ", ".join(["{}"] * len(group.fanins)) + "}}];"
            text = map(template.format, group.gate.tolist(), tables, *group.fanins[::-1])
            for gate, line in zip((group.gate - self.luts.first_gate).tolist(), text, strict=True):
                lines[gate] = line
        yield from lines
        for enable, targets, values in (
            (self._enable, registers, sources),
            ("step", self._state, self._next_state),
        ):
            if targets:
                yield "  always @(posedge clk)"
                yield f"    if ({enable}) begin" if enable else "    begin"
                yield from map("      {} <= {};".format, targets, values)
                yield "    end"

    def cells(self, family: Family) -> Iterator[str]:
        gates = range(self.luts.first_gate, self.luts.n_nodes)
        yield from map("  wire n{};".format, gates)
        yield from map("  wire {};".format, self._name[self._registers].tolist() + self._state)
        for group in self._luts():
            fanins = len(group.fanins)
            pins = fanins if family.sized else len(family.inputs)
            table = group.table.copy()
            for fewer in range(fanins, pins):  # no row depends on an unused pin
                table |= table << np.uint64(1 << fewer)
            rows = 1 << pins
            connections = [
                f".{pin}({{}})" if slot < fanins else f".{pin}(1'b0)"
                for slot, pin in enumerate(family.inputs[:pins])
            ]
            table_text = f".{family.table}({rows}'h{{:0{rows // 4 or 1}x}})"
            template = (
                f"  {family.lut.format(n=pins)} #({table_text}) \\{{}}.n{{}} "
                f"(.{family.output}(n{{}}), {', '.join(connections)});"
            )
            part = self._part[group.gate].tolist()
            own = group.gate.tolist()
            yield from map(template.format, table.tolist(), part, own, own, *group.fanins)
        of_state = slice(self.luts.first_state, self.luts.first_gate)
        for enable, part, q, d in (
            (
                self._enable,
                self._part[self._node[self._registers]],
                self._name[self._registers].tolist(),
                self._name[self._registers - 1].tolist(),
            ),
            ("step", self._part[of_state], self._state, self._next_state),
        ):
            cell = family.flip_flop if enable else family.free_flip_flop
            template = "  {3}" + cell.format(name="\\{0}.{1} ", d="{2}", q="{1}", enable=enable)
            kept = self._kept if enable == "step" else repeat("")
            yield from map(template.format, part.tolist(), q, d, kept)

    def rtlil(self) -> Iterator[str]:
        gates = range(self.luts.first_gate, self.luts.n_nodes)
        registers = self._name[self._registers].tolist()
        yield from map("  wire \\n{}".format, gates)
        yield from map("  wire \\{}".format, registers + self._state)
        for group in self._luts():
            fanins = len(group.fanins)
            rows = 1 << fanins
            connections = " ".join(["{}"] * fanins)
            template = (
                f"  cell $lut $n{{}}\n    parameter \\LUT {rows}'{{:0{rows}b}}\n"
                f"    parameter \\WIDTH {fanins}\n    connect \\A {{{{ {connections} }}}}\n"
                "    connect \\Y \\n{}\n  end"
            )
            read = [map(_sigspec, names) for names in reversed(group.fanins)]
            own = group.gate.tolist()
            yield from map(template.format, own, group.table.tolist(), *read, own)
        for enable, targets, values in (
            (self._enable, registers, self._name[self._registers - 1].tolist()),
            ("step", self._state, self._next_state),
        ):
            held = f"    parameter \\EN_POLARITY 1'1\n    connect \\EN \\{enable}\n"
            template = (
                f"  cell {'$dffe' if enable else '$dff'} ${{}}\n    parameter \\CLK_POLARITY 1'1\n"
                f"    parameter \\WIDTH 1\n    connect \\CLK \\clk\n{held if enable else ''}"
                "    connect \\D {}\n    connect \\Q \\{}\n  end"
            )
            yield from map(template.format, targets, map(_sigspec, values), targets)


def _table_name(table: int, rows: int) -> str:
    return f"T{rows}_{table:0{rows // 4 or 1}x}"


def _concatenation(names: list[str]) -> Iterable[str]:
    """Highest bit first, as Verilog wants it."""
    names = names[::-1]
    for start in range(0, len(names), BITS_A_LINE):
        comma = "," if start + BITS_A_LINE < len(names) else ""
        yield "    " + ", ".join(names[start : start + BITS_A_LINE]) + comma
