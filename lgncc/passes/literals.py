"""What Fold and Strash share: nodes renamed to literals, and a netlist rebuilt from that.

A literal is 2 * node + complement. Gates absorb complements in their tables, so only a
root (an output or a next state) can ask for a node's complement; it then gets a gate
of its own, the twin of the original with its table complemented, and no level deeper.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Integers
from lgncc.gates import COMPLEMENT_A, COMPLEMENT_B, NOT_A
from lgncc.netlist import Netlist

SmallTables = npt.NDArray[np.uint8]


def identity(netlist: Netlist) -> Integers:
    """Each node as its own literal; constant 1 as the complement of constant 0."""
    literal = 2 * np.arange(netlist.n_nodes, dtype=np.int64)
    literal[1] = 1
    return literal


def absorb(table: SmallTables, a: Integers, b: Integers) -> tuple[SmallTables, Integers, Integers]:
    """Gates of literal fanins as gates of node fanins: complements move into the tables."""
    table = np.where(a & 1, COMPLEMENT_A[table], table)
    table = np.where(b & 1, COMPLEMENT_B[table], table)
    return table, a >> 1, b >> 1


def rebuild(netlist: Netlist, fanin: Ids, table: SmallTables, literal: Integers) -> Netlist:
    """`netlist` with new gates in the same places and its roots moved to `literal`.

    Gates that nothing reads any more stay, for RemoveDead to take.
    """
    roots = literal[netlist.roots]
    nodes = (roots >> 1).astype(np.int32)
    nodes[roots == 1] = 1
    inverted = (roots & 1 == 1) & (roots != 1)
    originals, twin = np.unique(nodes[inverted], return_inverse=True)
    nodes[inverted] = netlist.n_nodes + twin

    is_gate = originals >= netlist.first_gate
    gate = np.where(is_gate, originals - netlist.first_gate, 0)
    twin_fanin = np.where(
        is_gate[:, None], fanin[gate], np.stack([originals, np.zeros_like(originals)], axis=1)
    )
    twin_table = np.where(is_gate, table[gate] ^ 0xF, NOT_A)
    return replace(
        netlist,
        fanin=np.concatenate([fanin, twin_fanin]),
        table=np.concatenate([table, twin_table]).astype(np.uint64),
        outputs=nodes[: len(netlist.outputs)],
        next_state=nodes[len(netlist.outputs) :],
    )
