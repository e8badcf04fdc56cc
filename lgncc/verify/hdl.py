"""Rung "hdl": the Verilog of the mapped LUTs, read back, computes them.

The text is that of lgncc.emit.luts, of which every line is one of a few kinds; a line that is none
of them is refused, so that nothing is read past.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lgncc.errors import InputError
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.serial import SerialDesign
from lgncc.netlist import Netlist
from lgncc.verify.lemma import RefutedError
from lgncc.verify.pipeline import LEMMA, UNDRIVEN, CellList, Cells, Ports
from lgncc.verify.rung import Rung
from lgncc.verify.synthesized import prove_pipeline

RUNG = "hdl"
MODULE = "lgncc_luts"

_PORT = re.compile(r"(?:input|output) (?:\[(\d+):0\] )?(\w+);")
_INPUT = re.compile(r"wire (\w+) = x\[(\d+)\];")
_REG = re.compile(r"reg \w+;")
_TABLE = re.compile(r"localparam \[(\d+):0\] (\w+) = (\d+)'h([0-9a-f]+);")
_LUT = re.compile(r"wire (\w+) = (\w+)\[\{([^{}]*)\}\];")
_ENABLED = re.compile(r"if \((\w+)\) begin")
_ASSIGNMENT = re.compile(r"(\w+) <= (\S+);")
_CONSTANTS = {"1'b0": 0, "1'b1": 1}


def check_hdl(
    design: MappedDesign | SerialDesign,
    verilog: Path,
    ranks: int,
    module: str = MODULE,
    *,
    loop: int = 0,
    state_outside: bool = False,
) -> Rung:
    """The rung of the ladder: `module` in the file answers as `design.luts`, `ranks` enabled clock
    cycles later, and takes next states `loop` cycles later. state_outside: as of lgncc.emit.luts.

    Raises RefutedError where not, InputError where it is not in the file.
    """

    def read(luts: Netlist) -> tuple[Cells, Ports]:
        return read_luts(verilog, module, luts)

    return prove_pipeline(read, design, ranks, loop, state_outside=state_outside).rung(RUNG)


def read_luts(verilog: Path, module: str, luts: Netlist) -> tuple[Cells, Ports]:
    """The module as cells. Raises InputError where it is not in the file."""
    try:
        text = verilog.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{verilog}: cannot be read: {error}") from error
    found = re.findall(rf"^module {module}\([\w, ]*\);\n(.*?)^endmodule$", text, re.M | re.S)
    if len(found) != 1:
        raise InputError(f"{verilog}: has {len(found)} modules {module}; one is needed")
    return _Reader(luts).read(found[0])


class _Reader:
    """Nets are numbered as they are named; of x and y each bit is one."""

    def __init__(self, luts: Netlist) -> None:
        self.luts = luts
        self._net: dict[str, int] = dict(_CONSTANTS)
        self._inputs: dict[str, int] = {}
        self._width: dict[str, int] = {}
        self._tables: dict[str, tuple[int, int]] = {}
        self._cells = CellList(luts.k)
        self._enable = UNDRIVEN

    def read(self, body: str) -> tuple[Cells, Ports]:
        body, _, outputs = body.partition("  assign y = {\n")
        y = self._concatenation(outputs)
        for line in map(str.strip, body.splitlines()):
            if not self._line(line):
                raise RefutedError(LEMMA, f"a line of the Verilog that is not understood: {line}")
        luts = self.luts
        for port, width in (("x", luts.n_inputs), ("y", len(luts.outputs))):
            if self._width.get(port, 0) != width:
                raise RefutedError(LEMMA, f"port {port} has not the {width} bits of the LUTs")
        x = [self._number(f"x[{i}]") for i in range(luts.n_inputs)]
        state = [self._number(f"n{i}") for i in range(luts.first_state, luts.first_gate)]
        clock, enable, step = (
            self._number(port) if port in self._width else UNDRIVEN
            for port in ("clk", "enable", "step")
        )
        ports = Ports(_nets(x), _nets(y), _nets(state), clock, enable, step)
        return self._cells.finish(), ports

    def _number(self, name: str) -> int:
        return self._net.setdefault(name, len(self._net))

    def _concatenation(self, text: str) -> list[int]:
        """`a, b, c };` as numbers, the last, lowest one first."""
        if not text:
            return []
        names, end, rest = text.partition("\n  };\n")
        if not end or rest.strip():
            raise RefutedError(LEMMA, "the Verilog does not end with the assignment of y")
        return [self._number(name.strip()) for name in reversed(names.split(","))]

    def _line(self, line: str) -> bool:
        """Whether the line was understood."""
        if lut := _LUT.fullmatch(line):
            name, table, fanins = lut.groups()
            size, rows = self._tables.get(table, (0, 0))
            nets = [self._number(fanin) for fanin in reversed(fanins.split(", "))]
            if size != 1 << len(nets):
                return False
            self._cells.lut(name, rows, nets, self._number(name))
        elif assignment := _ASSIGNMENT.fullmatch(line):
            q, d = assignment.groups()
            clock = self._number("clk")
            self._cells.register(q, self._number(d), self._number(q), clock, self._enable)
        elif table_line := _TABLE.fullmatch(line):
            high, name, size_text, rows_text = table_line.groups()
            if int(high) + 1 != int(size_text) or name in self._tables:
                return False
            self._tables[name] = int(size_text), int(rows_text, 16)
        elif wire := _INPUT.fullmatch(line):
            name = wire[1]
            if name in self._net:
                return False
            self._net[name] = self._number(f"x[{wire[2]}]")
        elif port := _PORT.fullmatch(line):
            self._width[port[2]] = int(port[1] or 0) + 1
        elif enabled := _ENABLED.fullmatch(line):
            self._enable = self._number(enabled[1])
        elif line in ("begin", "end"):
            self._enable = UNDRIVEN
        else:
            return line == "always @(posedge clk)" or _REG.fullmatch(line) is not None
        return True


def _nets(numbers: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)
