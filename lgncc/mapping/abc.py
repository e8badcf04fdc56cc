"""Technology mapping to lookup tables by ABC: gates in, LUTs out.

ABC runs as a program, on an AIGER file that we write and a BENCH file that it writes: there a LUT
is one line, `n7 = LUT 0xca ( a, b, c )`, its table in our own convention.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lgncc.arrays import Bits, Ids, Tables
from lgncc.emit.aiger import to_aiger
from lgncc.errors import DesignError
from lgncc.flow.run import run_tool
from lgncc.flow.tools import find_tool
from lgncc.graph import levelize
from lgncc.netlist import MAX_FANINS, Netlist, table_mask
from lgncc.passes.dead import RemoveDead

AREA = "strash; if -K {k} -a"
"""ABC's area mapper. Fifteen heavier recipes were within 0.1 % of it on trained networks."""

SHALLOW = "strash; if -K {k}"
"""ABC's mapper at the least depth. Where all gates are read twice, its LUTs are fewer by
a quarter than AREA's: to leave out one gate saves nothing, to leave out whole layers does."""

TIMEOUT_S = 600.0

_LUT = re.compile(rb"^(\w+) *= LUT 0x([0-9a-fA-F]+) \( (.*) \)", re.MULTILINE)
_CONSTANT = re.compile(rb"^(\w+) *= (gnd|vdd)", re.MULTILINE)
_PORT = re.compile(rb"^(INPUT|OUTPUT)\((\w+)\)", re.MULTILINE)
_NAME = re.compile(rb"\w+")


def map_luts(
    netlist: Netlist, k: int = 4, *, script: str = AREA, timeout_s: float = TIMEOUT_S
) -> Netlist:
    """The same functions as LUTs of at most k fanins, few of them; ports and state are kept.

    `script`: ABC commands from an AIG to a LUT network, `{k}` stands for k. A LUT with fewer than
    k fanins reads constant 0 at the others, and its table does not depend on them. Raises
    DesignError, with the path of ABC's log, where ABC fails or takes longer than `timeout_s`.
    """
    if not 1 <= k <= MAX_FANINS:
        raise ValueError(f"map_luts: k is {k}; 1 to {MAX_FANINS}")
    roots, position = np.unique(netlist.roots, return_inverse=True)
    gates = roots >= netlist.first_gate
    fanin, table = np.zeros((0, k), np.int32), np.zeros(0, np.uint64)
    nodes = roots.copy()
    if gates.any():
        # Each driver once: ABC would give a shared one a buffer or an inverter an output.
        drivers = Netlist(
            netlist.n_inputs + netlist.n_state,
            fanin=netlist.fanin,
            table=netlist.table,
            outputs=roots[gates],
        )
        text = _run_abc(drivers, k, script, timeout_s)
        found = _without_wires(_parse(text, drivers, k))
        fanin, table, nodes[gates] = found.fanin, found.table, found.outputs
    nodes = nodes[position.reshape(-1)]
    luts = Netlist(
        n_inputs=netlist.n_inputs,
        fanin=fanin,
        table=table,
        outputs=nodes[: len(netlist.outputs)],
        next_state=nodes[len(netlist.outputs) :],
        reset=netlist.reset,
        input_names=netlist.input_names,
        output_names=netlist.output_names,
    )
    return RemoveDead().apply(luts)


@dataclass(frozen=True, eq=False)
class _Luts:
    """A netlist under way: fanin (n, k), table (n,), outputs (m,); ids from `first`."""

    first: int
    fanin: Ids
    table: Tables
    outputs: Ids


def _run_abc(netlist: Netlist, k: int, script: str, timeout_s: float) -> bytes:
    """What ABC's write_bench says of the mapped netlist."""
    folder = Path(tempfile.mkdtemp(prefix="lgncc-abc-"))
    log = folder / "abc.log"
    (folder / "in.aig").write_bytes(to_aiger(netlist, symbols=False))
    commands = f"read_aiger in.aig; {script.format(k=k)}; write_bench out.bench"
    try:
        run_tool(find_tool("abc"), ["-q", commands], log_path=log, cwd=folder, timeout_s=timeout_s)
    except (KeyboardInterrupt, SystemExit):  # not a failure, which leaves its log
        shutil.rmtree(folder)
        raise
    result = folder / "out.bench"
    if not result.is_file():  # ABC's exit code does not tell
        raise DesignError(f"ABC mapped nothing; is the script right?\n  {script}\n  log: {log}")
    text = result.read_bytes()
    shutil.rmtree(folder)
    return text


