"""A cut's table of its nodes is the gate's function."""

from itertools import product

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgncc.builder import NetlistBuilder
from lgncc.mapping.cuts import cuts, expandable
from lgncc.mapping.front import without_wires
from lgncc.netlist import Netlist

N_INPUTS = 4


def two_layers(seed):
    """Gates of all kinds: six of four inputs, then eight of those and the inputs."""
    rng = np.random.default_rng(seed)
    builder = NetlistBuilder(N_INPUTS)
    below = builder.inputs
    for size in (6, 8):
        layer = builder.gates(rng.integers(0, 16, size), *rng.choice(below, (2, size)))
        below = np.concatenate([below, layer])
    return builder.finish(layer)


def values_of(netlist: Netlist, inputs):
    """Of all nodes."""
    every = list(range(netlist.n_nodes))
    arrays = (netlist.n_inputs, netlist.fanin.tolist(), netlist.table.tolist())
    return naive.evaluate(*arrays, every, inputs, [])


@given(st.integers(0, 1 << 20), st.integers(0, 9), st.sampled_from((3, 5)))
def test_a_gate_is_the_table_of_its_cut(seed, expand_below, most):
    front = two_layers(seed)
    gate = np.unique(front.outputs)
    cut = cuts(front, gate, expand_below, most)
    assert (cut.count >= 2).all()
    assert (cut.count <= most).all()
    for inputs in product((0, 1), repeat=N_INPUTS):
        value = values_of(front, inputs)
        for index, own in enumerate(gate.tolist()):
            read = [value[node] for node in cut.node[index, : cut.count[index]].tolist()]
            row = sum(bit << slot for slot, bit in enumerate(read))
            assert int(cut.table[index]) >> row & 1 == value[own]


def test_a_gate_of_inputs_that_few_read_is_expanded():
    builder = NetlistBuilder(4)
    low = builder.gates([0x8, 0x6], builder.inputs[[0, 2]], builder.inputs[[1, 3]])
    top = builder.gates([0x8, 0xE, 0x6], low[[0, 0, 0]], [int(low[1]), 2, 3])
    front = builder.finish(top)
    assert np.flatnonzero(expandable(front, top, 2)).tolist() == [low[1]]
    assert cuts(front, top, 2, 3).count.tolist() == [3, 2, 2]
    assert cuts(front, top, 4, 3).count.tolist() == [2, 3, 3]  # both would be too many
    assert cuts(front, top, 4, 5).count.tolist() == [4, 3, 3]


@pytest.mark.parametrize("seed", range(20))
def test_without_wires_every_node_keeps_its_value(seed):
    front = two_layers(seed)
    same, node = without_wires(front, np.arange(front.n_nodes, dtype=np.int32))
    for inputs in product((0, 1), repeat=N_INPUTS):
        before, after = values_of(front, inputs), values_of(same, inputs)
        assert [after[moved] for moved in node.tolist()] == before
