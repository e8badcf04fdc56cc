"""A mapped model answers as the model does, and the independent proof agrees."""

from functools import cache
from importlib import resources

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.frontends import load
from lgncc.hw.readout import score_shape
from lgncc.mapping import MappingOptions, map_model
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.mapped import check_mapped


def naive_payload(model, features, state):
    """The payload's bits, word for word from the definitions."""
    bits = naive.thermometer(features, model.encoder.feature, model.encoder.threshold)
    netlist = model.netlist
    outputs = naive.evaluate(
        netlist.n_inputs, netlist.fanin, netlist.table, netlist.outputs, bits, state
    )
    readout = model.readout
    if readout.kind == "bits":
        return outputs
    scores = [int(bias) for bias in readout.bias]
    for position, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[klass] += int(weight) * outputs[position]
    if readout.kind == "class":
        width = max((len(scores) - 1).bit_length(), 1)
        return [naive.winner(scores) >> bit & 1 for bit in range(width)]
    return [score >> bit & 1 for score in scores for bit in range(score_shape(readout).width)]


def packed(model, features):
    encoder = model.encoder
    return [
        int(value) >> bit & 1
        for value, width in zip(features, encoder.bits, strict=True)
        for bit in range(width)
    ]


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from((4, 6)))
def test_small_models_answer_as_defined(data, k):
    model = data.draw(models(max_state=2))
    luts = map_model(model, k).luts
    assert luts.k == k
    for features in data.draw(feature_integers(model.encoder, 4)):
        state = data.draw(st.lists(st.integers(0, 1), min_size=luts.n_state, max_size=luts.n_state))
        inputs, before = packed(model, features), state
        if state:
            first = data.draw(st.booleans())
            inputs, before = [*inputs, first], model.netlist.reset.tolist() if first else state
        columns = (luts.n_inputs, luts.fanin, luts.table)
        found = naive.evaluate(*columns, luts.outputs, inputs, state)
        assert found == naive_payload(model, features, before)


@settings(deadline=None, max_examples=15)
@given(models(max_state=1), st.sampled_from((4, 6)))
def test_small_models_are_proved(model, k):
    assert check_mapped(map_model(model, k)).result == "proved"


def random_model(rng, n_inputs, layers, classes, kind="class", negative=False):
    """Random gates of all kinds over random wires, so duplicates, wires and constants occur."""
    builder = NetlistBuilder(n_inputs)
    layer = builder.inputs
    for size in layers:
        a, b = rng.integers(0, len(layer), (2, size))
        layer = builder.gates(rng.integers(0, 16, size), layer[a], layer[b])
    readout = Readout.group_sum(len(layer), classes, kind=kind)
    if negative:
        weight = rng.choice((-3, -1, 1, 2), len(layer)).astype(np.int32)
        readout = Readout(kind, readout.output, readout.klass, weight, rng.integers(-9, 9, classes))
    return LogicModel(
        Encoder.identity(n_inputs), builder.finish(layer), readout, Provenance("test")
    )


@pytest.mark.parametrize("k", [4, 6])
@pytest.mark.parametrize("kind", ["class", "scores"])
@pytest.mark.parametrize("negative", [False, True])
def test_networks_of_some_hundred_gates_are_proved(k, kind, negative):
    model = random_model(np.random.default_rng(k), 40, (200, 120), 4, kind, negative)
    assert check_mapped(map_model(model, k)).result == "proved"


def shipped(name):
    model = load(resources.files("lgncc.models") / name)
    return optimize(model, choose_pipeline(1), prove=False).model


@cache
def mapped(name):
    """Of the shipped network, once for all tests."""
    return map_model(shipped(name))


@pytest.mark.parametrize("name", ["digits.pt", "mnist16.pt"])
def test_compressors_are_smaller_than_full_adders_and_no_deeper(name):
    model, ours = shipped(name), mapped(name).luts
    plain = map_model(model, 4, MappingOptions(readout="plain")).luts
    assert ours.n_gates <= 0.85 * plain.n_gates
    assert ours.depth <= plain.depth


def test_the_digits_network_is_within_four_fifths_of_torchlogix_verilog():
    """2,796 LUT4 (and 344 carries): its raw Verilog through synth_ice40 of yosys 0.70."""
    assert mapped("digits.pt").luts.n_gates <= 0.80 * 2_796


def test_what_is_mapped_is_the_same_every_time():
    model = random_model(np.random.default_rng(7), 30, (90, 60), 3)
    first, second = map_model(model).luts, map_model(model).luts
    assert np.array_equal(first.fanin, second.fanin)
    assert np.array_equal(first.table, second.table)


def test_parts_say_where_each_lut_belongs():
    design = mapped("digits.pt")
    count = np.bincount(design.part, minlength=3)
    assert len(design.part) == design.luts.n_gates
    assert (count > 0).all()


def read_twice():
    """Layers of one width, each node read by two gates: area mapping finds a local optimum."""
    rng = np.random.default_rng(0)
    builder = NetlistBuilder(100)
    below = builder.inputs
    for _ in range(4):
        wires = np.concatenate([rng.permutation(below) for _ in range(-(-240 // len(below)))])
        table = rng.choice((0x1, 0x2, 0x6, 0x7, 0x8, 0x9, 0xB, 0xE), 120)
        below = builder.gates(table, *wires[:240].reshape(2, 120))
    return LogicModel(
        Encoder.identity(100), builder.finish(below), Readout.group_sum(120, 6), Provenance("test")
    )


@pytest.mark.parametrize("k", [4, 6])
def test_no_design_is_deeper_than_plain_area_mapping(k):
    model = read_twice()
    plain = map_model(model, k, MappingOptions(readout="plain")).luts
    ours = map_model(model, k).luts
    assert ours.depth <= plain.depth
    assert ours.n_gates < 0.85 * plain.n_gates


def test_levels_can_be_bounded_for_luts():
    model = read_twice()
    free = map_model(model, 4, MappingOptions(max_levels=1000)).luts
    bounded = map_model(model, 4, MappingOptions(max_levels=free.depth - 2)).luts
    assert bounded.depth <= free.depth - 2
    assert bounded.n_gates > free.n_gates
