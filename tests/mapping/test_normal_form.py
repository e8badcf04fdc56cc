"""The words of a readout: each reduction does what its name says, and the words stay scores."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import models

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.gates import AND, NOT_A
from lgncc.hw.readout import score_shape
from lgncc.mapping.normal_form import normal_form, score_width, wires
from lgncc.model import LogicModel, Provenance, Readout


def model_of(terms, *, classes, kind="class", bias=None):
    """Terms (what, class, weight) over inputs a, b, c and their AND; `~x` a complement, 0, 1."""
    builder = NetlistBuilder(3)
    nodes = dict(zip("abc", builder.inputs.tolist(), strict=True))
    nodes["ab"] = int(builder.gates(AND, nodes["a"], nodes["b"])[0])
    nodes |= {f"~{name}": int(builder.gates(NOT_A, node, 0)[0]) for name, node in nodes.items()}
    nodes |= {"0": 0, "1": 1}
    outputs = [nodes[what] for what, _, _ in terms]
    readout = Readout(
        kind,
        output=np.arange(len(terms)),
        klass=[klass for _, klass, _ in terms],
        weight=[weight for _, _, weight in terms],
        bias=np.zeros(classes, np.int64) if bias is None else bias,
    )
    return LogicModel(Encoder.identity(3), builder.finish(outputs), readout, Provenance("test"))


def listed(form):
    """The terms as (class, column, node - 2, inverted)."""
    columns = (form.klass, form.column, form.node - 2, form.inverted)
    return [tuple(int(v) for v in row) for row in zip(*columns, strict=True)]


def test_a_bit_twice_in_a_class_enters_one_column_up():
    form = normal_form(model_of([("a", 0, 1), ("a", 0, 1), ("b", 1, 1)], classes=2))
    assert listed(form) == [(0, 1, 0, 0), (1, 0, 1, 0)]


def test_a_bit_and_its_complement_are_a_constant():
    form = normal_form(model_of([("a", 0, 1), ("~a", 0, 1), ("b", 1, 1)], classes=2))
    assert listed(form) == [(1, 0, 1, 0)]
    assert form.constant.tolist() == [1, 0]


def test_constant_bits_are_constants():
    form = normal_form(model_of([("1", 0, 3), ("0", 0, 1), ("b", 1, 1)], classes=2))
    assert (listed(form), form.constant.tolist()) == ([(1, 0, 1, 0)], [3, 0])


def test_negative_weights_are_complements():
    form = normal_form(model_of([("a", 0, -1), ("b", 1, 1)], classes=2, bias=[1, 0]))
    assert listed(form) == [(0, 0, 0, 1), (1, 0, 1, 0)]
    assert form.constant.tolist() == [0, 0]


def test_terms_that_all_classes_share_vanish_for_the_class_alone():
    terms = [("a", 0, 1), ("a", 1, 1), ("a", 2, 1), ("b", 0, 1)]
    assert listed(normal_form(model_of(terms, classes=3))) == [(0, 0, 1, 0)]
    assert len(normal_form(model_of(terms, classes=3, kind="scores")).node) == 4


def test_a_term_that_most_classes_share_is_taken_from_the_others():
    terms = [("a", 0, 1), ("a", 1, 1), ("b", 2, 1)]
    assert listed(normal_form(model_of(terms, classes=3))) == [(2, 0, 0, 1), (2, 0, 1, 0)]


def test_wires_and_inverters_are_followed():
    model = model_of([("~ab", 0, 1), ("b", 1, 1)], classes=2)
    assert listed(normal_form(model)) == [(0, 0, 3, 1), (1, 0, 1, 0)]
    assert wires(model.netlist)[:2].tolist() == [0, 1]


def test_words_are_no_wider_than_they_reach():
    assert normal_form(model_of([("a", 0, 1), ("b", 0, 1)], classes=2)).width == 2
    assert normal_form(model_of([("a", 0, 1)], classes=2, bias=[100, 100])).width == 1


def test_raw_bits_have_no_words():
    model = model_of([], classes=1)
    with pytest.raises(ValueError, match="no scores"):
        normal_form(LogicModel(model.encoder, model.netlist, Readout.bits(), model.provenance))


@given(st.integers(-40, 40), st.integers(0, 40))
def test_width_of_scores_is_that_of_the_payload(low, span):
    bias = np.array([low, low + span], np.int64)
    assert score_width(low, low + span) == score_shape(Readout("scores", bias=bias)).width


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_words_differ_from_the_scores_by_one_number(data):
    model = data.draw(models())
    readout = model.readout
    if readout.kind == "bits":
        return
    form = normal_form(model)
    netlist = model.netlist
    inputs = data.draw(
        st.lists(st.integers(0, 1), min_size=netlist.n_inputs, max_size=netlist.n_inputs)
    )
    arrays = (netlist.n_inputs, netlist.fanin, netlist.table)
    bits = naive.evaluate(*arrays, netlist.outputs, inputs)
    scores = readout.bias.tolist()
    for position, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[klass] += int(weight) * bits[position]
    words = form.constant.tolist()
    values = naive.evaluate(*arrays, form.node, inputs)
    for value, inverted, klass, column in zip(
        values, form.inverted, form.klass, form.column, strict=True
    ):
        words[klass] += (value ^ int(inverted)) << int(column)
    modulus = 1 << form.width
    if readout.kind == "scores":
        assert [word % modulus for word in words] == [score % modulus for score in scores]
    else:
        assert len({word - score for word, score in zip(words, scores, strict=True)}) == 1
        assert all(0 <= word < modulus for word in words)
