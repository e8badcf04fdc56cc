# amaranth: UnusedElaboratable=no
"""The gate processor in Amaranth's simulator: right answers, at the cycles that it states."""

from __future__ import annotations

import random
from dataclasses import replace

import builds
import naive
import pytest
import strategies
from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped
from amaranth.sim import Simulator
from cores import Drive, answer, random_samples, vectors_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgncc.errors import DesignError
from lgncc.hw import spi_flash
from lgncc.hw.flash import FlashProgram
from lgncc.hw.folded import FoldedCore
from lgncc.mapping.assembler import assemble

KINDS = ("class", "scores", "bits")
FLASH = spi_flash.Flash("", 0x20000, 1 << 24, pulse_cycles=1)


@pytest.mark.parametrize("kind", KINDS)
def test_back_to_back_vectors_keep_the_stated_latency_and_interval(kind):
    model = builds.small_model(kind)
    core = FoldedCore(model)
    samples = random_samples(model, 5)
    drive = Drive(core)
    taken = drive.run(vectors_of(model, samples), cycles=6 * core.initiation_interval)
    starts = [n * core.initiation_interval for n in range(5)]
    assert [cycle for cycle, _ in drive.accepted] == starts
    assert taken == [
        (start + core.latency_cycles, answer(model, sample))
        for start, sample in zip(starts, samples, strict=True)
    ]


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_random_stalls_lose_and_reorder_nothing(kind, lanes):
    model = builds.small_model(kind)
    rng = random.Random(lanes)
    offers, takes = ([rng.random() < 0.3 for _ in range(4000)] for _ in range(2))
    samples = random_samples(model, 17, seed=lanes)
    taken = Drive(FoldedCore(model, lanes=lanes)).run(
        vectors_of(model, samples),
        offers.__getitem__,
        takes.__getitem__,
        cycles=4000,
    )
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]


def test_lanes_share_the_evaluation():
    model = builds.small_model("class")
    vectors = vectors_of(model, random_samples(model, 8))
    last = [Drive(FoldedCore(model, lanes=n)).run(vectors, cycles=2000)[-1][0] for n in (1, 4)]
    assert last[1] < 0.7 * last[0]
    core = FoldedCore(model, lanes=4)
    assert last[1] == pytest.approx(8 * core.initiation_interval, rel=0.05)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_any_stateless_model_answers_right(data):
    model = data.draw(strategies.models())
    samples = data.draw(strategies.feature_integers(model.encoder, 3)).tolist()
    core = FoldedCore(model, lanes=data.draw(st.sampled_from([1, 3])))
    taken = Drive(core).run(vectors_of(model, samples), cycles=600)
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_model_with_state_goes_on_until_a_vector_is_the_first_of_a_sequence(data):
    model = data.draw(strategies.models(max_state=3))
    netlist, encoder = model.netlist, model.encoder
    if not netlist.n_state:
        return
    samples = data.draw(strategies.feature_integers(encoder, 6)).tolist()
    first = [True, *data.draw(st.lists(st.booleans(), min_size=5, max_size=5))]
    vectors = [
        vector | begins << encoder.input_width
        for vector, begins in zip(vectors_of(model, samples), first, strict=True)
    ]
    expected, state = [], []
    for sample, begins in zip(samples, first, strict=True):
        state = netlist.reset.tolist() if begins else state
        expected.append(answer(model, sample, state))
        inputs = naive.thermometer(sample, encoder.feature.tolist(), encoder.threshold.tolist())
        columns = (netlist.fanin, netlist.table, netlist.next_state)
        state = naive.evaluate(netlist.n_inputs, *columns, inputs, state)
    taken = Drive(FoldedCore(model)).run(vectors, cycles=1000)
    assert [payload for _, payload in taken] == expected


class OneByOne(Component):
    """A bit-serial core behind a register of the whole vector."""

    def __init__(self, core, width):
        self.core = core
        super().__init__({"i": In(stream.Signature(width)), "o": Out(core.o.signature)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        connect(m, flipped(self.o), core.o)
        held = Signal.like(self.i.payload)
        m.d.comb += [
            core.i.valid.eq(self.i.valid),
            self.i.ready.eq(core.i.ready),
            core.i.payload.eq(held[0]),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += held.eq(self.i.payload)
        with m.Elif(core.next):
            m.d.sync += held.eq(held >> 1)
        return m


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("layers", [1, 4])
def test_bits_may_come_one_by_one(layers, lanes):
    model = builds.deep_model(layers=layers, width=40)
    samples = random_samples(model, 7)
    core = FoldedCore(model, lanes=lanes, bit_serial=True)
    drive = Drive(OneByOne(core, model.encoder.input_width))
    taken = drive.run(vectors_of(model, samples), cycles=5000)
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]


def test_state_and_lanes_do_not_go_together():
    model = builds.small_model("class")
    netlist = replace(model.netlist, n_inputs=15, next_state=[20], reset=[True])
    encoder = replace(
        model.encoder, feature=model.encoder.feature[1:], threshold=model.encoder.threshold[1:]
    )
    with pytest.raises(DesignError, match="one lane"):
        FoldedCore(replace(model, netlist=netlist, encoder=encoder), lanes=2)


def simulate_from_flash(model, program, loaded):
    """Payloads of three samples; `program` is what the bitstream expects, `loaded` what stands
    in the flash."""
    memory = FlashProgram(program, FLASH)
    memory.image = FlashProgram(loaded, FLASH).image
    core = FoldedCore(model, program=program, memory=memory)
    vectors = vectors_of(model, random_samples(model, 3))
    taken = []

    async def bench(ctx):
        waiting = list(vectors)
        ctx.set(core.o.ready, 1)
        for _ in range(64 * 2 * len(program) + 2000):
            ctx.set(core.i.valid, bool(waiting))
            ctx.set(core.i.payload, waiting[0] if waiting else 0)
            if waiting and ctx.get(core.i.ready):
                waiting.pop(0)
            if ctx.get(core.o.valid):
                taken.append(ctx.get(core.o.payload))
            await ctx.tick()

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return taken


@pytest.fixture
def quick_flash(monkeypatch):
    monkeypatch.setattr(spi_flash, "WAKE_CYCLES", 64)


@pytest.mark.usefixtures("quick_flash")
def test_a_program_is_loaded_from_the_flash_and_runs():
    model = builds.small_model("class")
    program = assemble(model)
    assert simulate_from_flash(model, program, program) == [
        answer(model, sample) for sample in random_samples(model, 3)
    ]


@pytest.mark.usefixtures("quick_flash")
def test_another_program_in_the_flash_is_never_run():
    model = builds.small_model("class")
    program = assemble(model)
    table = program.table.copy()
    table[-3] ^= 1
    assert simulate_from_flash(model, program, replace(program, table=table)) == []


def test_a_program_beyond_the_ram_is_refused_with_what_there_is():
    model = builds.deep_model(layers=9, width=2000)
    with pytest.raises(DesignError, match=r"20,\d+ instructions of 4\d bits; .* holds 16,384"):
        FlashProgram(assemble(model), FLASH)
