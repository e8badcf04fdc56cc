"""LUTs and registers between two vectors of nets, from whatever text they were read, as a netlist.

Flip-flops become wires, once it is shown that they are ranks of one pipeline: one clock, one
enable, equally many on every way. Registers of the state have an enable of their own; they are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.graph import levelize
from lgncc.netlist import Netlist
from lgncc.verify.lemma import RefutedError

LEMMA = "structure"
WIRE = 0xAAAA_AAAA_AAAA_AAAA  # the first fanin, of up to six
UNDRIVEN = -1  # a net without a value
NO_DRIVER, NOT_UNDERSTOOD = -1, -2
CONSTANT = -1  # what no number of registers delays


@dataclass(frozen=True, eq=False)
class Ports:
    """Nets of x (n_inputs,), y (n_outputs,), state (n_state,), clock, and the enables of the
    pipeline and of the state; UNDRIVEN where there is none."""

    x: Integers
    y: Integers
    state: Integers
    clock: int = UNDRIVEN
    enable: int = UNDRIVEN
    step: int = UNDRIVEN


class CellList:
    """Cells as they are read, nets as numbers: 0 and 1 are the constants."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.names: list[str] = []
        self._fanins: list[list[int]] = []
        self._outputs: list[int] = []
        self._tables: list[int] = []
        self._clocking: list[tuple[int, int]] = []
        self._others: list[int] = []

    def lut(self, name: str, table: int, fanins: list[int], output: int) -> None:
        """A function of up to k nets; its table has the rows of these fanins alone."""
        for unused in range(len(fanins), self.k):
            table |= table << (1 << unused)
        self._append(name, table, fanins, output, (UNDRIVEN, UNDRIVEN))

    def register(self, name: str, d: int, q: int, clock: int, enable: int) -> None:
        table = WIRE & ((1 << (1 << self.k)) - 1)
        self._append(name, table, [d], q, (clock, enable))

    def other(self, outputs: list[int]) -> None:
        """A cell that is not understood drives these nets."""
        self._others += [net for net in outputs if net > 1]

    def _append(
        self, name: str, table: int, fanins: list[int], output: int, clocking: tuple[int, int]
    ) -> None:
        self.names.append(name)
        self._tables.append(table)
        self._fanins.append(fanins + [0] * (self.k - len(fanins)))
        self._outputs.append(output)
        self._clocking.append(clocking)

    def finish(self) -> Cells:
        """Raises RefutedError where two cells drive one net."""
        output = np.array(self._outputs, np.int64)
        fanin = np.array(self._fanins, np.int64).reshape(-1, self.k)
        others = np.array(self._others, np.int64)
        nets = 2 + int(max(a.max(initial=1) for a in (output, fanin, others)))
        twice = np.flatnonzero(np.bincount(output, minlength=nets) > 1)
        if len(twice):
            last = self.names[int(np.flatnonzero(output == twice[0])[-1])]
            raise RefutedError(LEMMA, f"cell {last} drives a net that another cell drives too")
        driver = np.full(nets, NO_DRIVER, np.int64)
        driver[output] = np.arange(len(output))
        driver[others] = NOT_UNDERSTOOD
        clock, enable = np.array(self._clocking, np.int64).reshape(-1, 2).T
        return Cells(
            self.names, fanin, np.array(self._tables, np.uint64), output, clock, enable, driver
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """fanin: int64 (n, k), table (n,), output: int64 (n,), nets; clock, enable: nets (n,), both
    UNDRIVEN for a LUT; driver: int64 (nets,), the cell that drives each."""

    names: list[str]
    fanin: Integers
    table: Tables
    output: Integers
    clock: Integers
    enable: Integers
    driver: Integers

    @property
    def is_register(self) -> Bits:
        found: Bits = self.clock != UNDRIVEN
        return found


@dataclass(frozen=True, eq=False)
class Cone:
    """netlist: from x and the state to y and the next state, registers of the pipeline as wires,
    all reset values 0; ranks: int32 (roots,), registers on every way to each, CONSTANT where it
    depends on no input; luts, registers: cells of each kind, those of the state among the
    registers."""

    netlist: Netlist
    ranks: Ids
    luts: int
    registers: int


def read_pipeline(cells: Cells, ports: Ports) -> Cone:
    """What the cells compute. Raises RefutedError, naming a cell, where they are no pipeline."""
    sources = np.concatenate([ports.x, ports.state])
    if len(np.unique(sources)) != len(sources) or sources.min(initial=2) < 2:
        raise RefutedError(LEMMA, "bits of the input vector or the state are constant or the same")
    used = [ports.y, sources, cells.fanin.reshape(-1), np.array([len(cells.driver) - 1])]
    nets = 1 + int(max(some.max(initial=1) for some in used))
    driver = np.full(nets, NO_DRIVER, np.int64)
    driver[: len(cells.driver)] = cells.driver
    of_state = _state_registers(cells, driver, ports)
    is_source = np.zeros(nets, np.bool_)
    is_source[sources] = True
    roots = np.concatenate([ports.y, cells.fanin[of_state, 0]])
    reached = _reach(cells, driver, is_source, roots)

    position = np.full(len(cells.names), -1, np.int64)
    position[reached] = np.arange(len(reached))
    fanin = cells.fanin[reached]
    source = np.where(is_source[fanin] | (fanin < 2), -1, driver[fanin])
    consumer, slot = np.nonzero(source >= 0)
    level = levelize(len(reached), position[source[consumer, slot]], consumer)
    if (level < 0).any():
        name = cells.names[int(reached[np.argmax(level < 0)])]
        raise RefutedError(LEMMA, f"cell {name} is on or behind a loop")
    ordered = reached[np.argsort(level, kind="stable")]

    node = np.zeros(nets, np.int32)
    node[1] = 1
    node[sources] = np.arange(2, 2 + len(sources))
    node[cells.output[ordered]] = np.arange(2 + len(sources), 2 + len(sources) + len(ordered))
    outputs, next_state = np.split(node[roots], [len(ports.y)])
    netlist = Netlist(
        n_inputs=len(ports.x),
        fanin=node[cells.fanin[ordered]],
        table=cells.table[ordered],
        outputs=outputs,
        next_state=next_state,
        reset=np.zeros(len(next_state), np.bool_),
    )
    registers = reached[cells.is_register[reached]]
    _check_clocking(cells, registers, ports.clock, ports.enable, "the pipeline")
    ranks = _ranks(netlist, cells, ordered)
    n_registers = len(registers) + len(of_state)
    return Cone(netlist, ranks, len(reached) - len(registers), n_registers)


def _state_registers(cells: Cells, driver: Integers, ports: Ports) -> Integers:
    """The register of each state bit."""
    found = driver[ports.state]
    wrong = (found < 0) | ~np.append(cells.is_register, False)[found]
    if wrong.any():
        raise RefutedError(LEMMA, f"state bit {np.argmax(wrong)} is no register")
    _check_clocking(cells, found, ports.clock, ports.step, "the state")
    return found


def _reach(cells: Cells, driver: Integers, is_source: Bits, roots: Integers) -> Integers:
    """The cells on the way to the roots. Raises RefutedError where a net has none."""
    seen = np.zeros(len(cells.names), np.bool_)
    nets, readers = roots, np.full(len(roots), -1)
    while len(nets):
        opened = (nets != 0) & (nets != 1) & ~is_source[nets]
        strange = opened & ((nets < 0) | (driver[nets] < 0))
        if strange.any():
            first = int(np.argmax(strange))
            reader = int(readers[first])
            where = "an output" if reader < 0 else f"cell {cells.names[reader]}"
            unknown = nets[first] > 0 and driver[nets[first]] == NOT_UNDERSTOOD
            what = "a cell that is not understood" if unknown else "nothing"
            raise RefutedError(LEMMA, f"{where} reads a net that is driven by {what}")
        found = np.unique(driver[nets[opened]])
        found = found[~seen[found]]
        seen[found] = True
        nets, readers = cells.fanin[found].reshape(-1), np.repeat(found, cells.fanin.shape[1])
    return np.flatnonzero(seen)


def _check_clocking(cells: Cells, registers: Integers, clock: int, enable: int, owner: str) -> None:
    """All registers have this clock and enable."""
    for pin, net in (("clock", clock), ("enable", enable)):
        wrong = registers[getattr(cells, pin)[registers] != net]
        if len(wrong):
            raise RefutedError(
                LEMMA, f"register {cells.names[int(wrong[0])]} has another {pin} than {owner}"
            )


def _ranks(netlist: Netlist, cells: Cells, ordered: Integers) -> Ids:
    """Registers on every way from an input to each root."""
    passed: Ids = np.full(netlist.n_nodes, CONSTANT, np.int32)
    passed[2 : netlist.first_gate] = 0
    is_register = cells.is_register[ordered]
    for ids in netlist.by_level():
        gates = ids - netlist.first_gate
        before = passed[netlist.fanin[gates]]
        most = before.max(axis=1)
        uneven = ((before != most[:, None]) & (before != CONSTANT)).any(axis=1)
        if uneven.any():
            name = cells.names[int(ordered[gates[np.argmax(uneven)]])]
            raise RefutedError(LEMMA, f"cell {name} reads values of different stages")
        passed[ids] = np.where(most == CONSTANT, CONSTANT, most + is_register[gates])
    ranks: Ids = passed[netlist.roots]
    return ranks
