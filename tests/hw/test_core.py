# amaranth: UnusedElaboratable=no
"""The streaming core, cycle by cycle: the right answer, at the right clock edge, whatever stalls.

Answers are expected from tests/naive.py and from sums in plain Python, never from lgncc.
"""

from __future__ import annotations

import random
from dataclasses import replace

import builds
import numpy as np
import pytest
import strategies
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator
from cores import Drive, answer, random_samples, vectors_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.hw.core import Core
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

KINDS = ("class", "scores", "bits")


@pytest.mark.parametrize("kind", KINDS)
def test_back_to_back_vectors_are_answered_a_cycle_each_after_exactly_the_latency(kind):
    model = builds.small_model(kind)
    drive = Drive(Core(model))
    samples = random_samples(model, 40)
    taken = drive.run(vectors_of(model, samples), cycles=60)
    latency = drive.core.latency_cycles
    assert [cycle for cycle, _ in drive.accepted] == list(range(40))
    assert taken == [(n + latency, answer(model, s)) for n, s in enumerate(samples)]
    assert drive.core.initiation_interval == 1


@pytest.mark.parametrize(
    ("kind", "input_register", "latency"),
    [
        # registers: input, network, popcount and one a level of the argmax of four classes
        ("class", True, 5),
        ("class", False, 4),
        ("scores", True, 3),
        ("scores", False, 2),
        ("bits", True, 2),
        ("bits", False, 1),
    ],
)
def test_latency_counts_the_registers(kind, input_register, latency):
    core = Core(builds.small_model(kind), input_register=input_register)
    assert core.latency_cycles == latency


@pytest.mark.parametrize("input_register", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_random_stalls_on_both_sides_lose_and_reorder_nothing(kind, input_register, seed):
    model = builds.small_model(kind)
    rng = random.Random(seed)
    offers, takes = ([rng.random() < share for _ in range(400)] for share in (0.6, 0.4))
    samples = random_samples(model, 60, seed)
    drive = Drive(Core(model, input_register=input_register))
    taken = drive.run(vectors_of(model, samples), offers.__getitem__, takes.__getitem__)
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]


def test_an_answer_waits_unchanged_until_it_is_taken():
    model = builds.small_model("scores")
    core = Core(model)
    samples = random_samples(model, 6)
    vectors = vectors_of(model, samples)

    async def bench(ctx):
        ctx.set(core.i.valid, 1)
        for vector in vectors[: core.latency_cycles]:
            ctx.set(core.i.payload, vector)
            assert ctx.get(core.i.ready)
            await ctx.tick()
        for vector in vectors * 3:  # full: nothing may be accepted, nothing may move
            ctx.set(core.i.payload, vector)
            assert not ctx.get(core.i.ready)
            assert ctx.get(core.o.valid)
            assert ctx.get(core.o.payload) == answer(model, samples[0])
            await ctx.tick()

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("inside", range(1, 7))
def test_reset_discards_what_is_inside_and_the_next_vector_is_answered(inside):
    model = builds.small_model("class")
    core = Core(model)
    samples = random_samples(model, inside + 1, seed=inside)
    vectors = vectors_of(model, samples)

    async def bench(ctx):
        ctx.set(core.i.valid, 1)
        ctx.set(core.o.ready, 0)
        for vector in vectors[:-1]:
            ctx.set(core.i.payload, vector)
            await ctx.tick()
        ctx.set(core.i.valid, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        ctx.set(core.o.ready, 1)
        for _ in range(2 * core.latency_cycles):
            assert not ctx.get(core.o.valid)
            await ctx.tick()
        ctx.set(core.i.valid, 1)
        ctx.set(core.i.payload, vectors[-1])
        await ctx.tick()
        ctx.set(core.i.valid, 0)
        for _ in range(core.latency_cycles - 1):
            assert not ctx.get(core.o.valid)
            await ctx.tick()
        assert ctx.get(core.o.valid)
        assert ctx.get(core.o.payload) == answer(model, samples[-1])

    m = Module()
    reset = Signal()
    m.submodules.core = ResetInserter(reset)(core)
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_stateless_model_answers_right(data):
    model = data.draw(strategies.models())
    samples = data.draw(strategies.feature_integers(model.encoder, 5)).tolist()
    taken = Drive(Core(model, input_register=data.draw(st.booleans()))).run(
        vectors_of(model, samples), cycles=20
    )
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]


@pytest.mark.parametrize(
    "change", [{"table": 0x9}, {"fanin": (2 + 1, 2 + 5)}, {"threshold": 1}, {"bias": 1}]
)
def test_a_core_built_from_another_model_is_caught(change):
    """The comparison above is able to fail: one table, one wiring, one threshold, one bias."""
    model = builds.small_model("scores")
    wrong = model
    if "threshold" in change:
        threshold = model.encoder.threshold.copy()
        threshold[0] += 1
        wrong = replace(model, encoder=replace(model.encoder, threshold=threshold))
    elif "bias" in change:
        wrong = replace(model, readout=replace(model.readout, bias=model.readout.bias + 1))
    else:
        [(name, value)] = change.items()
        arrays = {name: getattr(model.netlist, name).copy()}
        arrays[name][40] = value
        wrong = replace(model, netlist=replace(model.netlist, **arrays))
    samples = random_samples(model, 60)
    taken = Drive(Core(wrong)).run(vectors_of(model, samples), cycles=80)
    assert [payload for _, payload in taken] != [answer(model, sample) for sample in samples]


def test_a_model_with_state_is_refused():
    netlist = Netlist(1, [(2, 3)], [0x6], [4], next_state=[4], reset=[False])
    model = LogicModel(Encoder.identity(1), netlist, Readout.bits(), Provenance("test"))
    with pytest.raises(DesignError) as caught:
        Core(model)
    assert str(caught.value) == (
        "the network has 1 state bits; -O 0 and 1 build stateless networks only: use -O 2, or "
        "--arch folded"
    )


def test_an_input_vector_wider_than_a_wire_is_refused():
    features = 8192
    encoder = Encoder.uniform(features, bits=8, feature=np.zeros(1), threshold=np.zeros(1))
    netlist = Netlist(1, np.zeros((0, 2)), [], [2])
    with pytest.raises(DesignError, match="65,536"):
        Core(LogicModel(encoder, netlist, Readout.bits(), Provenance("test")))
