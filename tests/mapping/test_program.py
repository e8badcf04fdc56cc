"""Programs of the gate processor, run by an interpreter that knows only what the words say."""

from __future__ import annotations

import builds
import naive
import numpy as np
import pytest
import strategies
from cores import random_samples
from hypothesis import given
from hypothesis import strategies as st
from processor import Processor

from lgncc.mapping.assembler import assemble
from lgncc.mapping.program import Op
from lgncc.model import LogicModel, Provenance, Readout


def expected(model, features, state=()):
    """Bits, scores and next state, from the definitions."""
    encoder, netlist, readout = model.encoder, model.netlist, model.readout
    inputs = naive.thermometer(features, encoder.feature.tolist(), encoder.threshold.tolist())
    roots = [*netlist.outputs.tolist(), *netlist.next_state.tolist()]
    values = naive.evaluate(netlist.n_inputs, netlist.fanin, netlist.table, roots, inputs, state)
    bits, following = values[: len(netlist.outputs)], values[len(netlist.outputs) :]
    scores = [int(bias) for bias in readout.bias]
    for output, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[int(klass)] += int(weight) * bits[int(output)]
    return bits, scores, following


def check(model, samples):
    """One sequence: state goes on from sample to sample where there is some."""
    processor = Processor(model, assemble(model))
    state = model.netlist.reset.tolist()
    for index, sample in enumerate(samples):
        got_bits, got_scores = processor.step(sample, first=index == 0)
        bits, scores, state = expected(model, sample, state)
        if model.readout.kind == "bits":
            assert got_bits == bits
            continue
        modulus = 1 << processor.width
        base = model.readout.score_range[0] if model.readout.kind == "class" else 0
        assert got_scores == [(score - base) % modulus for score in scores]


@pytest.mark.parametrize("kind", ["class", "scores", "bits"])
def test_a_program_answers_as_the_model_does(kind):
    model = builds.small_model(kind)
    check(model, random_samples(model, 40))


@given(data=st.data())
def test_any_model_becomes_a_program_with_the_same_answers_step_by_step(data):
    model = data.draw(strategies.models(max_state=3))
    check(model, data.draw(strategies.feature_integers(model.encoder, 6)).tolist())


def test_a_changed_table_is_caught():
    model = builds.small_model("scores")
    changed = model.netlist.table.copy()
    changed[-1] ^= np.uint64(1)
    wrong = LogicModel(
        model.encoder,
        type(model.netlist)(16, model.netlist.fanin, changed, model.netlist.outputs),
        model.readout,
        Provenance("test"),
    )
    processor = Processor(wrong, assemble(wrong))
    answers = [processor.step(sample)[1] for sample in random_samples(model, 40)]
    right = [expected(model, sample)[1] for sample in random_samples(model, 40)]
    modulus = 1 << processor.width
    assert answers != [[score % modulus for score in scores] for scores in right]


def test_the_memory_is_as_deep_as_the_widest_cut_and_not_as_the_network():
    model = builds.deep_model(layers=50, width=32)
    program = assemble(model)
    assert model.netlist.n_gates == 50 * 32
    assert program.depth < 4 * 32 + 64


def test_a_gate_that_only_the_readout_reads_costs_no_instruction_of_its_own():
    model = builds.small_model("class")
    program = assemble(model)
    gates = int((program.op == Op.GATE).sum())
    counts = int((program.op == Op.COUNT).sum())
    assert counts == 16
    assert gates == model.netlist.n_gates - 16


def test_bits_that_are_constant_need_no_memory():
    model = builds.small_model("bits")
    netlist = type(model.netlist)(16, np.zeros((0, 2)), np.zeros(0), [0, 1, 1])
    check(LogicModel(model.encoder, netlist, Readout.bits(), Provenance("test")), [[0, 0, 0, 0]])
