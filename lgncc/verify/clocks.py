"""Rung "clocks": nothing goes from one clock to another but what lgncc.hw.crossing lets through.

A bit that a register of another clock samples while it changes may be 0 for one reader and 1 for
the next, and for a while neither; simulations do not show that. So in the netlist that yosys leaves
every way between registers of two clocks must be one of these:

- from a register, with nothing between, to the first of two registers of a synchronizer, which
  nothing but the second one reads; one bit of each direction of each handshake;
- from the registers that hold a crossing's payload. That they hold it is for "board rtl" to see.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.errors import InputError
from lgncc.flow.platform import SHELL, TOP
from lgncc.verify.cells import net_of, read_module
from lgncc.verify.lemma import RefutedError
from lgncc.verify.rung import Rung

RUNG = "clocks"
PAYLOADS = tuple(f"{SHELL}.core.{port}__payload" for port in "io")
"""What crosses to the core and from it. The flow keeps its ports' names."""
STAGES = tuple(
    f"{SHELL}.{crossing}.{way}.stage0"
    for crossing in ("ask", "answer")
    for way in ("to_sink", "to_source")
)
"""Of lgncc.hw.shell and lgncc.hw.crossing."""

REGISTER, MEMORY = "register", "memory"
CLOCKED = {
    "TRELLIS_FF": (REGISTER, "CLK"),
    "TRELLIS_DPR16X4": (MEMORY, "WCK"),
    "DP16KD": (MEMORY, "CLKA", "CLKB"),
    "PDPW16KD": (MEMORY, "CLKW", "CLKR"),
}
"""Cells of ECP5, the one family whose cores have clocks of their own, with their clocks."""
COMBINATIONAL = ("LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_DPR16X4")
OUTSIDE = ("TRELLIS_IO", "EHXPLLL", "USRMCLK", "$scopeinfo")
DATA_IN, DATA_OUT = "DI", "Q"  # of a register


@dataclass(frozen=True)
class Reader:
    """An input pin of a clocked cell. clock: the net of that cell's clock."""

    cell: str
    kind: str
    pin: str
    net: int
    clock: int
    output: int


def check_clocks(synthesized: Path) -> Rung:
    """The rung of the ladder. Raises RefutedError, naming a cell, where a way is another one;
    InputError where the file is no netlist of a core with a clock of its own."""
    started = time.perf_counter()
    module = read_module(synthesized, TOP)
    try:
        netlist = _Netlist(module["cells"])
        payload, stages = (_named(module["netnames"], names) for names in (PAYLOADS, STAGES))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{synthesized}: not a netlist as yosys writes it: {error!r}") from error
    clocks = sorted({reader.clock for reader in netlist.readers})
    payload &= set(netlist.read_by)  # bits that nothing reads cross nowhere; constants neither
    if payload - netlist.registers:
        raise RefutedError(RUNG, "a bit of what crosses is no register's")
    found = set()
    for index, clock in enumerate(clocks):
        foreign = netlist.reached_from(clocks[:index] + clocks[index + 1 :], payload)
        for reader in netlist.readers:
            if reader.clock == clock and foreign[reader.net]:
                _require_synchronizer(netlist, reader, stages)
                found.add(reader.output)
    if missing := len(stages - found):
        raise RefutedError(RUNG, f"{missing} synchronizers have nothing to synchronize")
    detail = (
        f"{len(clocks)} clocks; between them {len(found)} bits through two registers each, "
        f"{len(payload)} bits from the registers that hold them, nothing else"
    )
    return Rung(RUNG, "proved", detail, time.perf_counter() - started)


def _named(netnames: Mapping[str, Any], names: tuple[str, ...]) -> set[int]:
    return {net_of(bit) for name in names for bit in netnames[name]["bits"]}


def _require_synchronizer(netlist: _Netlist, reader: Reader, stages: set[int]) -> None:
    what = f"pin {reader.pin} of cell {reader.cell} depends on another clock, "
    if reader.kind != REGISTER or reader.pin != DATA_IN or reader.output not in stages:
        raise RefutedError(RUNG, f"{what}and is no synchronizer's")
    if reader.net not in netlist.registers:
        raise RefutedError(RUNG, f"{what}through logic")
    behind = netlist.read_by.get(reader.output, [])
    second = [r for r in behind if r is not None and (r.pin, r.clock) == (DATA_IN, reader.clock)]
    if len(behind) != 1 or len(second) != 1:
        raise RefutedError(
            RUNG, f"{what}and {len(behind)} cells read the register, not one other register"
        )


class _Netlist:
    """readers: input pins of clocked cells; registers: their output nets; read_by: of each net the
    readers, None for a cell that is not clocked."""

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self.readers: list[Reader] = []
        self.registers: set[int] = set()
        self.read_by: dict[int, list[Reader | None]] = {}
        self._driven: list[tuple[int, int]] = []  # net, clock
        ways: list[tuple[int, int]] = []
        for name, cell in cells.items():
            kind = cell["type"]
            pins = {pin: [net_of(bit) for bit in bits] for pin, bits in cell["connections"].items()}
            outputs = [
                net for pin, nets in pins.items() for net in nets if _drives(cell, pin) and net > 1
            ]
            inputs = [
                (pin, net)
                for pin, nets in pins.items()
                for net in nets
                if not _drives(cell, pin) and net > 1
            ]
            if kind in CLOCKED:
                self._add_clocked(name, kind, pins, inputs, outputs)
            elif kind not in (*COMBINATIONAL, *OUTSIDE):
                raise RefutedError(RUNG, f"cell {name} is of a kind that is not understood: {kind}")
            if kind in COMBINATIONAL:
                ways += [(net, output) for _, net in inputs for output in outputs]
            if kind not in CLOCKED:
                for _, net in inputs:
                    self.read_by.setdefault(net, []).append(None)
        self._from, self._to = np.array(ways, np.int64).reshape(-1, 2).T
        nets = [net for net, _ in self._driven] + [reader.net for reader in self.readers]
        self._size = 1 + max(*nets, int(self._from.max(initial=1)), int(self._to.max(initial=1)))

    def _add_clocked(
        self,
        name: str,
        kind: str,
        pins: Mapping[str, list[int]],
        inputs: list[tuple[str, int]],
        outputs: list[int],
    ) -> None:
        what, *clock_pins = CLOCKED[kind]
        clocks = {net for pin in clock_pins for net in pins.get(pin, []) if net > 1}
        if len(clocks) != 1:
            raise RefutedError(RUNG, f"cell {name} has {len(clocks)} clocks")
        (clock,) = clocks
        self._driven += [(net, clock) for net in outputs]
        if what == REGISTER:
            self.registers.update(outputs)
        for pin, net in inputs:
            if pin in clock_pins:
                continue
            reader = Reader(name, what, pin, net, clock, outputs[0] if outputs else 0)
            self.readers.append(reader)
            self.read_by.setdefault(net, []).append(reader)

    def reached_from(self, clocks: list[int], held: set[int]) -> Bits:
        """Which nets depend on cells of these clocks, otherwise than by the nets `held`."""
        reached = np.zeros(self._size, np.bool_)
        blocked: Integers = np.array(sorted(held), np.int64)
        reached[[net for net, clock in self._driven if clock in clocks]] = True
        before = -1
        while before != (now := int(reached.sum())):
            before = now
            reached[blocked[blocked < self._size]] = False
            reached[self._to[reached[self._from]]] = True
        reached[blocked[blocked < self._size]] = False
        return reached


def _drives(cell: Mapping[str, Any], pin: str) -> bool:
    return bool(cell["port_directions"][pin] != "input")
