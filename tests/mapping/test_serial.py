"""The shift register of the class-serial readout, step by step against the naive evaluator."""

from __future__ import annotations

import builds
import naive
import numpy as np
import pytest
import strategies
from cores import random_samples, vectors_of
from hypothesis import given
from hypothesis import strategies as st

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.mapping.serial import map_serial
from lgncc.model import LogicModel, Provenance, Readout


def step(design, state, vector, load):
    """The next state, by the naive evaluator; `first`, if any, is the vector's highest bit."""
    luts = design.luts
    inputs = [vector >> i & 1 for i in range(luts.n_inputs - 1)] + [load]
    return naive.evaluate(luts.n_inputs, luts.fanin, luts.table, luts.next_state, inputs, state)


def counted(design, vector, own=()):
    """Words of the classes: loaded once, then row after row, as the hardware counts them; and the
    network's own state after it was `own`."""
    state = step(design, [*own, *[0] * (design.luts.n_state - len(own))], vector, 1)
    words = design.form.constant.tolist()
    for group, column in zip(design.group.tolist(), design.column.tolist(), strict=True):
        for node in design.luts.outputs.tolist():
            bit = node - design.luts.first_state
            member = int(design.lane[bit - len(own)]) // design.bits_a_cycle
            if state[bit]:
                words[group * design.classes_a_cycle + member] += 1 << column[member]
        state = step(design, state, 0, 0)
    own, shift = state[: len(own)], state[len(own) :]
    assert not any(shift), "nothing is left behind the last row"
    return [word % (1 << design.form.width) for word in words], own


def expected(model, sample, state=()):
    """Scores, and the next state."""
    encoder, netlist, readout = model.encoder, model.netlist, model.readout
    inputs = naive.thermometer(sample, encoder.feature.tolist(), encoder.threshold.tolist())
    bits, after = (
        naive.evaluate(netlist.n_inputs, netlist.fanin, netlist.table, nodes, inputs, state)
        for nodes in (netlist.outputs, netlist.next_state)
    )
    scores = [int(bias) for bias in readout.bias]
    for output, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[int(klass)] += int(weight) * bits[int(output)]
    return scores, after


def check(model, samples, bits_a_cycle, classes_a_cycle=1):
    design = map_serial(model, bits_a_cycle, classes_a_cycle)
    state = reset = model.netlist.reset.astype(int).tolist()
    for index, (vector, sample) in enumerate(zip(vectors_of(model, samples), samples, strict=True)):
        first = index % 3 == 0
        own = [1 - bit for bit in state] if first else state  # before a first step it is anything
        flag = first << model.encoder.input_width if reset else 0
        words, after = counted(design, vector | flag, own)
        scores, state = expected(model, sample, reset if first else state)
        assert after == state
        if model.readout.kind == "scores":
            assert words == [score % (1 << design.form.width) for score in scores]
        else:  # all words differ from the scores by one number
            assert len({word - score for word, score in zip(words, scores, strict=True)}) == 1
    return design


@pytest.mark.parametrize("bits_a_cycle", [1, 2, 3, 16])
@pytest.mark.parametrize("classes_a_cycle", [1, 2, 3])  # of 4, and of 3
@pytest.mark.parametrize("kind", ["class", "scores"])
def test_the_rows_add_up_to_the_scores(kind, classes_a_cycle, bits_a_cycle):
    model = builds.small_model(kind)
    check(model, random_samples(model, 10), bits_a_cycle, classes_a_cycle)


@given(data=st.data())
def test_any_model_with_classes(data):
    model = data.draw(strategies.models(max_state=3))
    if model.readout.kind == "bits":
        return
    samples = data.draw(strategies.feature_integers(model.encoder, 5)).tolist()
    check(model, samples, data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4)))


def test_a_row_a_cycle_and_a_register_a_bit():
    model = builds.deep_model(layers=2, width=32, classes=4)
    one, four = (map_serial(model, bits) for bits in (1, 4))
    assert one.rows == one.luts.n_state
    assert four.rows < one.rows / 2
    # A last gate of two inputs shares its LUT with the multiplexer: only the layer below is extra.
    assert one.luts.n_gates <= one.luts.n_state + 32


def weighted_model(weights, classes=2):
    """Classes that each read as many inputs as there are weights."""
    n = classes * len(weights)
    readout = Readout(
        "scores",
        output=np.arange(n),
        klass=np.repeat(np.arange(classes), len(weights)),
        weight=np.tile(weights, classes),
        bias=np.zeros(classes),
    )
    netlist = NetlistBuilder(n).finish(np.arange(2, 2 + n))
    return LogicModel(Encoder.identity(n), netlist, readout, Provenance("test"))


def test_heavy_bits_fill_the_rows_of_light_ones():
    # Six of weight 1 and one of weight 2 are eight places: two rows of four, and not three.
    model = weighted_model([1, 1, 1, 1, 1, 1, 2])
    design = check(model, random_samples(model, 10), 4)
    assert design.rows == 4
    assert not design.column.any()
    # Beside full rows, three of weight 2 would take two more; a row of their own is one.
    model = weighted_model([1] * 8 + [2] * 3)
    design = check(model, random_samples(model, 10), 4)
    assert design.rows == 6
    assert design.column.max() == 1


def test_classes_that_are_counted_at_once_share_rows():
    model = builds.deep_model(layers=2, width=60, classes=10)
    one = check(model, random_samples(model, 3), 6)
    three = check(model, random_samples(model, 3), 6, 3)
    assert (one.rows, three.rows) == (10, 4)
    assert three.luts.n_state <= one.luts.n_state


def test_bits_are_refused():
    with pytest.raises(DesignError, match="nothing to count"):
        map_serial(builds.small_model("bits"), 1)


def test_a_changed_table_is_caught():
    model = builds.deep_model(layers=2, width=32, classes=4)
    right = map_serial(model, 4)
    samples = random_samples(model, 10)
    table = right.luts.table.copy()
    table[-1] ^= np.uint64(0xFFFF)
    wrong = type(right)(
        **{name: getattr(right, name) for name in right.__dataclass_fields__ if name != "luts"},
        luts=type(right.luts)(
            right.luts.n_inputs,
            right.luts.fanin,
            table,
            right.luts.outputs,
            right.luts.next_state,
            right.luts.reset,
        ),
    )
    vectors = vectors_of(model, samples)
    loaded = [[step(d, [0] * d.luts.n_state, v, 1) for v in vectors] for d in (right, wrong)]
    assert loaded[0] != loaded[1]
