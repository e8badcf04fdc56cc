"""RemoveDead: gates that no output and no next state depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.netlist import Netlist


@dataclass(frozen=True)
class RemoveDead:
    """Keep what the roots reach, and close the gaps in the numbering. Any k."""

    name = "dead"

    def apply(self, netlist: Netlist) -> Netlist:
        used = np.zeros(netlist.n_nodes, np.bool_)
        used[netlist.roots] = True
        for ids in reversed(list(netlist.by_level())):
            used[netlist.fanin[ids[used[ids]] - netlist.first_gate]] = True
        used[: netlist.first_gate] = True  # ports stay, read or not
        renumbered = (np.cumsum(used) - 1).astype(np.int32)
        gates = np.flatnonzero(used[netlist.first_gate :])
        return replace(
            netlist,
            fanin=renumbered[netlist.fanin[gates]],
            table=netlist.table[gates],
            outputs=renumbered[netlist.outputs],
            next_state=renumbered[netlist.next_state],
        )
