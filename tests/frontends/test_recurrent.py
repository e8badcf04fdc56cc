"""Recurrent cells: against a restatement in float arithmetic of salon64/difflogic's step.

Restated: stacks of difflogic gates (id g on (a, b) by its row of the published table) read
[x_t; h]; h and C start at 0; gated is s*h + (1-s)*c, OR is a + b - a*b, toggle T + h - 2*T*h.
"""

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import group_scores, winner

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import recurrent
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict

OPERATORS = [
    lambda a, b: 0,
    lambda a, b: a * b,
    lambda a, b: a - a * b,
    lambda a, b: a,
    lambda a, b: b - a * b,
    lambda a, b: b,
    lambda a, b: a + b - 2 * a * b,
    lambda a, b: a + b - a * b,
    lambda a, b: 1 - (a + b - a * b),
    lambda a, b: 1 - (a + b - 2 * a * b),
    lambda a, b: 1 - b,
    lambda a, b: 1 - b + a * b,
    lambda a, b: 1 - a,
    lambda a, b: 1 - a + a * b,
    lambda a, b: 1 - a * b,
    lambda a, b: 1,
]

STACKS = {
    "recompute": ["update"],
    "gated": ["candidate", "gate"],
    "sr": ["set_net", "reset_net"],
    "toggle": ["toggle_net"],
    "gru": ["candidate", "gate", "out_proj", "readout"],
    "lstm": ["forget", "input", "candidate", "out_proj", "readout"],
}


def build(kind, n_inputs, hidden, depth, rng):
    """A state dict of a random cell."""
    state = {}
    for stack in STACKS[kind]:
        width = 2 * hidden if stack == "readout" else n_inputs + hidden
        for layer in range(depth):
            name = f"cell.{stack}.net.{layer}."
            state[name + "weights"] = torch.randn(hidden, 16, generator=rng)
            state[name + "conn_a"] = torch.randint(0, width, (hidden,), generator=rng)
            state[name + "conn_b"] = torch.randint(0, width, (hidden,), generator=rng)
            width = hidden
    return state


def stack_of(state, stack, z):
    layer = 0
    while f"cell.{stack}.net.{layer}.weights" in state:
        name = f"cell.{stack}.net.{layer}."
        ids = state[name + "weights"].argmax(-1).tolist()
        wires = zip(state[name + "conn_a"].tolist(), state[name + "conn_b"].tolist(), strict=True)
        z = [OPERATORS[g](z[a], z[b]) for g, (a, b) in zip(ids, wires, strict=True)]
        layer += 1
    return z


def step(kind, state, x, h, c):
    """The next (h, C)."""
    z = [*x, *h]
    out = {stack: stack_of(state, stack, z) for stack in STACKS[kind] if stack != "readout"}
    rows = range(len(h))
    if kind == "recompute":
        return out["update"], c
    if kind == "gated":
        s, candidate = out["gate"], out["candidate"]
        return [s[i] * h[i] + (1 - s[i]) * candidate[i] for i in rows], c
    if kind == "sr":
        held = [(1 - out["reset_net"][i]) * h[i] for i in rows]
        return [s + q - s * q for s, q in zip(out["set_net"], held, strict=True)], c
    if kind == "toggle":
        return [t + q - 2 * t * q for t, q in zip(out["toggle_net"], h, strict=True)], c
    if kind == "gru":
        s, candidate = out["gate"], out["candidate"]
        c = [s[i] * c[i] + (1 - s[i]) * candidate[i] for i in rows]
    else:
        kept = [c[i] * out["forget"][i] for i in rows]
        written = [out["input"][i] * out["candidate"][i] for i in rows]
        c = [a + b - a * b for a, b in zip(kept, written, strict=True)]
    return stack_of(state, "readout", [*out["out_proj"], *c]), c


def unroll(kind, state, sequence, hidden):
    h, c, answers = [0] * hidden, [0] * hidden, []
    for x in sequence:
        h, c = step(kind, state, x, h, c)
        answers.append(h)
    return answers


def save(content, tmp_path):
    path = tmp_path / "cell.pt"
    torch.save(content, path)
    return path


def read(content, tmp_path, **facts):
    return recurrent.read(Source(save(content, tmp_path)), GivenFacts(**facts))


def sequences(n_inputs, samples=5, steps=7, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (samples, steps, n_inputs))


def facts_of(kind, n_inputs):
    return {"input_bits": n_inputs, **({"cell": "recompute"} if kind == "recompute" else {})}


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(1)


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


