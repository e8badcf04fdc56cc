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

from lgncc.hw.readout import score_shape
from lgncc.mapping.program import WRITE_TO_READ, Op, assemble, first_score
from lgncc.model import LogicModel, Provenance, Readout


def field(word, start, bits):
    return word >> start & (1 << bits) - 1


class Processor:
    """Runs instruction words; a write is only seen WRITE_TO_READ instructions later."""

    def __init__(self, model, program, nodes=None):
        self.program, self.encoder = program, model.encoder
        self.width = score_shape(model.readout).width if model.readout.kind != "bits" else 1
        self.score = first_score(model) if model.readout.kind != "bits" else 0
        self.nodes = [0] * program.depth

    def step(self, features, first=True):
        """Bits and scores of one sample."""
        program = self.program
        wide, at = program.address_bits, 7 + program.address_bits
        unsigned = [
            x + (1 << int(bits) - 1) * int(signed)
            for x, bits, signed in zip(
                features, self.encoder.bits, self.encoder.signed, strict=True
            )
        ]
        writes, bits, scores, feature = [], [], [], 0
        for now, word in enumerate(program.words.tolist()):
            while writes and writes[0][0] <= now:
                _, place, bit = writes.pop(0)
                self.nodes[place] = bit
            op, table, dst = field(word, 0, 3), field(word, 3, 4), field(word, 7, wide)
            immediate = field(word, at, program.immediate_bits)
            a, b = (
                (self.nodes[field(word, at + i * wide, wide)] for i in range(2))
                if op in (Op.GATE, Op.COUNT, Op.BIT)
                else (0, 0)
            )
            value = table >> (a + 2 * b) & 1
            if op == Op.GATE:
                writes.append((now + WRITE_TO_READ, dst, value))
            elif op == Op.LOAD:
                writes.append((now + WRITE_TO_READ, dst, int(unsigned[feature] > immediate)))
            elif op == Op.NEXT:
                feature += 1
            elif op == Op.RESET and first:
                writes.append((now + WRITE_TO_READ, dst, immediate))
            elif op == Op.COUNT:
                self.score += value
            elif op == Op.CLASS:
                scores.append(self.score % (1 << self.width))
                self.score = immediate
            elif op == Op.BIT:
                bits.append(value)
        for _, place, bit in writes:
            self.nodes[place] = bit
        return bits, scores


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
