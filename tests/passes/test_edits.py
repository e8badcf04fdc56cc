"""Edits of a model: what is the same on the samples is found, and scores follow by hand."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc.encoder import Encoder
from lgncc.golden import pack, predict
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.edits import signatures, substituted, tidied, without

AND, NAND, OR = 0x8, 0x7, 0xE


def literals_by_hand(rows):
    """Each row looked up, as it is or complemented, among the rows before it."""
    first = {}
    found = []
    for index, row in enumerate(rows):
        other = tuple(not bit for bit in row)
        if other in first:
            found.append(2 * first[other] + 1)
        else:
            found.append(2 * first.setdefault(tuple(row), index))
    return found


@given(st.data())
def test_equal_and_complementary_rows_are_found(data):
    n = data.draw(st.sampled_from((1, 3, 64, 70)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    rows = rng.random((4, n)) < 0.5
    picked = rng.integers(0, 4, 12)
    rows = rows[picked] ^ (rng.random(12) < 0.5)[:, None]
    rows = np.concatenate([np.zeros((1, n), bool), np.ones((1, n), bool), rows])
    literal, same = signatures(pack(rows.T))
    assert literal.tolist() == literals_by_hand(rows.tolist())
    assert same.all()


@given(st.data())
def test_rows_that_differ_in_one_sample_are_not_merged(data):
    n = data.draw(st.integers(1, 200))
    row = np.random.default_rng(n).random(n) < 0.5
    rows = np.array([np.zeros(n, bool), np.ones(n, bool), row, row])
    rows[3, data.draw(st.integers(0, n - 1))] ^= True
    literal, same = signatures(pack(rows.T))
    assert not same[3] or literal[3] >> 1 != 2


def model_of(tables, outputs, readout):
    """Gates over the two inputs i0 and i1, which are nodes 2 and 3; gates begin at node 4."""
    fanin = np.tile([2, 3], (len(tables), 1))
    netlist = Netlist(2, fanin, np.array(tables, np.uint64), np.array(outputs))
    return LogicModel(Encoder.identity(2), netlist, readout, Provenance("test"))


EVERY = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)


def test_a_complement_in_a_term_is_its_sign_and_bias():
    readout = Readout("scores", [0, 1, 1], [0, 0, 1], [2, 3, -1], bias=[10, 20])
    model = model_of([AND, NAND], [4, 5], readout)
    assert predict(model, EVERY).scores.tolist() == [[13, 19]] * 3 + [[12, 20]]
    merged = substituted(model, np.array([5]), np.array([2 * 4 + 1]))
    assert merged.netlist.outputs.tolist() == [4, 4]
    assert predict(merged, EVERY).scores.tolist() == [[13, 19]] * 3 + [[12, 20]]


def test_a_replaced_gate_is_replaced_in_its_readers_too():
    netlist = Netlist(2, [[2, 3], [4, 2]], [AND, OR], [5])
    readout = Readout("scores", [0], [0], [1], bias=[0])
    model = LogicModel(Encoder.identity(2), netlist, readout, Provenance("test"))
    fixed = substituted(model, np.array([4]), np.array([1]))  # the constant 1
    assert predict(fixed, EVERY).scores.tolist() == [[1]] * 4
    inverted = substituted(model, np.array([4]), np.array([2 * 3 + 1]))  # not i1, or i0
    assert predict(inverted, EVERY).scores.tolist() == [[1], [1], [0], [1]]


def test_terms_leave_their_means_and_rounding_is_carried_on():
    readout = Readout("scores", [0, 1, 0], [0, 0, 1], [1, 2, 5], bias=[0, 0])
    model = model_of([AND, OR], [4, 5], readout)
    mean = np.array([0.25, 0.75, 0.25])
    first, owed = without(model, np.array([1]), mean, np.array([0.0, 0.0]))
    assert first.readout.bias.tolist() == [2, 0]  # 1.5, to the even number
    assert owed.tolist() == [-0.5, 0]
    second, owed = without(first, np.array([0]), mean[[0, 2]], owed)
    assert second.readout.bias.tolist() == [2, 0]  # -0.25
    assert owed.tolist() == [-0.25, 0]
    assert (second.readout.output.tolist(), second.readout.weight.tolist()) == ([0], [5])


@given(data=st.data())
def test_tidying_keeps_every_score_with_each_term_once(data):
    model = data.draw(models())
    if model.readout.kind == "bits":
        return
    integers = data.draw(feature_integers(model.encoder, 12))
    x = np.ldexp(integers.astype(np.float64), -model.encoder.fraction.astype(np.int64))
    tidy = tidied(model)
    assert predict(tidy, x).scores.tolist() == predict(model, x).scores.tolist()
    assert len(tidy.netlist.outputs) == len(model.netlist.outputs)
    terms = defaultdict(int)
    node = tidy.netlist.outputs[tidy.readout.output].tolist()
    for pair in zip(node, tidy.readout.klass.tolist(), strict=True):
        terms[pair] += 1
    assert set(terms.values()) <= {1}
    assert all(node > 1 for node, _ in terms)
