"""Order a dependency graph that a file gives in no particular order, as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Nodes = npt.NDArray[np.int64]


def levelize(n: int, producer: Nodes, consumer: Nodes) -> Nodes:
    """The level of each of n nodes: 0 without producers, else 1 + the highest producer's.

    producer, consumer: (edges,), an edge each; edges may repeat. Nodes on a cycle, or
    behind one, get level -1. One numpy step a level (Kahn's algorithm over frontiers).
    """
    waiting = np.bincount(consumer, minlength=n)
    order = np.argsort(producer, kind="stable")
    consumers = consumer[order]
    first = np.searchsorted(producer[order], np.arange(n + 1))
    level = np.full(n, -1, np.int64)
    frontier = np.flatnonzero(waiting == 0)
    depth = 0
    while len(frontier):
        level[frontier] = depth
        counts = first[frontier + 1] - first[frontier]
        # The edges of all frontier nodes, as one index array.
        starts = np.repeat(first[frontier] - np.cumsum(counts) + counts, counts)
        reached = consumers[starts + np.arange(len(starts))]
        ready, times = np.unique(reached, return_counts=True)
        waiting[ready] -= times
        frontier = ready[waiting[ready] == 0]
        depth += 1
    return level


def find_cycle(level: Nodes, producer: Nodes, consumer: Nodes) -> list[int]:
    """A cycle among the nodes that `levelize` left at -1, in the order of the data's way."""
    stuck = (level[producer] < 0) & (level[consumer] < 0)
    behind = dict(zip(consumer[stuck].tolist(), producer[stuck].tolist(), strict=True))
    node = next(iter(behind))
    seen: dict[int, int] = {}
    walk: list[int] = []
    while node not in seen:
        seen[node] = len(walk)
        walk.append(node)
        node = behind[node]
    return walk[seen[node] :][::-1]
