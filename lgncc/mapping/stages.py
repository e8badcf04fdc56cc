"""Where the registers of a LUT netlist stand: cuts between LUT levels, as few flip-flops as may be.

A rank of registers after level L holds every value that a LUT of level L or lower makes and a LUT
of a higher level reads. A logic cell is a LUT and a flip-flop behind it: the register of a LUT
whose readers are all behind the rank is in that LUT's own cell and costs nothing; any other, and
each further rank that the value crosses, costs a cell. The last rank is behind the outputs.

The registers of the state are a rank of their own: a next state is taken before them, in the stage
where the deepest is computed, which is the first one if that is fast enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, freeze
from lgncc.netlist import Netlist

_NEVER = 1 << 30  # a level that nothing reaches


@dataclass(frozen=True, eq=False)
class Stages:
    """The stage of each node: how many ranks of registers are between the inputs and its LUT.

    cuts: the level behind which each rank stands, ascending; the last is at the outputs.
    stage: int32 (n_nodes,). hold: int32 (n_nodes,), registers in a row behind each node, so that
    a reader `d` stages later reads the d-th of them. extra_cells: of all `registers`, those that
    share no cell with a LUT. loop: the stage in which all next states are taken. A level that is in
    `cuts` twice has two registers in a row, with nothing but wires between them.
    """

    cuts: tuple[int, ...]
    stage: Ids
    hold: Ids
    extra_cells: int
    loop: int = 0

    def __post_init__(self) -> None:
        freeze(self, stage=np.int32, hold=np.int32)

    @property
    def ranks(self) -> int:
        """Clock cycles from the inputs to the registered outputs."""
        return len(self.cuts)

    @property
    def longest(self) -> int:
        """The most LUTs between two registers."""
        return int(np.diff(self.cuts, prepend=0).max())

    @property
    def relays(self) -> int:
        """Ranks with no LUT between them and the one before, or the inputs."""
        return int((np.diff(self.cuts, prepend=0) == 0).sum())

    def taken(self, luts: Netlist) -> Ids:
        """int32 (roots,): the stage in which each output and each next state is read."""
        return taken_at(luts, self.ranks, self.loop)

    @property
    def registers(self) -> int:
        return int(self.hold.sum())


def plan_stages(luts: Netlist, max_levels: int) -> Stages:
    """The ranks that cost the fewest cells with at most `max_levels` LUTs between two.

    Where two plans cost the same, the one with fewer ranks. The state has as few ranks in its loop
    as these levels allow.
    """
    if max_levels < 1:
        raise ValueError(f"plan_stages: max_levels is {max_levels}; at least 1")
    level, loop = np.arange(luts.depth + 1), _loop_level(luts)
    # A cut below the loop's end is allowed where it makes no more stages of what is below it and
    # above it than there are without it.
    split = -(-level // max_levels) - (-(loop - level) // max_levels)
    allowed = (level >= loop) | (level > 0) & (split == -(-loop // max_levels))
    return with_cuts(luts, _cheapest(_costs(luts), max_levels, allowed))


def with_relays(luts: Netlist, stages: Stages, highest: int) -> Stages:
    """The same with a rank more behind the inputs and each cut up to the level `highest`, for the
    wires there to have a cycle of their own. The loop of the state gets none."""
    again = [cut for cut in {0, *stages.cuts} if _loop_level(luts) <= cut <= highest]
    return with_cuts(luts, tuple(sorted([*stages.cuts, *again])))


def with_cuts(luts: Netlist, cuts: tuple[int, ...]) -> Stages:
    """Ranks behind these levels, two where a level is named twice; the last one must be the depth
    of the netlist."""
    if not cuts or list(cuts) != sorted(cuts) or cuts[0] < 0 or cuts[-1] != luts.depth:
        raise ValueError(f"with_cuts: {cuts} must ascend to the depth, {luts.depth}")
    # A node at level L has passed the ranks behind lower levels.
    stage = np.searchsorted(cuts, luts.level, side="left").astype(np.int32)
    loop = int(np.searchsorted(cuts, _loop_level(luts), side="left"))
    taken = taken_at(luts, len(cuts), loop)
    hold = np.zeros(luts.n_nodes, np.int32)
    reader = stage[luts.first_gate :, None]
    np.maximum.at(hold, luts.fanin, reader - stage[luts.fanin])
    np.maximum.at(hold, luts.roots, taken - stage[luts.roots])
    hold[:2] = 0  # constants are constant in every stage
    free = np.zeros(luts.n_nodes, np.bool_)
    first, _ = _readers(luts)
    free[luts.first_gate :] = True
    free &= (hold > 0) & (first > np.asarray(cuts)[np.minimum(stage, len(cuts) - 1)])
    return Stages(cuts, stage, hold, int(hold.sum() - free.sum()), loop)


def taken_at(luts: Netlist, ranks: int, loop: int) -> Ids:
    """int32 (roots,): behind how many ranks each output and each next state is read."""
    sizes = [len(luts.outputs), luts.n_state]
    return np.repeat(np.array([ranks, loop], np.int32), sizes)


def feed_forward(luts: Netlist) -> Netlist:
    """The netlist with its state as further inputs and its next states as further outputs; all
    nodes keep their ids."""
    return Netlist(luts.n_inputs + luts.n_state, luts.fanin, luts.table, luts.roots)


def _loop_level(luts: Netlist) -> int:
    """Of the deepest next state."""
    return int(luts.level[luts.next_state].max(initial=0))


def _readers(luts: Netlist) -> tuple[Ids, Ids]:
    """The lowest and the highest level (n_nodes,) that reads each node; outputs are read last."""
    first = np.full(luts.n_nodes, _NEVER, np.int32)
    last = np.full(luts.n_nodes, -1, np.int32)
    level = np.broadcast_to(luts.level[luts.first_gate :, None], luts.fanin.shape)
    np.minimum.at(first, luts.fanin, level)
    np.maximum.at(last, luts.fanin, level)
    behind_all = luts.depth + 1
    first[luts.outputs] = np.minimum(first[luts.outputs], behind_all)
    last[luts.outputs] = behind_all
    # A state's own register reads it too, so no other is free.
    first[luts.next_state] = -1
    last[luts.next_state] = np.maximum(last[luts.next_state], _loop_level(luts))
    last[:2] = -1
    return first, last


def _costs(luts: Netlist) -> Integers:
    """cost[p, c]: the cells of a rank behind level c whose predecessor is behind level p - 1.

    Row 0: there is none before. Every crossing value takes a cell, but those free: made since the
    last rank, by a LUT, and read by nobody before this one.
    """
    depth = luts.depth
    # A LUT that no output needs may lie deeper than all that are needed.
    level, first, last = (np.minimum(a, depth + 1) for a in (luts.level, *_readers(luts)))
    level = np.minimum(level, depth)
    crossing = _covering(level, np.maximum(last, level), depth)
    is_lut = np.arange(luts.n_nodes) >= luts.first_gate
    read = is_lut & (last >= 0) & (first > level)
    born = np.zeros((depth + 1, depth + 1), np.int64)  # [level, cut]: free if made at that level
    np.add.at(born, (level[read], level[read]), 1)
    before = np.minimum(first[read], depth + 1)
    within = before <= depth
    np.add.at(born, (level[read][within], before[within]), -1)
    free = born.cumsum(axis=1)
    # Sum over the levels from p up; row p of the result starts at level p.
    since: Integers = free[::-1].cumsum(axis=0)[::-1]
    return crossing[None, :] - since


def _covering(start: Ids, stop: Ids, depth: int) -> Integers:
    """For each cut in 0 .. depth, how many intervals have start <= cut < stop."""
    count = np.zeros(depth + 2, np.int64)
    np.add.at(count, start, 1)
    np.add.at(count, stop, -1)
    return count.cumsum()[: depth + 1]


def _cheapest(cost: Integers, max_levels: int, allowed: Bits) -> tuple[int, ...]:
    """Dynamic programming over the level of the last rank, which is one of the allowed."""
    depth = len(cost) - 1
    total = np.full((depth + 1, 2), np.iinfo(np.int64).max // 2)  # (cells, ranks) so far
    back = np.full(depth + 1, -1)
    for cut in np.flatnonzero(allowed).tolist():
        if cut <= max_levels:
            total[cut] = cost[0, cut], 1
        for previous in range(max(cut - max_levels, 0), cut):
            cells, ranks = total[previous]
            candidate = (cells + cost[previous + 1, cut], ranks + 1)
            if candidate < tuple(total[cut]):
                total[cut], back[cut] = candidate, previous
    cuts = [depth]
    while back[cuts[0]] >= 0:
        cuts.insert(0, int(back[cuts[0]]))
    return tuple(cuts)
