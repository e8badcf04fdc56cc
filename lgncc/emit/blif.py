"""Netlist to BLIF: a `.names` a gate or LUT, a `.latch` a state bit.

Source: "Berkeley Logic Interchange Format (BLIF)", UC Berkeley, 1992. In a cover row the leftmost
character belongs to the first input, which is fanin 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lgncc.netlist import Netlist

NAMES_A_LINE = 16


def to_blif(netlist: Netlist, model: str) -> str:
    """Ports have their own names; gates are n<id>, state bits s<index>."""
    inputs = [netlist.input_name(i) for i in range(netlist.n_inputs)]
    outputs = [netlist.output_name(i) for i in range(len(netlist.outputs))]
    state = [f"s{i}" for i in range(netlist.n_state)]
    gates = [f"n{i}" for i in range(netlist.first_gate, netlist.n_nodes)]
    # A port may be called n7, too: then ours get underscores until they differ.
    ports = {*inputs, *outputs}
    mark = ""
    while ports & {f"{mark}{name}" for name in ("const0", "const1", *state, *gates)}:
        mark += "_"
    own = [f"{mark}{name}" for name in (*state, *gates)]
    name = np.array([f"{mark}const0", f"{mark}const1", *inputs, *own], np.object_)
    next_state = name[netlist.next_state].tolist()
    lines = [
        f".model {model}",
        *_list(".inputs", inputs),
        *_list(".outputs", outputs),
        *(
            f".latch {source} {target} {int(reset)}"
            for source, target, reset in zip(
                next_state, own[: netlist.n_state], netlist.reset, strict=True
            )
        ),
        f".names {name[0]}",
        f".names {name[1]}",
        "1",
        *_gates(netlist, name),
        *map(".names {} {}\n1 1".format, name[netlist.outputs].tolist(), outputs),
        ".end",
    ]
    return "\n".join(lines) + "\n"


def _gates(netlist: Netlist, name: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Iterator[str]:
    # Trailing constants 0 are no fanins: only the lower rows of the table count.
    size = np.where(netlist.fanin != 0, np.arange(1, netlist.k + 1), 1).max(axis=1, initial=1)
    for fanins in np.unique(size).tolist():
        chosen = np.flatnonzero(size == fanins)
        rows = 1 << fanins
        tables = netlist.table[chosen] & np.uint64((1 << rows) - 1)
        covers = {table: _cover(table, fanins) for table in np.unique(tables).tolist()}
        read = [name[netlist.fanin[chosen, slot]].tolist() for slot in range(fanins)]
        template = ".names " + " ".join(["{}"] * (fanins + 1)) + "{}"
        own = name[netlist.first_gate + chosen].tolist()
        yield from map(template.format, *read, own, map(covers.__getitem__, tables.tolist()))


def _cover(table: int, fanins: int) -> str:
    """The rows where the output is 1, or those where it is 0 if they are fewer, a line each."""
    ones = [row for row in range(1 << fanins) if table >> row & 1]
    zeros = [row for row in range(1 << fanins) if not table >> row & 1]
    rows, value = (ones, 1) if len(ones) <= len(zeros) or not zeros else (zeros, 0)
    if not ones:
        return ""  # no row is a constant 0
    return "".join("\n" + f"{row:0{fanins}b}"[::-1] + f" {value}" for row in rows)


def _list(keyword: str, names: list[str]) -> Iterator[str]:
    """The names behind the keyword, a few a line."""
    for start in range(0, max(len(names), 1), NAMES_A_LINE):
        head = "  " if start else keyword
        more = " \\" if start + NAMES_A_LINE < len(names) else ""
        yield " ".join([head, *names[start : start + NAMES_A_LINE]]) + more
