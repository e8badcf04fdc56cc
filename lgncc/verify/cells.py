"""A synthesized netlist (yosys `write_json`) as arrays: what the outputs of one instance compute.

Only the cells on a way from the instance's inputs to its outputs are read; `primitives` says which
cells are understood, and as what. Flip-flops become wires, once it is shown that they are ranks of
one pipeline: one clock, one enable, equally many on every way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.errors import InputError
from lgncc.graph import levelize
from lgncc.netlist import Netlist
from lgncc.verify.lemma import RefutedError
from lgncc.verify.primitives import K, Primitive, primitive_of

LEMMA = "structure"
UNDRIVEN = -1  # a net that yosys calls x or z
NO_DRIVER, NOT_UNDERSTOOD = -1, -2
CONSTANT = -1  # a node that no number of registers delays


@dataclass(frozen=True, eq=False)
class Cone:
    """netlist: k = 4, from the bits of x to those of y, flip-flops as wires; ranks: flip-flops on
    every way, None where no output depends on an input; luts, registers: cells of each kind."""

    netlist: Netlist
    ranks: int | None
    luts: int
    registers: int


@dataclass(frozen=True, eq=False)
class _Cells:
    """fanin: int64 (n, K), output: int64 (n,): nets, 0 and 1 the constants, -1 undriven; driver:
    int64 (nets,), the cell that drives each. clock, enable: nets (n,), 0 for a LUT."""

    names: list[str]
    fanin: Integers
    output: Integers
    table: Tables
    clock: Integers
    enable: Integers
    is_register: Bits
    driver: Integers

    def __getitem__(self, cells: Integers) -> tuple[Integers, Tables, Bits]:
        return self.fanin[cells], self.table[cells], self.is_register[cells]


def read_cone(path: Path, top: str, instance: str) -> Cone:
    """What `instance` computes, whose ports were x, y, clk and enable before it was flattened.

    Raises InputError for a file that is no such netlist, RefutedError where something on the way
    is not understood or the registers are no pipeline.
    """
    module = _module(path, top)
    try:
        ports = {
            port: np.array([_net(bit) for bit in net["bits"]], np.int64)
            for port in ("x", "y", "clk", "enable")
            if (net := module["netnames"].get(f"{instance}.{port}"))
        }
        cells = _read_cells(module["cells"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a netlist as yosys writes it: {error!r}") from error
    if "x" not in ports or "y" not in ports:
        raise InputError(f"{path}: module {top} has no nets {instance}.x and {instance}.y")
    return _cone(cells, ports)


def _module(path: Path, top: str) -> Any:
    try:
        return json.loads(path.read_bytes())["modules"][top]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a netlist of a module {top}: {error!r}") from error


def _net(bit: object) -> int:
    if isinstance(bit, int):
        return bit
    return {"0": 0, "1": 1}.get(str(bit), UNDRIVEN)


def _read_cells(cells: Mapping[str, Any]) -> _Cells:
    names, fanin, output, table, clock, enable, is_register = [], [], [], [], [], [], []
    driven: list[tuple[int, int]] = []  # by cells that are not understood
    for name, cell in cells.items():
        pins = {pin: [_net(bit) for bit in bits] for pin, bits in cell["connections"].items()}
        primitive = primitive_of(cell["type"], pins)
        if primitive is None or not _as_set(primitive, cell, pins):
            for pin, direction in cell["port_directions"].items():
                if direction != "input":
                    driven += [(net, NOT_UNDERSTOOD) for net in pins.get(pin, ()) if net > 1]
            continue
        inputs = [pins[pin][0] if pins.get(pin) else UNDRIVEN for pin in primitive.inputs]
        names.append(name)
        fanin.append(inputs + [0] * (K - len(inputs)))
        output.append(pins[primitive.output][0])
        table.append(_table(primitive, cell["parameters"]))
        is_register.append(bool(primitive.clock))
        clock.append(pins[primitive.clock][0] if primitive.clock else 0)
        enable.append(pins[primitive.enable][0] if primitive.clock else 0)
    outputs = np.array(output, np.int64)
    nets = 2 + max([int(outputs.max(initial=1)), *(net for net, _ in driven)])
    return _Cells(
        names,
        np.array(fanin, np.int64).reshape(-1, K),
        outputs,
        np.array(table, np.uint64),
        np.array(clock, np.int64),
        np.array(enable, np.int64),
        np.array(is_register, np.bool_),
        _drivers(names, outputs, driven, nets),
    )


def _as_set(primitive: Primitive, cell: Mapping[str, Any], pins: Mapping[str, list[int]]) -> bool:
    parameters = cell["parameters"]
    return all(pins.get(pin) == [_net(tie)] for pin, tie in primitive.tied.items()) and all(
        parameters.get(name) == value for name, value in primitive.settings.items()
    )


def _table(primitive: Primitive, parameters: Mapping[str, str]) -> int:
    """The rows of K fanins; those past the primitive's own change nothing."""
    if isinstance(primitive.table, int):
        return primitive.table
    table = int(parameters[primitive.table], 2)
    for unused in range(len(primitive.inputs), K):
        table |= table << (1 << unused)
    return table


