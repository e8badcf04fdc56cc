"""Recurrent cells: the facts of a file, and which files are refused."""

import pytest
import torch
from fuzz import check_reader
from recurrent_cells import build, read, save

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import recurrent
from lgncc.frontends.source import GivenFacts, Source


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