def test_every_fact_has_its_source(tmp_path, rng):
    state = build("lstm", 3, 8, 1, rng)
    facts = list(map(str, read(state, tmp_path, input_bits=3, classes=2).provenance.facts))
    assert facts == [
        "cell: LSTM (from checkpoint)",
        "network: 3 inputs, 8 hidden, 40 gates (from checkpoint)",
        "gates: argmax of 16 weights, the first of equals (from checkpoint)",
        "wiring: conn_a and conn_b of every layer (from checkpoint)",
        "inputs: 3 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 2 contiguous groups (given)",
    ]


def drop(*tails):
    def change(state):
        for key in [key for key in state if key.endswith(tails)]:
            del state[key]

    return change


def put(key, value):
    return lambda state: state.update({key: value(state[key]) if callable(value) else value})


GATE = "cell.gate.net.0."
BROKEN = {
    "no input bits": (put(GATE + "conn_a", lambda t: t), {"input_bits": None}, "give --input-bits"),
    "too few": (put(GATE + "conn_a", torch.full((8,), 10)), {"input_bits": 2}, "at least 3"),
    "too far": (
        put("cell.gate.net.1.conn_b", torch.full((8,), 8)),
        {},
        "gate layer 1: input 1 of gate 0 reads 8 of 0 to 7",
    ),
    "negative": (put(GATE + "conn_b", torch.full((8,), -1)), {}, "reads -1 of 0 to 10"),
    "cell": (put(GATE + "conn_a", lambda t: t), {"cell": "recompute"}, "it is a gated cell"),
    "old file": (drop("conn_a", "conn_b"), {}, "come without conn_a and conn_b"),
    "half": (drop("conn_b"), {}, "conn_b is missing"),
    "unknown cell": (
        drop("candidate.net.0.weights"),
        {},
        "candidate has layers|weights is missing",
    ),
    "no candidate": (
        lambda state: [state.pop(key) for key in list(state) if "candidate" in key],
        {},
        "no cell that is known has the stacks gate",
    ),
    "gap": (
        lambda state: [state.pop(key) for key in list(state) if "gate.net.0" in key],
        {},
        r"gate has layers \[1\]; one is missing",
    ),
    "gates": (put(GATE + "weights", torch.zeros(8, 15)), {}, r"shape \(8, 15\)"),
    "none": (put(GATE + "weights", torch.zeros(0, 16)), {}, "shape|0 gates"),
    "NaN": (put(GATE + "weights", torch.full((8, 16), float("nan"))), {}, "holds NaN"),
    "float wiring": (put(GATE + "conn_a", torch.zeros(8)), {}, "expected int"),
    "extra": (put("head.bias", torch.zeros(1)), {}, r"nothing is known of head\.bias"),
    "two cells": (put("other.cell.gate.net.0.weights", torch.zeros(8, 16)), {}, "holds 2 cells"),
    "classes": (put(GATE + "conn_a", lambda t: t), {"classes": 3}, "8 outputs do not divide"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_and_wrong_facts_are_refused_with_the_place(tmp_path, rng, name):
    change, facts, message = BROKEN[name]
    state = build("gated", 3, 8, 2, rng)
    change(state)
    with pytest.raises(InputError, match=rf"cell\.pt: .*({message})"):
        read(state, tmp_path, **{"input_bits": 3, **facts})


def test_stacks_of_different_widths_are_refused(tmp_path, rng):
    state = {**build("gated", 3, 8, 1, rng)}
    other = build("gated", 3, 9, 1, rng)
    state.update({key: value for key, value in other.items() if "candidate" in key})
    with pytest.raises(InputError, match="different widths: candidate 9, gate 8"):
        read(state, tmp_path, input_bits=3)


def test_recognition_is_by_content(tmp_path, rng):
    state = build("gated", 3, 8, 2, rng)
    path = save({"state_dict": {f"model.{key}": value for key, value in state.items()}}, tmp_path)
    assert recurrent.recognize(Source(path)) is None
    assert frontends.load(path, GivenFacts(input_bits=3)).provenance.frontend == "recurrent"
    assert recurrent.recognize(Source(save({"0.weights": torch.zeros(3, 16)}, tmp_path)))
    (tmp_path / "text").write_text("hello")
    assert recurrent.recognize(Source(tmp_path / "text"))


def test_damaged_files_never_crash(tmp_path, rng):
    path = save(build("gated", 2, 4, 1, rng), tmp_path)
    tally = check_reader(recurrent.READER, path.read_bytes(), GivenFacts(input_bits=2, classes=2))
    assert tally["refused"] > 0.3 * tally.total()