def _drivers(
    names: list[str], output: Integers, others: list[tuple[int, int]], nets: int
) -> Integers:
    driver = np.full(nets, NO_DRIVER, np.int64)
    driver[output] = np.arange(len(output))
    twice = np.flatnonzero((np.bincount(output, minlength=nets) > 1)[2:])
    if len(twice):
        last = names[int(driver[2 + twice[0]])]
        raise RefutedError(LEMMA, f"cell {last} drives a net that another cell drives too")
    for net, kind in others:
        driver[net] = kind
    return driver


def _cone(cells: _Cells, ports: Mapping[str, Integers]) -> Cone:
    x, y = ports["x"], ports["y"]
    if len(np.unique(x)) != len(x) or x.min(initial=2) < 2:
        raise RefutedError(LEMMA, "bits of the input vector are constant or the same")
    used = np.concatenate([x, y, cells.fanin.reshape(-1), [len(cells.driver) - 1]])
    nets = int(used.max()) + 1
    driver = np.full(nets, NO_DRIVER, np.int64)
    driver[: len(cells.driver)] = cells.driver
    is_input = np.zeros(nets, np.bool_)
    is_input[x] = True
    reached = _reach(cells, driver, is_input, y)

    position = np.full(len(cells.names), -1, np.int64)
    position[reached] = np.arange(len(reached))
    fanin, table, is_register = cells[reached]
    source = np.where(is_input[fanin] | (fanin < 2), -1, driver[fanin])
    consumer, slot = np.nonzero(source >= 0)
    level = levelize(len(reached), position[source[consumer, slot]], consumer)
    if (level < 0).any():
        name = cells.names[int(reached[np.argmax(level < 0)])]
        raise RefutedError(LEMMA, f"cell {name} is on or behind a loop")
    order = np.argsort(level, kind="stable")

    node = np.zeros(nets, np.int32)
    node[1] = 1
    node[x] = np.arange(2, 2 + len(x))
    node[cells.output[reached[order]]] = 2 + len(x) + np.arange(len(order))
    netlist = Netlist(len(x), node[fanin[order]], table[order], node[y])
    registers = reached[is_register]
    _check_clocking(cells, registers, ports)
    ranks = _ranks(netlist, is_register[order], [cells.names[i] for i in reached[order].tolist()])
    return Cone(netlist, ranks, int((~is_register).sum()), len(registers))


def _reach(cells: _Cells, driver: Integers, is_input: Bits, y: Integers) -> Integers:
    """The cells on the way to y, ascending. Raises RefutedError where a net has no such cell."""
    seen = np.zeros(len(cells.names), np.bool_)
    nets, readers = y, None
    while len(nets):
        if (nets < 0).any():
            raise RefutedError(LEMMA, f"{_reader(cells, nets, readers, nets < 0)} reads nothing")
        open_ = (nets > 1) & ~is_input[nets]
        strange = open_ & (driver[nets] < 0)
        if strange.any():
            what = "no cell" if driver[nets[strange][0]] == NO_DRIVER else "a cell of unknown kind"
            where = _reader(cells, nets, readers, strange)
            raise RefutedError(LEMMA, f"{where} reads net {nets[strange][0]}, driven by {what}")
        found = np.unique(driver[nets[open_]])
        found = found[~seen[found]]
        seen[found] = True
        nets, readers = cells.fanin[found].reshape(-1), np.repeat(found, K)
    return np.flatnonzero(seen)


def _reader(cells: _Cells, nets: Integers, readers: Integers | None, marked: Bits) -> str:
    first = int(np.argmax(marked))
    return f"output {first}" if readers is None else f"cell {cells.names[int(readers[first])]}"


def _check_clocking(cells: _Cells, registers: Integers, ports: Mapping[str, Integers]) -> None:
    """All registers have the instance's clock and enable."""
    for pin, port in (("clock", "clk"), ("enable", "enable")):
        net = ports[port][0] if port in ports else UNDRIVEN
        wrong = registers[getattr(cells, pin)[registers] != net]
        if len(wrong):
            raise RefutedError(
                LEMMA, f"register {cells.names[int(wrong[0])]} has another {pin} than the pipeline"
            )


def _ranks(netlist: Netlist, is_register: Bits, names: list[str]) -> int | None:
    """Registers on every way from an input to an output."""
    passed: Ids = np.full(netlist.n_nodes, CONSTANT, np.int32)
    passed[2 : netlist.first_gate] = 0
    for ids in netlist.by_level():
        gates = ids - netlist.first_gate
        before = passed[netlist.fanin[gates]]
        most = before.max(axis=1)
        uneven = ((before != most[:, None]) & (before != CONSTANT)).any(axis=1)
        if uneven.any():
            name = names[int(gates[np.argmax(uneven)])]
            raise RefutedError(LEMMA, f"cell {name} reads values of different stages")
        passed[ids] = np.where(most == CONSTANT, CONSTANT, most + is_register[gates])
    ranks = passed[netlist.outputs]
    ranks = np.unique(ranks[ranks != CONSTANT])
    if len(ranks) > 1:
        raise RefutedError(LEMMA, f"outputs are behind {ranks[0]} to {ranks[-1]} registers")
    return int(ranks[0]) if len(ranks) else None
