"""Netlist: validation, levels, and the print."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies import netlists

from lgncc import netlist as module
from lgncc.errors import InputError
from lgncc.netlist import Netlist, table_mask


def make(**changes):
    """Two inputs, one state bit, two gates, two outputs; ids up to 6."""
    fields = {
        "n_inputs": 2,
        "fanin": [[2, 3], [5, 4]],
        "table": [0x8, 0x6],
        "outputs": [6, 2],
        "next_state": [5],
        "reset": [True],
    }
    return Netlist(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_inputs": -1}, "n_inputs is -1; it cannot be negative"),
        ({"fanin": [2, 3]}, "fanin has shape (2,); it must be (gates, k), k up to 6"),
        ({"fanin": np.zeros((2, 7))}, "fanin has shape (2, 7); it must be (gates, k), k up to 6"),
        ({"fanin": np.zeros((2, 0))}, "fanin has shape (2, 0); it must be (gates, k), k up to 6"),
        ({"table": [8]}, "2 gates but table has shape (1,)"),
        ({"table": [[8, 6]]}, "2 gates but table has shape (1, 2)"),
        ({"table": 8}, "2 gates but table has shape ()"),
        ({"reset": []}, "(1,) next states, (0,) reset values"),
        (
            {"next_state": [[5]], "reset": [[True]]},
            "(1, 1) next states, (1, 1) reset values",
        ),
        ({"outputs": [[6, 2]]}, "outputs has shape (1, 2); it must be flat"),
        (
            {"fanin": [[2, 3], [6, 4]]},
            "gate n6 reads node 6 at fanin 0; a fanin must be smaller than its gate's own id, "
            "and not negative",
        ),
        (
            {"fanin": [[2, -1], [5, 9]]},
            "gate n5 reads node -1 at fanin 1; a fanin must be smaller than its gate's own id, "
            "and not negative",
        ),
        ({"table": [0x8, 0x10]}, "gate n6 has table 0x10, more than the 4 rows of 2 fanins"),
        ({"outputs": [6, 7]}, "output 1 is node 7, but nodes are 0 to 6"),
        ({"outputs": [-1]}, "output 0 is node -1, but nodes are 0 to 6"),
        ({"next_state": [7]}, "next state 0 is node 7, but nodes are 0 to 6"),
        ({"input_names": ("a",)}, "1 input names for 2 inputs"),
        ({"output_names": ("a", "b", "c")}, "3 output names for 2 outputs"),
        ({"n_inputs": 2**31}, "2147483653 nodes; node ids reach 2147483647"),
    ],
)
def test_a_malformed_netlist_is_refused_with_the_offender(changes, message):
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert str(caught.value) == f"netlist: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": np.array([2**32 + 6])}, "outputs has 4294967302, which int32 cannot hold"),
        ({"fanin": np.array([[2.5, 3], [5, 4]])}, "fanin has 2.5, which int32 cannot hold"),
        ({"table": np.array([-8, 6])}, "table has -8, which uint64 cannot hold"),
    ],
)
def test_a_number_that_its_array_cannot_hold_is_refused_and_never_wraps(changes, message):
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert str(caught.value) == message


def test_arrays_are_read_only_copies():
    mine = np.array([6, 2], np.int32)
    netlist = make(outputs=mine)
    mine[0] = 0
    assert netlist.outputs.tolist() == [6, 2]
    for name in ("fanin", "table", "outputs", "next_state", "reset", "level"):
        array = getattr(netlist, name)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_table_mask_is_all_rows():
    assert [table_mask(k) for k in (1, 2, 6)] == [0b11, 0b1111, 0xFFFF_FFFF_FFFF_FFFF]


def test_a_sequential_netlist_prints_a_line_per_node():
    assert make(input_names=("x", "y"), output_names=("carry", "q")).dump().splitlines() == [
        "netlist: 2 inputs, 1 state, 2 gates (k=2), 2 outputs",
        "n5 = and(x, y)",
        "n6 = xor(n5, s0)",
        "next s0 = n5 (reset 1)",
        "carry = n6",
        "q = x",
    ]


def test_a_mapped_netlist_prints_its_tables():
    netlist = Netlist(3, [[2, 3, 4, 0], [5, 1, 1, 2]], [0x8000, 0x1], [6, 5, 1])
    assert netlist.dump().splitlines() == [
        "netlist: 3 inputs, 0 state, 2 gates (k=4), 3 outputs",
        "n5 = lut[0x8000](i0, i1, i2, 0)",
        "n6 = lut[0x1](n5, 1, 1, i0)",
        "o0 = n6",
        "o1 = n5",
        "o2 = 1",
    ]


def naive_levels(netlist):
    levels = [0] * netlist.first_gate
    for fanin in netlist.fanin.tolist():
        levels.append(1 + max(levels[f] for f in fanin))
    return levels


def check_levels(netlist):
    levels = naive_levels(netlist)
    assert netlist.level.tolist() == levels
    roots = [*netlist.outputs, *netlist.next_state]
    assert netlist.depth == max([levels[node] for node in roots], default=0)
    by_level = [ids.tolist() for ids in netlist.by_level()]
    expected = [
        [node for node in range(netlist.first_gate, netlist.n_nodes) if levels[node] == level]
        for level in range(1, max(levels) + 1)
    ]
    assert by_level == expected


@given(netlists(max_state=2, max_gates=30))
def test_levels_are_one_above_the_highest_fanin(netlist):
    check_levels(netlist)


@given(netlists(k=4, max_state=2))
def test_levels_of_wide_gates_are_one_above_the_highest_fanin(netlist):
    check_levels(netlist)


@pytest.mark.parametrize("length", [module.LEVEL_BLOCK + d for d in (-1, 0, 1, 700)])
def test_levels_of_a_chain_do_not_end_at_a_block_of_levelization(length):
    previous = np.arange(3, 3 + length)
    fanin = np.stack([previous - 1, previous - 1], axis=1)
    fanin[0] = 2
    netlist = Netlist(1, fanin, np.full(length, 5), [2 + length])
    assert netlist.depth == length
    assert [ids.tolist() for ids in netlist.by_level()] == [[3 + i] for i in range(length)]


def test_levels_are_right_where_blocks_read_each_other(monkeypatch):
    monkeypatch.setattr(module, "LEVEL_BLOCK", 3)
    rng = np.random.default_rng(1)
    fanin = [[rng.integers(0, 6 + g), rng.integers(max(0, 2 + g), 6 + g)] for g in range(200)]
    check_levels(Netlist(4, fanin, np.full(200, 8), [205]))
