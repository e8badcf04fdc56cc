"""Fold: constants, wires and inverters absorbed, x·x and x·¬x simplified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.gates import BUF_A, BUF_B, CONST0, CONST1, FIX_A0, FIX_B0, NOT_A, NOT_B, TIE_B_TO_A
from lgncc.netlist import Netlist
from lgncc.passes.literals import absorb, identity, rebuild


@dataclass(frozen=True)
class Fold:
    """One sweep from the inputs up: a gate that is a constant or a literal is bypassed.

    Afterwards every live gate depends on both of its fanins, except for an inverter of
    an input or state bit that drives an output. Takes k = 2.
    """

    name = "fold"

    def apply(self, netlist: Netlist) -> Netlist:
        literal = identity(netlist)
        fanin = netlist.fanin.copy()
        table = netlist.table.astype(np.uint8)
        for ids in netlist.by_level():
            gates = ids - netlist.first_gate
            t, a, b = absorb(table[gates], *literal[fanin[gates]].T)
            t = np.where(a == 0, FIX_A0[t], t)
            t = np.where(b == 0, FIX_B0[t], t)
            t = np.where(a == b, TIE_B_TO_A[t], t)
            fanin[gates, 0], fanin[gates, 1], table[gates] = a, b, t
            # The literal that each function of at most one fanin is.
            literal[ids] = np.select(
                [t == CONST0, t == CONST1, t == BUF_A, t == NOT_A, t == BUF_B, t == NOT_B],
                [0, 1, 2 * a, 2 * a + 1, 2 * b, 2 * b + 1],
                literal[ids],
            )
        return rebuild(netlist, fanin, table, literal)