def _parse(text: bytes, netlist: Netlist, k: int) -> _Luts:
    """The lines as arrays, in ABC's order; a LUT that only passes a node on is not yet gone."""
    ports = _PORT.findall(text)
    node = {b"gnd": 0, b"vdd": 1}
    inputs = [name for kind, name in ports if kind == b"INPUT"]
    node |= zip(inputs, range(2, 2 + netlist.n_inputs), strict=True)
    node |= {name: node[value] for name, value in _CONSTANT.findall(text)}
    rows = _LUT.findall(text)
    names, tables, lists = zip(*rows, strict=True) if rows else ((), (), ())
    node |= zip(names, range(netlist.first_gate, netlist.first_gate + len(names)), strict=True)

    count = np.fromiter((one.count(b",") for one in lists), np.int64, len(lists)) + 1
    if count.max(initial=0) > k:
        raise DesignError(f"ABC made a LUT of {count.max()} fanins; the script must map to {k}")
    slot = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    fanin = np.zeros((len(names), k), np.int32)
    read = map(node.__getitem__, _NAME.findall(b" ".join(lists)))
    fanin[np.repeat(np.arange(len(names)), count), slot] = np.fromiter(read, np.int32, len(slot))
    table = np.fromiter(map(partial(int, base=16), tables), np.uint64, len(tables))
    for fewer in range(k):  # the same function of k fanins
        short = count <= fewer
        table[short] |= table[short] << np.uint64(1 << fewer)
    outputs = [node[name] for kind, name in ports if kind == b"OUTPUT"]
    return _Luts(netlist.first_gate, fanin, table, np.array(outputs, np.int32))


def _without_wires(luts: _Luts) -> _Luts:
    """Each LUT after its fanins; wires are gone, and every inverter that a LUT can take in.

    ABC makes an inverter where an output is the complement of a LUT that others read. Unless the
    LUT is an output itself, it is complemented instead, and so are those inputs of its readers.
    """
    first, fanin, k = luts.first, luts.fanin, luts.fanin.shape[1]
    full = np.uint64(table_mask(k))
    own = np.arange(first, first + len(fanin), dtype=np.int32)
    alias = np.arange(first + len(fanin), dtype=np.int32)
    driver = np.full(len(fanin), -1, np.int32)  # of inverters
    # ABC does not look whether a cut's function depends on all of the cut.
    alias[first:] = np.where(luts.table == 0, 0, np.where(luts.table == full, 1, own))
    for slot in range(k):
        wire = luts.table == projection(slot, k)
        alias[first:][wire] = fanin[wire, slot]
        inverter = luts.table == projection(slot, k) ^ full
        driver[inverter] = fanin[inverter, slot]
    while not np.array_equal(alias, alias[alias]):
        alias = alias[alias]
    fanin, outputs = alias[fanin], alias[luts.outputs]
    kept = alias[first:] == own

    inverter = driver >= 0
    driver = alias[driver]
    fixed = np.zeros(len(alias), np.bool_)  # nodes that cannot be complemented
    fixed[:first] = True
    fixed[first:][inverter] = True
    fixed[outputs] = True
    absorbed = inverter & ~fixed[driver]
    flipped = np.zeros(len(alias), np.bool_)
    flipped[driver[absorbed]] = True
    alias[first:][absorbed] = driver[absorbed]
    # An absorbed inverter's readers already read the complement.
    table = _complement_fanins(luts.table, flipped[fanin])
    table[flipped[first:]] ^= full
    return _in_order(_Luts(first, alias[fanin], table, alias[outputs]), kept & ~absorbed)


def _complement_fanins(table: Tables, complemented: Bits) -> Tables:
    """The tables whose fanins are complemented where `complemented` (n, k) says so."""
    table = table.copy()
    k = complemented.shape[1]
    for slot in range(k):
        where, high, shift = complemented[:, slot], projection(slot, k), np.uint64(1 << slot)
        rows = table[where]
        table[where] = (rows & high) >> shift | (rows << shift) & high
    return table


def projection(slot: int, k: int) -> np.uint64:
    """The table of k fanins that is the fanin `slot`."""
    return np.uint64(sum(1 << row for row in range(1 << k) if row >> slot & 1))


def _in_order(luts: _Luts, kept: Bits) -> _Luts:
    """The kept gates, each after its fanins."""
    first, n_nodes = luts.first, luts.first + len(luts.table)
    own = np.repeat(np.arange(first, n_nodes), luts.fanin.shape[1])
    level = levelize(n_nodes, luts.fanin.reshape(-1).astype(np.int64), own)[first:]
    order = np.flatnonzero(kept)
    order = order[np.argsort(level[order], kind="stable")]
    renamed = np.zeros(n_nodes, np.int32)
    renamed[:first] = np.arange(first)
    renamed[first + order] = np.arange(first, first + len(order))
    return _Luts(first, renamed[luts.fanin[order]], luts.table[order], renamed[luts.outputs])
