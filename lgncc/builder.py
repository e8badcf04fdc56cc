"""Build a two-input netlist a layer at a time: arrays in, node ids out.

Frontends append whole layers; wider lookup tables are decomposed on the way, so that
what leaves is always k = 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Tables
from lgncc.decomposition import append_tables
from lgncc.netlist import MAX_FANINS, Netlist


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
        that carry the results.
        """
        tables = np.atleast_1d(np.asarray(table, np.uint64))
        fanins = np.asarray(fanin, np.int32)
        if fanins.shape[1] > MAX_FANINS:
            raise ValueError(f"a lookup table of {fanins.shape[1]} fanins: at most {MAX_FANINS}")
        return append_tables(self, tables, fanins)

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
