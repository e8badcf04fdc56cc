"""Strash: structural hashing; gates equal up to a complement become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.gates import SWAP
from lgncc.netlist import Netlist
from lgncc.passes.literals import absorb, identity, rebuild

NODE_BITS = 30  # two node ids and a table share a 64-bit key


@dataclass(frozen=True)
class Strash:
    """One sweep from the inputs up: of gates with the same fanins and table, one stays.

    Fanin order does not matter, and a complemented twin counts as equal: its readers
    take the complement into their own tables. Gates with equal fanins are on the same
    level, so a level is hashed at a time. Takes k = 2.
    """

    name = "strash"

    def apply(self, netlist: Netlist) -> Netlist:
        assert netlist.n_nodes < 1 << NODE_BITS, "more nodes than the hash key holds"
        literal = identity(netlist)
        fanin = netlist.fanin.copy()
        table = netlist.table.astype(np.uint8)
        for ids in netlist.by_level():
            gates = ids - netlist.first_gate
            t, a, b = absorb(table[gates], *literal[fanin[gates]].T)
            fanin[gates, 0], fanin[gates, 1], table[gates] = a, b, t
            # Normal form: lower fanin first, and 0 in row 0.
            t = np.where(a > b, SWAP[t], t)
            a, b = np.minimum(a, b), np.maximum(a, b)
            complement = (t & 1).astype(np.int64)
            t = np.where(complement == 1, t ^ 0xF, t)
            key = (a << (NODE_BITS + 4)) | (b << 4) | t
            _, first, same = np.unique(key, return_index=True, return_inverse=True)
            keeper = first[same]  # ids ascend, so it is the lowest and comes before its readers
            literal[ids] = 2 * ids[keeper].astype(np.int64) + (complement ^ complement[keeper])
        return rebuild(netlist, fanin, table, literal)
