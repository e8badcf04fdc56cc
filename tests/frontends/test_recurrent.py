"""Recurrent cells: they answer as the restated step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import group_scores, winner
from recurrent_cells import OPERATORS, STACKS, build, facts_of, read, sequences, stack_of, unroll

from lgncc.errors import InputError
from lgncc.golden import predict


@pytest.mark.parametrize("kind", STACKS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_random_cells_answer_as_the_restated_step(tmp_path_factory, kind, data):
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    n_inputs, hidden = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
    state = build(kind, n_inputs, hidden, data.draw(st.integers(1, 3)), rng)
    x = sequences(n_inputs)
    model = read(state, tmp_path_factory.mktemp("cell"), **facts_of(kind, n_inputs))
    expected = [unroll(kind, state, sample.tolist(), hidden) for sample in x]
    assert predict(model, x).bits.astype(int).tolist() == expected
    assert not model.netlist.reset.any()


def one_gate(stacks, ids):
    """A cell of one gate a stack, each of which reads x and h."""
    state = {}
    for stack, gate in zip(stacks, ids, strict=True):
        name = f"cell.{stack}.net.0."
        state[name + "weights"] = torch.nn.functional.one_hot(torch.tensor([gate]), 16).float()
        state[name + "conn_a"] = torch.tensor([0])
        state[name + "conn_b"] = torch.tensor([1])
    return state


def test_every_gate_id_on_every_row(tmp_path):
    for gate in range(16):
        state = one_gate(["update"], [gate])
        model = read(state, tmp_path, input_bits=1, cell="recompute")
        for x, h in ((0, 0), (0, 1), (1, 0), (1, 1)):
            netlist = model.netlist
            row = x + 2 * h
            assert int(netlist.table[0]) >> row & 1 == OPERATORS[gate](x, h)
            assert netlist.fanin[0].tolist() == [2, 3]


def test_truth_tables_of_the_memory_rules(tmp_path):
    """Each rule with its lines wired to features: b for a line, and h from the step before."""

    def lines(kind, stacks):
        state = {}
        for index, stack in enumerate(stacks):
            name = f"cell.{stack}.net.0."
            state[name + "weights"] = torch.nn.functional.one_hot(torch.tensor([3]), 16).float()
            state[name + "conn_a"] = torch.tensor([index])
            state[name + "conn_b"] = torch.tensor([0])
        return read(state, tmp_path, input_bits=len(stacks))

    def answers(model, sequence):
        return predict(model, np.array([sequence])).bits[0, :, 0].astype(int).tolist()

    gated = lines("gated", ["candidate", "gate"])
    # write 1, keep, keep against candidate 0, write 0, keep against candidate 1
    assert answers(gated, [[1, 0], [1, 1], [0, 1], [0, 0], [1, 1]]) == [1, 1, 1, 0, 0]
    latch = lines("sr", ["set_net", "reset_net"])
    # hold 0, set, hold, reset, both: set wins, reset
    assert answers(latch, [[0, 0], [1, 0], [0, 0], [0, 1], [1, 1], [0, 1]]) == [0, 1, 1, 0, 1, 0]
    toggle = lines("toggle", ["toggle_net"])
    assert answers(toggle, [[1], [0], [1], [1]]) == [1, 1, 0, 1]


def test_h_comes_behind_the_features(tmp_path):
    state = one_gate(["update"], [5])  # h alone, where there is one feature
    state["cell.update.net.0.weights"] = torch.nn.functional.one_hot(torch.tensor([6]), 16)
    state["cell.update.net.0.weights"] = state["cell.update.net.0.weights"].float()
    parity = read(state, tmp_path, input_bits=1, cell="recompute")
    bits = predict(parity, np.array([[[1], [1], [0], [1]]])).bits[0, :, 0]
    assert bits.tolist() == [True, False, False, True]


def test_an_update_stack_may_be_without_memory_and_the_user_says_so(tmp_path, rng):
    state = build("recompute", 3, 6, 2, rng)
    for conn in ("conn_a", "conn_b"):
        state[f"cell.update.net.0.{conn}"] %= 3
    with pytest.raises(InputError, match=r"cell\.pt: has one stack, update\. Say --cell recompute"):
        read(state, tmp_path, input_bits=3)
    model = read(state, tmp_path, input_bits=3, cell="feedforward")
    assert model.netlist.n_state == 0
    x = sequences(3, samples=1, steps=20)[0]
    expected = [stack_of(state, "update", row.tolist()) for row in x]
    assert predict(model, x).bits.astype(int).tolist() == expected


def test_classes_are_group_sums_of_the_answer_at_every_step(tmp_path, rng):
    state = build("gated", 3, 8, 2, rng)
    x = sequences(3)
    answer = predict(read(state, tmp_path, input_bits=3, classes=4, tau=30.0), x)
    for sample, scores, classes in zip(x, answer.scores, answer.classes, strict=True):
        expected = [group_scores(h, 4) for h in unroll("gated", state, sample.tolist(), 8)]
        assert scores.tolist() == expected
        assert classes.tolist() == [winner(row) for row in expected]


def test_a_threshold_makes_bits_of_features(tmp_path, rng):
    state = build("gated", 3, 8, 1, rng)
    model = read(state, tmp_path, input_bits=3, threshold=0.5, input_format="u8.8")
    x = sequences(3)
    expected = predict(read(state, tmp_path, input_bits=3), x).bits
    assert np.array_equal(predict(model, np.where(x, 0.75, 0.5)).bits, expected)
