"""Levels and cycles of graphs given as edges, against a memoized walk."""

from __future__ import annotations

import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgncc.graph import find_cycle, levelize


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 12))
    node = st.integers(0, n - 1)
    edges = draw(st.lists(st.tuples(node, node), max_size=24))
    producer, consumer = ([e[side] for e in edges] for side in (0, 1))
    return n, np.array(producer, np.int64), np.array(consumer, np.int64)


def naive_levels(n, producer, consumer):
    """The longest walk that ends in each node; -1 where walks never end."""
    behind = [[] for _ in range(n)]
    for p, c in zip(producer.tolist(), consumer.tolist(), strict=True):
        behind[c].append(p)

    def longest(node, path):
        if node in path:
            return -1
        below = [longest(p, path | {node}) for p in behind[node]]
        return -1 if -1 in below else 1 + max(below, default=-1)

    return [longest(node, frozenset()) for node in range(n)]


@given(graphs())
def test_a_level_is_the_longest_way_and_minus_one_behind_a_cycle(graph):
    expected = naive_levels(*graph)
    assert levelize(*graph).tolist() == expected


@given(graphs())
def test_a_found_cycle_is_a_closed_walk_along_edges_without_repeats(graph):
    n, producer, consumer = graph
    level = levelize(n, producer, consumer)
    if (level >= 0).all():
        return
    cycle = find_cycle(level, producer, consumer)
    edges = set(zip(producer.tolist(), consumer.tolist(), strict=True))
    assert len(set(cycle)) == len(cycle) >= 1
    for source, to in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        assert (source, to) in edges


def test_a_graph_of_no_nodes_has_no_levels():
    nothing = np.zeros(0, np.int64)
    assert levelize(0, nothing, nothing).tolist() == []


def test_a_chain_deeper_than_the_recursion_limit_is_levelized():
    n = 2 * sys.getrecursionlimit()
    nodes = np.arange(n)
    assert levelize(n, nodes[1:], nodes[:-1]).tolist() == list(range(n - 1, -1, -1))
