"""Where registers stand: legal, as few as a search over every choice finds, counted right."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import netlists

from lgncc.mapping.stages import plan_stages, with_cuts, with_relays
from lgncc.netlist import Netlist
from lgncc.passes.dead import RemoveDead


def loop_of(netlist):
    """The level of the deepest next state."""
    return max((int(netlist.level[node]) for node in netlist.next_state.tolist()), default=0)


def readers(netlist):
    """For each node, the levels of the LUTs that read it; an output is read behind everything, a
    next state where the deepest is, and its own register keeps others out of its cell."""
    level = netlist.level.tolist()
    found = {node: [] for node in range(netlist.n_nodes)}
    for own, fanin in enumerate(netlist.fanin.tolist(), start=netlist.first_gate):
        for node in fanin:
            found[node].append(level[own])
    for node in netlist.outputs.tolist():
        found[node].append(netlist.depth + 1)
    for node in netlist.next_state.tolist():
        found[node] += [0, loop_of(netlist)]
    return found


def count(netlist, cuts):
    """(registers, those without a LUT's cell) by walking each value through the ranks."""
    registers = extra = 0
    for node, levels in readers(netlist).items():
        if node < 2 or not levels:
            continue
        level = int(netlist.level[node])
        crossed = [cut for cut in cuts if level <= cut < max(levels)]
        registers += len(crossed)
        extra += len(crossed)
        if crossed and node >= netlist.first_gate and min(levels) > crossed[0]:
            extra -= 1
    return registers, extra


def all_cuts(depth):
    for size in range(depth + 1):
        for inner in combinations(range(depth), size):
            yield (*inner, depth)


@settings(max_examples=200, deadline=None)
@given(netlists(k=2, max_gates=12, max_state=2), st.integers(1, 4))
def test_no_legal_choice_of_cuts_costs_fewer_cells(netlist, max_levels):
    netlist = RemoveDead().apply(netlist)
    stages = plan_stages(netlist, max_levels)
    assert (stages.registers, stages.extra_cells) == count(netlist, stages.cuts)
    assert stages.longest <= max_levels

    def in_loop(cuts):
        return sum(cut < loop_of(netlist) for cut in cuts)

    legal = [cuts for cuts in all_cuts(netlist.depth) if max(np.diff((0, *cuts))) <= max_levels]
    fewest = min(map(in_loop, legal))
    assert in_loop(stages.cuts) == fewest
    legal = [cuts for cuts in legal if in_loop(cuts) == fewest]
    best = min((count(netlist, cuts)[1], len(cuts)) for cuts in legal)
    assert (stages.extra_cells, stages.ranks) == best


@settings(max_examples=100, deadline=None)
@given(netlists(k=4, max_gates=20, max_state=2), st.data())
def test_every_reader_finds_what_it_reads_behind_as_many_registers_as_there_are(netlist, data):
    cuts = data.draw(st.sampled_from(list(all_cuts(min(netlist.depth, 6)))))
    assume(cuts[-1] == netlist.depth)
    twice = data.draw(st.lists(st.sampled_from(cuts), unique=True))
    cuts = tuple(sorted([*cuts, *twice]))
    stages = with_cuts(netlist, cuts)
    assert (stages.registers, stages.extra_cells) == count(netlist, cuts)
    for own, fanin in enumerate(netlist.fanin.tolist(), start=netlist.first_gate):
        for node in (f for f in fanin if f > 1):
            assert 0 <= stages.stage[own] - stages.stage[node] <= stages.hold[node]
    in_loop = sum(cut < loop_of(netlist) for cut in cuts)
    outputs, state = len(netlist.outputs), netlist.n_state
    assert stages.taken(netlist).tolist() == [len(cuts)] * outputs + [in_loop] * state
    for node, taken in zip(netlist.roots.tolist(), stages.taken(netlist).tolist(), strict=True):
        assert node < 2 or 0 <= taken - stages.stage[node] <= stages.hold[node]
    assert all(stages.stage[n] == 0 for n in range(netlist.first_state, netlist.first_gate))


def chain(length, **state):
    """LUT i reads LUT i - 1 and input 1."""
    first = 4 + len(state.get("next_state", ()))
    fanin = [[first + i - 1 if i else 2, 3] for i in range(length)]
    return Netlist(2, fanin, [0x6] * length, [first + length - 1], **state)


def test_a_chain_is_cut_evenly_and_its_late_input_is_carried_along():
    stages = plan_stages(chain(6), 3)
    assert stages.cuts == (3, 6)
    # the chain itself is free; input 1 takes a flip-flop
    assert (stages.registers, stages.extra_cells) == (3, 1)


def test_constants_need_no_registers():
    stages = with_cuts(Netlist(1, [[2, 1], [3, 1]], [0x6, 0x8], [4, 0, 1]), (1, 2))
    assert stages.hold.tolist() == [0, 0, 0, 1, 1]


def test_a_network_without_luts_has_one_rank():
    stages = plan_stages(Netlist(2, np.zeros((0, 2)), [], [3, 2, 2]), 4)
    assert (stages.cuts, stages.registers, stages.extra_cells) == ((0,), 2, 2)


def test_state_has_as_few_ranks_in_its_loop_as_the_levels_allow():
    loop = chain(5, next_state=[9], reset=[False])
    assert [plan_stages(loop, levels).taken(loop).tolist() for levels in (5, 4, 3, 2)] == [
        [1, 0],
        [2, 1],
        [2, 1],
        [3, 2],
    ]


def test_wires_get_ranks_of_their_own_behind_the_inputs_and_the_lower_cuts():
    plain = plan_stages(chain(4), 1)
    relayed = with_relays(chain(4), plain, 2)
    assert relayed.cuts == (0, 1, 1, 2, 2, 3, 4)
    assert (plain.relays, relayed.relays, relayed.longest) == (0, 3, 1)
    # input 0 and both LUTs below wait one cycle more, and input 1 three, as it is read up to LUT 3
    assert relayed.registers == plain.registers + 1 + 1 + 1 + 3


def test_the_loop_of_a_state_gets_no_rank_for_wires():
    loop = chain(5, next_state=[8], reset=[False])  # the next state is at level 4
    plain = plan_stages(loop, 1)
    relayed = with_relays(loop, plain, 5)
    assert relayed.cuts == (1, 2, 3, 4, 4, 5, 5)
    assert (relayed.loop, plain.loop) == (3, 3)


def test_cuts_that_cannot_be_are_refused():
    for cuts in ((), (2,), (3, 2), (2, 2, 1, 3), (-1, 3), (4,)):
        with pytest.raises(ValueError, match="must ascend"):
            with_cuts(chain(3), cuts)
