"""A synthesized netlist, as yosys's `write_json` has it: the cells of one flattened instance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.arrays import Integers
from lgncc.errors import InputError
from lgncc.netlist import Netlist
from lgncc.verify.pipeline import UNDRIVEN, CellList, Cells, Ports
from lgncc.verify.primitives import Primitive, primitive_of

K = 4


def read_cells(path: Path, top: str, instance: str, luts: Netlist) -> tuple[Cells, Ports]:
    """All cells of module `top`, and where the ports and the state of `instance` were before it
    was flattened.

    The names are those of lgncc.emit.luts: ports x, y, clk, enable and step; n<id> of state bits.
    Raises InputError for a file that is no such netlist.
    """
    module = read_module(path, top)
    try:
        nets = module["netnames"]
        found = {
            name: np.array([net_of(bit) for bit in nets[f"{instance}.{name}"]["bits"]], np.int64)
            for name in ("x", "y", "clk", "enable", "step", *_state_names(luts))
            if f"{instance}.{name}" in nets
        }
        cells = _read_cells(module["cells"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a netlist as yosys writes it: {error!r}") from error
    wanted = ["y"] * bool(len(luts.outputs)) + ["x"] * bool(luts.n_inputs) + _state_names(luts)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"{path}: module {top} has no net {instance}.{missing[0]}")
    none = np.zeros(0, np.int64)
    one_bit: dict[str, Integers] = {"clk": none, "enable": none, "step": none} | found
    clock, enable, step = (
        int(one_bit[name][0]) if len(one_bit[name]) else UNDRIVEN
        for name in ("clk", "enable", "step")
    )
    state = np.concatenate([none, *(found[name] for name in _state_names(luts))])
    return cells, Ports(found.get("x", none), found.get("y", none), state, clock, enable, step)


def _state_names(luts: Netlist) -> list[str]:
    return [f"n{node}" for node in range(luts.first_state, luts.first_gate)]


def read_module(path: Path, top: str) -> Any:
    """Module `top` of the file. Raises InputError where it has none."""
    try:
        return json.loads(path.read_bytes())["modules"][top]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a netlist of a module {top}: {error!r}") from error


def net_of(bit: object) -> int:
    """A bit of a connection as a net's number: 0 and 1 are the constants."""
    if isinstance(bit, int):
        return bit
    return {"0": 0, "1": 1}.get(str(bit), UNDRIVEN)


def _read_cells(cells: Mapping[str, Any]) -> Cells:
    result = CellList(K)
    for name, cell in cells.items():
        pins = {pin: [net_of(bit) for bit in bits] for pin, bits in cell["connections"].items()}
        primitive = primitive_of(cell["type"], pins, cell["parameters"])
        if primitive is None or not _tied(primitive, pins):
            for pin, direction in cell["port_directions"].items():
                if direction != "input":
                    result.other(pins.get(pin, []))
            continue
        inputs = [pins[pin][0] if pins.get(pin) else UNDRIVEN for pin in primitive.inputs]
        (output,) = pins[primitive.output]
        if primitive.clock:
            (clock,) = pins[primitive.clock]
            (enable,) = pins[primitive.enable] if primitive.enable else (UNDRIVEN,)
            result.register(name, inputs[0], output, clock, enable)
        else:
            table = primitive.table
            rows = table if isinstance(table, int) else int(cell["parameters"][table], 2)
            result.lut(name, rows, inputs, output)
    return result.finish()


def _tied(primitive: Primitive, pins: Mapping[str, list[int]]) -> bool:
    return all(pins.get(pin) == [net_of(tie)] for pin, tie in primitive.tied.items())
