"""Build a two-input netlist a layer at a time: arrays in, node ids out.

Frontends append whole layers; wider lookup tables are decomposed on the way, so that
what leaves is always k = 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Tables
from lgncc.gates import AND, XOR
from lgncc.netlist import MAX_FANINS, Netlist, table_mask


class NetlistBuilder:
    """Appends gates to a growing netlist; `finish` freezes it."""

    def __init__(self, n_inputs: int, n_state: int = 0) -> None:
        self.inputs: Ids = np.arange(2, 2 + n_inputs, dtype=np.int32)
        self.state: Ids = np.arange(2 + n_inputs, 2 + n_inputs + n_state, dtype=np.int32)
        self._next_id = 2 + n_inputs + n_state
        self._fanins: list[Ids] = []
        self._tables: list[Tables] = []

    @property
    def next_id(self) -> int:
        """The node that is appended next."""
        return self._next_id

    def gates(self, table: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> Ids:
        """Append n two-input gates; the arguments broadcast to (n,). Returns their ids."""
        table, a, b = np.broadcast_arrays(np.atleast_1d(table), a, b)
        ids = np.arange(self._next_id, self._next_id + len(table), dtype=np.int32)
        self._next_id += len(table)
        self._fanins.append(np.stack([a, b], axis=1).astype(np.int32))
        self._tables.append(table.astype(np.uint64))
        return ids

    def luts(self, table: npt.ArrayLike, fanin: npt.ArrayLike) -> Ids:
        """Append n lookup tables of k <= 6 fanins, decomposed into two-input gates.

        table: uint64 (n,); fanin: node ids (n, k). Returns the ids (n,) of the nodes
        that carry the results. Shannon expansion on the highest fanin; a mux whose
        cofactors are constant, equal or complementary becomes a single gate or none.
        """
        tables = np.atleast_1d(np.asarray(table, np.uint64))
        fanins = np.asarray(fanin, np.int32)
        k = fanins.shape[1]
        if k > MAX_FANINS:
            raise ValueError(f"a lookup table of {k} fanins: at most {MAX_FANINS}")
        if k == 0:
            constants: Ids = (tables & np.uint64(1)).astype(np.int32)
            return constants
        full = np.uint64(table_mask(k))
        ids: Ids = (tables == full).astype(np.int32)  # nodes 0 and 1 are the constants
        live = np.flatnonzero((tables != 0) & (tables != full))
        if not len(live):
            return ids
        if k == 1:
            # x or ~x, as a gate that ignores its second fanin.
            invert = tables[live] == 1
            ids[live] = fanins[live, 0]
            ids[live[invert]] = self.gates(0x5, fanins[live[invert], 0], 0)
            return ids
        if k == 2:
            ids[live] = self.gates(tables[live], fanins[live, 0], fanins[live, 1])
            return ids
        ids[live] = self._mux_cofactors(tables[live], fanins[live], k)
        return ids

    def _mux_cofactors(self, tables: Tables, fanins: Ids, k: int) -> Ids:
        half = np.uint64(1 << (k - 1))
        full = np.uint64(table_mask(k - 1))
        lo, hi = tables & full, tables >> half
        select = fanins[:, k - 1]
        ids = np.empty(len(tables), np.int32)

        def place(where: Bits, rows: Tables, gate: int) -> None:
            """out = gate(cofactor `rows`, select), for the nodes of `where`."""
            if where.any():
                below = self.luts(rows[where], fanins[where, : k - 1])
                ids[where] = self.gates(gate, below, select[where])

        same = lo == hi
        ids[same] = self.luts(lo[same], fanins[same, : k - 1])
        todo = ~same
        for where, rows, gate in (
            (hi == (lo ^ full), lo, 0x6),  # lo ^ select
            (lo == 0, hi, 0x8),  # hi & select
            (lo == full, hi, 0xB),  # hi | ~select
            (hi == 0, lo, 0x2),  # lo & ~select
            (hi == full, lo, 0xE),  # lo | select
        ):
            place(todo & where, rows, gate)
            todo &= ~where
        if todo.any():
            below = fanins[todo, : k - 1]
            if_clear = self.luts(lo[todo], below)
            difference = self.luts(lo[todo] ^ hi[todo], below)
            flip = self.gates(AND, difference, select[todo])
            ids[todo] = self.gates(XOR, if_clear, flip)
        return ids

    def finish(
        self,
        outputs: npt.ArrayLike,
        *,
        next_state: npt.ArrayLike = (),
        reset: npt.ArrayLike = (),
        input_names: tuple[str, ...] = (),
        output_names: tuple[str, ...] = (),
    ) -> Netlist:
        """The netlist of everything appended. Raises InputError where ids are out of range."""
        return Netlist(
            n_inputs=len(self.inputs),
            fanin=np.concatenate([*self._fanins, np.zeros((0, 2), np.int32)]),
            table=np.concatenate([*self._tables, np.zeros(0, np.uint64)]),
            outputs=np.asarray(outputs, np.int32),
            next_state=np.asarray(next_state, np.int32),
            reset=np.asarray(reset, np.bool_),
            input_names=input_names,
            output_names=output_names,
        )


def to_two_input(netlist: Netlist) -> Netlist:
    """The same functions as a k = 2 netlist, decomposed level by level."""
    if netlist.k == 2:
        return netlist
    builder = NetlistBuilder(netlist.n_inputs, netlist.n_state)
    renamed = np.arange(netlist.n_nodes, dtype=np.int32)
    for ids in netlist.by_level():
        gates = ids - netlist.first_gate
        renamed[ids] = builder.luts(netlist.table[gates], renamed[netlist.fanin[gates]])
    return builder.finish(
        renamed[netlist.outputs],
        next_state=renamed[netlist.next_state],
        reset=netlist.reset,
        input_names=netlist.input_names,
        output_names=netlist.output_names,
    )
