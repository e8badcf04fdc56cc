"""PruneState: only the state bits that an answer depends on, now or some steps later."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.arrays import Bits
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.dead import RemoveDead


@dataclass(frozen=True)
class PruneState:
    """LogicModel to LogicModel: state bits that nothing reads go, and so do those that only such
    bits read, with the gates of both.

    Where no answer depends on any, all stay: `first` is part of the model's interface.
    """

    name = "state"

    def apply(self, model: LogicModel) -> LogicModel:
        netlist = model.netlist
        live = live_state(netlist)
        if live.all() or not live.any():
            return model
        # Below the gates RemoveDead keeps all ids, and no gate that it leaves reads what goes.
        used = RemoveDead().apply(replace(netlist, next_state=netlist.next_state * live))
        kept = np.ones(used.n_nodes, np.bool_)
        kept[netlist.first_state : netlist.first_gate] = live
        ids = (np.cumsum(kept) - 1).astype(np.int32)
        pruned = replace(
            used,
            fanin=ids[used.fanin],
            outputs=ids[used.outputs],
            next_state=ids[used.next_state[live]],
            reset=netlist.reset[live],
        )
        return replace(model, netlist=pruned)


def live_state(netlist: Netlist) -> Bits:
    """bool (n_state,): what an output depends on."""
    levels = list(netlist.by_level())
    used = np.zeros(netlist.n_nodes, np.bool_)
    used[netlist.outputs] = True
    state = slice(netlist.first_state, netlist.first_gate)
    while True:
        before = used[state].copy()
        used[netlist.next_state[before]] = True
        for ids in reversed(levels):
            used[netlist.fanin[ids[used[ids]] - netlist.first_gate]] = True
        if np.array_equal(used[state], before):
            return before
