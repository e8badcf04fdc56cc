# amaranth: UnusedElaboratable=no
"""The readout against sums and maxima in plain Python; ties are the rule."""

from __future__ import annotations

import naive
import numpy as np
import pytest
import strategies
from amaranth.hdl import Shape, signed, unsigned
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.hw.argmax import Argmax
from lgncc.hw.readout import ScoreReadout, class_terms, score_shape
from lgncc.model import Readout


def true_scores(readout, outputs):
    """By definition: the bias, and the weight of each term whose bit is 1."""
    scores = [int(bias) for bias in readout.bias]
    for output, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[int(klass)] += int(weight) * outputs[int(output)]
    return scores


def expected(readout, outputs):
    scores = true_scores(readout, outputs)
    return naive.winner(scores) if readout.kind == "class" else scores


def answers(readout, samples):
    """The component's answers to network outputs, one sample a clock."""
    dut = ScoreReadout(readout)
    shape = score_shape(readout)
    seen = []

    def decode(payload):
        if readout.kind == "class":
            return payload
        fields = [payload >> shape.width * c for c in range(readout.n_classes)]
        fields = [field & ((1 << shape.width) - 1) for field in fields]
        return [f - (1 << shape.width) if shape.signed and f >> shape.width - 1 else f
                for f in fields]  # fmt: skip

    async def bench(ctx):
        ctx.set(dut.enable, 1)
        for outputs in [*samples, *[samples[-1]] * dut.latency]:
            for port, terms in zip(dut.bits, dut.terms, strict=True):
                bits = [outputs[position] for position in terms.positions.tolist()]
                ctx.set(port, sum(bit << index for index, bit in enumerate(bits)))
            await ctx.delay(1e-9)
            seen.append(decode(ctx.get(dut.payload)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[dut.latency :]


def check(readout, samples):
    assert answers(readout, samples) == [expected(readout, sample) for sample in samples]


@st.composite
def cases(draw):
    n_outputs = draw(st.integers(0, 8))
    readout = draw(strategies.readouts(n_outputs).filter(lambda r: r.kind != "bits"))
    sample = st.lists(st.integers(0, 1), min_size=n_outputs, max_size=n_outputs)
    return readout, draw(st.lists(sample, min_size=1, max_size=6))


@settings(max_examples=100)
@given(cases())
def test_scores_and_classes_are_the_defined_ones(case):
    check(*case)


ALL_BITS = [[number >> bit & 1 for bit in range(4)] for number in range(16)]


@pytest.mark.parametrize("kind", ["class", "scores"])
@pytest.mark.parametrize(
    ("terms", "bias"),
    [
        ([(0, 0, 1), (1, 1, 1), (2, 2, 1)], [0, 0, 0]),  # ties of two and of three
        ([(0, 0, -3), (1, 1, 2), (1, 1, -1), (2, 0, 1)], [0, -1]),  # repeated, negative
        ([(0, 0, 1), (0, 1, -1), (3, 2, 0)], [-1, 0, 0]),  # one bit in two classes; weight 0
        ([(0, 1, 2)], [1, 0, 1]),  # classes without terms, which tie
        ([(0, 0, -2), (3, 0, 1)], [-5]),  # one class, below zero
        ([], [3, 7, 7]),  # nothing but biases
    ],
)
def test_every_sample_of_awkward_readouts(kind, terms, bias):
    columns = [[term[column] for term in terms] for column in range(3)]
    check(Readout(kind, *columns, bias=bias), ALL_BITS)


def test_at_a_tie_of_all_ten_classes_class_0_wins():
    readout = Readout.group_sum(20, 10)
    assert answers(readout, [[1] * 20, [0] * 20, [0, 1] * 10]) == [0, 0, 0]


def test_an_argmax_that_prefers_the_last_class_is_caught(monkeypatch):
    monkeypatch.setattr(Argmax, "_upper_wins", lambda self, lower, upper: upper >= lower)
    with pytest.raises(AssertionError):
        check(Readout.group_sum(4, 2), ALL_BITS)


def test_a_weight_read_as_one_is_caught():
    right = Readout("class", [0, 1], [0, 1], [2, 1], bias=[0, 0])
    wrong = Readout("class", [0, 1], [0, 1], [1, 2], bias=[0, 0])
    samples = [[1, 1]]
    assert answers(wrong, samples) != [expected(right, sample) for sample in samples]


@pytest.mark.parametrize(
    ("kind", "weights", "bias", "shape"),
    [
        ("scores", [1] * 7, [0], unsigned(3)),  # 0 to 7
        ("scores", [1] * 8, [0], unsigned(4)),  # 0 to 8
        ("scores", [-1] * 8, [0], signed(4)),  # -8 to 0
        ("scores", [-1] * 9, [0], signed(5)),  # -9 to 0
        ("scores", [1] * 3, [-4], signed(3)),  # -4 to -1
        ("scores", [], [0], unsigned(1)),
        ("scores", [5, 2], [0, 0], unsigned(3)),
        ("class", [1] * 7, [-100], unsigned(3)),  # only differences count
        ("class", [-1] * 4, [0, 4], unsigned(4)),  # -4 to 4
    ],
)
def test_a_score_is_as_wide_as_it_must_be(kind, weights, bias, shape):
    n = len(weights)
    readout = Readout(kind, np.arange(n), np.zeros(n), weights, bias=bias)
    assert Shape.cast(score_shape(readout)) == shape


def test_the_terms_of_a_class_list_each_bit_as_often_as_its_weight():
    readout = Readout("scores", [5, 6, 7, 8], [0, 0, 1, 0], [2, -3, 1, 0], bias=[4, 0])
    first, second = class_terms(readout)
    assert first.positions.tolist() == [5, 5, 6, 6, 6]
    assert (len(first.plain), len(first.negated), first.constant) == (2, 3, 1)
    assert (second.positions.tolist(), second.constant) == ([7], 0)


@pytest.mark.parametrize(
    ("kind", "classes", "latency"), [("scores", 10, 1), ("class", 10, 5), ("class", 1, 1)]
)
def test_latency_is_one_register_and_those_of_the_argmax(kind, classes, latency):
    assert ScoreReadout(Readout.group_sum(20, classes, kind=kind)).latency == latency


def test_registers_hold_while_enable_is_low():
    dut = ScoreReadout(Readout.group_sum(4, 2))

    async def bench(ctx):
        ctx.set(dut.enable, 1)
        ctx.set(dut.bits[1], 0b11)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.payload) == 1
        ctx.set(dut.enable, 0)
        ctx.set(dut.bits[1], 0)
        for _ in range(3):
            await ctx.tick()
            assert ctx.get(dut.payload) == 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
