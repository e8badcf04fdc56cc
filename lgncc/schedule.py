"""An order in which to evaluate a netlist, and where each value is kept meanwhile.

For the interpreter and for C: gates sorted by level and truth table into runs of one
function, and as few slots for values as that order allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.builder import to_two_input
from lgncc.netlist import Netlist


@dataclass(frozen=True, eq=False)
class Schedule:
    """A two-input netlist, ready to be run from its first gate to its last.

    Constants, inputs and state are in the slots of their node ids, the gates' results
    wherever a value is no longer needed; outputs and next states stay until the end.

    netlist: k = 2; table: int32 (runs,); end: int64 (runs,), one past a run's last gate;
    gates: int32 (n, 3), the slots of fanin 0, fanin 1 and the result; outputs: int32
    (m,), next_state: int32 (s,), slots.
    """

    netlist: Netlist
    table: Ids
    end: Integers
    gates: Ids
    outputs: Ids
    next_state: Ids
    n_slots: int

    @classmethod
    def of(cls, netlist: Netlist) -> Schedule:
        """Takes any k: wider tables are decomposed."""
        netlist = to_two_input(netlist)
        level = netlist.level[netlist.first_gate :]
        order = np.lexsort((netlist.table, level))
        table = netlist.table[order].astype(np.int32)
        new = (np.diff(table, append=-1) != 0) | (np.diff(level[order], append=-1) != 0)
        end = np.flatnonzero(new) + 1
        own = (netlist.first_gate + order).astype(np.int32)
        slot, n_slots = _allocate(netlist, own, end)
        return cls(
            netlist=netlist,
            table=table[end - 1],
            end=end,
            gates=slot[np.concatenate([netlist.fanin[order], own[:, None]], axis=1)],
            outputs=slot[netlist.outputs],
            next_state=slot[netlist.next_state],
            n_slots=n_slots,
        )


def _allocate(netlist: Netlist, own: Ids, end: Integers) -> tuple[Ids, int]:
    """The slot int32 (n_nodes,) of every node, and how many there are.

    A slot is free again behind the last run that reads its node.
    """
    n_runs, first_gate = len(end), netlist.first_gate
    run = np.repeat(np.arange(n_runs), np.diff(end, prepend=0))
    last = np.zeros(netlist.n_nodes, np.int64)
    last[own] = run  # what nobody reads
    last[netlist.fanin[own - first_gate]] = run[:, None]  # ascending: the last one stays
    last[netlist.roots] = n_runs
    last[:2] = n_runs
    last[netlist.first_state : first_gate] = n_runs
    leaving = np.argsort(last, kind="stable")
    bound = np.searchsorted(last[leaving], np.arange(n_runs + 1))

    slot = np.arange(netlist.n_nodes, dtype=np.int32)
    empty = np.empty(netlist.n_nodes, np.int32)  # a stack
    n_empty, n_slots, start = 0, first_gate, 0
    for index, stop in enumerate(end.tolist()):
        reused = min(stop - start, n_empty)
        fresh = stop - start - reused
        n_empty -= reused
        slot[own[start : start + reused]] = empty[n_empty : n_empty + reused]
        slot[own[start + reused : stop]] = np.arange(n_slots, n_slots + fresh, dtype=np.int32)
        n_slots += fresh
        left = slot[leaving[bound[index] : bound[index + 1]]]
        empty[n_empty : n_empty + len(left)] = left
        n_empty += len(left)
        start = stop
    return slot, n_slots
