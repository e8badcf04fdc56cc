"""The IR: a netlist of k-input gates as flat, read-only numpy arrays.

Node ids: 0 is constant 0, 1 is constant 1, then the inputs, then the state bits, then
the gates. Every fanin is smaller than its gate's own id, so that a cycle cannot be
written and any order of evaluation by id is right. The truth-table convention is in
`lgncc.gates`. k = 2 is what frontends produce; k = 4 or 6 is a mapped LUT netlist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lgncc.arrays import Bits, Ids, Tables, freeze
from lgncc.errors import InputError
from lgncc.gates import GATES

MAX_FANINS = 6
MAX_NODES = 1 << 31  # ids are int32
LEVEL_BLOCK = 1024  # gates levelized at once; a chain inside a block costs one round a link


def table_mask(k: int) -> int:
    """All the rows of a k-input truth table: the largest table a gate may have."""
    return (1 << (1 << k)) - 1


def _no_ids() -> Ids:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Netlist:
    """A combinational netlist, or a sequential one where `next_state` is not empty.

    fanin: int32 (n, k), node ids; table: uint64 (n,); outputs: int32 (m,), node ids;
    next_state: int32 (s,), node ids; reset: bool (s,). Names are of ports only and may
    be left empty, which names them i0… and o0…

    Raises InputError where the arrays are not a netlist.
    """

    n_inputs: int
    fanin: Ids
    table: Tables
    outputs: Ids
    next_state: Ids = field(default_factory=_no_ids)
    reset: Bits = field(default_factory=lambda: np.zeros(0, np.bool_))
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(
            self,
            fanin=np.int32,
            table=np.uint64,
            outputs=np.int32,
            next_state=np.int32,
            reset=np.bool_,
        )
        validate(self)

    @property
    def k(self) -> int:
        """Fanins per gate."""
        return int(self.fanin.shape[1])

    @property
    def n_gates(self) -> int:
        return len(self.table)

    @property
    def n_state(self) -> int:
        return len(self.next_state)

    @property
    def first_state(self) -> int:
        return 2 + self.n_inputs

    @property
    def first_gate(self) -> int:
        return 2 + self.n_inputs + self.n_state

    @property
    def n_nodes(self) -> int:
        return self.first_gate + self.n_gates

    @property
    def roots(self) -> Ids:
        """Every node that must be kept: outputs, then next states."""
        return np.concatenate([self.outputs, self.next_state])

    @cached_property
    def level(self) -> Ids:
        """int32 (n_nodes,): 0 for constants, inputs and state, else 1 + the highest fanin's."""
        level = np.zeros(self.n_nodes, np.int32)
        for start in range(0, self.n_gates, LEVEL_BLOCK):
            fanin = self.fanin[start : start + LEVEL_BLOCK]
            block = level[self.first_gate + start :][: len(fanin)]  # a view
            while True:
                deeper = level[fanin].max(axis=1, initial=0) + 1
                if np.array_equal(deeper, block):
                    break
                block[:] = deeper
        level.setflags(write=False)
        return level

    @property
    def depth(self) -> int:
        """Levels between the inputs and the deepest output or next state."""
        return int(self.level[self.roots].max(initial=0))

    def by_level(self) -> Iterator[Ids]:
        """Ids of the gates of each level, from the inputs up."""
        gate_level = self.level[self.first_gate :]
        order = np.argsort(gate_level, kind="stable").astype(np.int32)
        bounds = np.cumsum(np.bincount(gate_level))[:-1]
        # bincount's entry 0 is empty: no gate is on level 0.
        yield from np.split(order + np.int32(self.first_gate), bounds)[1:]

    def input_name(self, index: int) -> str:
        return self.input_names[index] if self.input_names else f"i{index}"

    def output_name(self, index: int) -> str:
        return self.output_names[index] if self.output_names else f"o{index}"

    def node_name(self, node: int) -> str:
        """`0`, `1`, a port's name, `s<index>` for state or `n<id>` for a gate."""
        if node < 2:
            return str(node)
        if node < self.first_state:
            return self.input_name(node - 2)
        if node < self.first_gate:
            return f"s{node - self.first_state}"
        return f"n{node}"

    def dump(self) -> str:
        """One short line per node, for people and for tests."""
        lines = [
            f"netlist: {self.n_inputs} inputs, {self.n_state} state, "
            f"{self.n_gates} gates (k={self.k}), {len(self.outputs)} outputs"
        ]
        for gate in range(self.n_gates):
            names = ", ".join(self.node_name(int(f)) for f in self.fanin[gate])
            table = int(self.table[gate])
            function = GATES[table].name if self.k == 2 else f"lut[{table:#x}]"
            lines.append(f"n{self.first_gate + gate} = {function}({names})")
        for index, node in enumerate(self.next_state):
            reset = int(self.reset[index])
            lines.append(f"next s{index} = {self.node_name(int(node))} (reset {reset})")
        for index, node in enumerate(self.outputs):
            lines.append(f"{self.output_name(index)} = {self.node_name(int(node))}")
        return "\n".join(lines)


def validate(netlist: Netlist) -> None:
    """Raise InputError, naming the first offender, unless the arrays are a netlist."""
    fanin, table = netlist.fanin, netlist.table
    if netlist.n_inputs < 0:
        raise InputError(f"netlist: n_inputs is {netlist.n_inputs}; it cannot be negative")
    if fanin.ndim != 2 or not 1 <= fanin.shape[1] <= MAX_FANINS:
        raise InputError(
            f"netlist: fanin has shape {fanin.shape}; it must be (gates, k), k up to {MAX_FANINS}"
        )
    if table.shape != fanin.shape[:1]:
        raise InputError(f"netlist: {len(fanin)} gates but table has shape {table.shape}")
    if netlist.reset.shape != netlist.next_state.shape or netlist.next_state.ndim != 1:
        raise InputError(
            f"netlist: {netlist.next_state.shape} next states, {netlist.reset.shape} reset values"
        )
    if netlist.outputs.ndim != 1:
        raise InputError(f"netlist: outputs has shape {netlist.outputs.shape}; it must be flat")
    if netlist.n_nodes > MAX_NODES:
        raise InputError(f"netlist: {netlist.n_nodes} nodes; node ids reach {MAX_NODES - 1}")
    own_id = np.arange(netlist.first_gate, netlist.n_nodes, dtype=np.int32)[:, None]
    wrong = (fanin < 0) | (fanin >= own_id)
    if wrong.any():
        gate, slot = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"netlist: gate n{netlist.first_gate + gate} reads node {fanin[gate, slot]} at fanin "
            f"{slot}; a fanin must be smaller than its gate's own id, and not negative"
        )
    excess = table > np.uint64(table_mask(netlist.k))
    if excess.any():
        gate = int(np.argmax(excess))
        raise InputError(
            f"netlist: gate n{netlist.first_gate + gate} has table {int(table[gate]):#x}, "
            f"more than the {1 << netlist.k} rows of {netlist.k} fanins"
        )
    for what, ids in (("output", netlist.outputs), ("next state", netlist.next_state)):
        wrong = (ids < 0) | (ids >= netlist.n_nodes)
        if wrong.any():
            index = int(np.argmax(wrong))
            raise InputError(
                f"netlist: {what} {index} is node {ids[index]}, but nodes are "
                f"0 to {netlist.n_nodes - 1}"
            )
    for what, names, count in (
        ("input", netlist.input_names, netlist.n_inputs),
        ("output", netlist.output_names, len(netlist.outputs)),
    ):
        if names and len(names) != count:
            raise InputError(f"netlist: {len(names)} {what} names for {count} {what}s")
