"""The order of evaluation: a plain interpreter that keeps slots answers as the naive one."""

from __future__ import annotations

import numpy as np
from exhaustive import answers, samples
from hypothesis import given
from strategies import netlists

from lgncc.builder import NetlistBuilder
from lgncc.schedule import Schedule


def run(schedule, bits):
    """Outputs and next states of one sample, gate by gate over the slots."""
    value = [0, 1, *bits] + [None] * schedule.n_slots
    start = 0
    for table, end in zip(schedule.table.tolist(), schedule.end.tolist(), strict=True):
        for a, b, result in schedule.gates[start:end].tolist():
            value[result] = table >> (value[a] + 2 * value[b]) & 1
        start = end
    assert start == len(schedule.gates)
    return [value[slot] for slot in [*schedule.outputs, *schedule.next_state]]


@given(netlists(max_state=2))
def test_a_schedule_computes_the_netlist(netlist):
    schedule = Schedule.of(netlist)
    rows = samples(netlist.n_inputs + netlist.n_state)
    assert [run(schedule, bits) for bits in rows] == answers(netlist)


def test_a_chain_needs_two_slots():
    builder = NetlistBuilder(2)
    link = builder.inputs[:1]
    for _ in range(50):
        link = builder.gates(0x7, link, builder.inputs[1])
    assert Schedule.of(builder.finish(link)).n_slots <= 2 + 2 + 2


def test_a_run_is_one_function_of_one_level():
    builder = NetlistBuilder(2)
    a, b = builder.inputs
    below = builder.gates([8, 6, 8], a, b)
    schedule = Schedule.of(builder.finish(builder.gates([6, 6], below[:2], below[2])))
    assert schedule.table.tolist() == [6, 8, 6]
    assert schedule.end.tolist() == [1, 3, 5]


def test_outputs_and_state_stay_until_the_end():
    builder = NetlistBuilder(1, 1)
    first = builder.gates(0x5, builder.inputs, 0)
    second = builder.gates(0x6, first, builder.state)
    netlist = builder.finish([*first, *second], next_state=second, reset=[0])
    schedule = Schedule.of(netlist)
    slots = [*schedule.outputs.tolist(), netlist.first_state, 0, 1]
    assert len(set(slots)) == len(slots)
    assert np.array_equal(schedule.next_state, schedule.outputs[1:])
