# amaranth: UnusedElaboratable=no
"""The gate processor with its program streamed from flash, and its nodes in single-port RAM."""

from __future__ import annotations

from dataclasses import replace

import builds
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out
from cores import Drive, answer, random_samples, vectors_of

from lgncc.hw import spi_flash
from lgncc.hw.flash import FlashProgram
from lgncc.hw.folded import FoldedCore
from lgncc.hw.nodes import BlockNodes, SinglePortNodes
from lgncc.hw.spi_flash import Flash, SimulatedFlash
from lgncc.hw.streamed import StreamedProgram
from lgncc.mapping.assembler import assemble

FLASH = Flash("", 0x20000, 1 << 24, pulse_cycles=1)
SLOW = [FLASH, replace(FLASH, pulse_cycles=2), replace(FLASH, pulse_cycles=3)]
NODES = {"block RAM": BlockNodes, "single-port RAM": SinglePortNodes}


@pytest.fixture(autouse=True)
def quick_flash(monkeypatch):
    monkeypatch.setattr(spi_flash, "WAKE_CYCLES", 16)


def model_of_chunks():
    """A network whose program takes three chunks, the loads not all of the first."""
    return builds.deep_model(layers=3, width=92)


def streamed(model, lanes=1, nodes="single-port RAM", flash=FLASH):
    program = assemble(model)
    return FoldedCore(
        model,
        lanes=lanes,
        program=program,
        memory=StreamedProgram(program, flash),
        nodes=NODES[nodes](program.depth, lanes),
    )


@pytest.mark.parametrize(
    ("nodes", "flash"), [*((nodes, FLASH) for nodes in NODES), ("block RAM", SLOW[1])]
)
def test_a_streamed_program_keeps_the_stated_latency_interval_and_start(nodes, flash):
    model = model_of_chunks()
    core = streamed(model, nodes=nodes, flash=flash)
    samples = random_samples(model, 2)
    drive = Drive(core)
    taken = drive.run(
        vectors_of(model, samples), cycles=core.start_cycles + 2 * core.initiation_interval
    )
    starts = [core.start_cycles + n * core.initiation_interval for n in range(2)]
    assert [cycle for cycle, _ in drive.accepted] == starts
    assert taken == [
        (start + core.latency_cycles, answer(model, sample))
        for start, sample in zip(starts, samples, strict=True)
    ]


def test_nodes_in_single_port_ram_keep_what_other_lanes_loaded():
    model = model_of_chunks()
    core = streamed(model, lanes=3)
    samples = random_samples(model, 5)
    drive = Drive(core)
    taken = drive.run(
        vectors_of(model, samples), cycles=core.start_cycles + 6 * core.initiation_interval
    )
    assert [payload for _, payload in taken] == [answer(model, sample) for sample in samples]
    first, second, third, fourth = (cycle for cycle, _ in drive.accepted[:4])
    assert second - first == third - second == core.pace.load_cycles + 1
    assert fourth - first == pytest.approx(3 * core.initiation_interval, abs=3)
    assert taken[0][0] - third == core.latency_cycles


def test_the_program_may_be_in_block_ram_and_the_nodes_in_single_port_ram():
    model = builds.small_model("scores")
    program = assemble(model)
    core = FoldedCore(model, program=program, nodes=SinglePortNodes(program.depth, 1))
    samples = random_samples(model, 4)
    taken = Drive(core).run(vectors_of(model, samples), cycles=5 * core.initiation_interval)
    assert taken == [
        (n * core.initiation_interval + core.latency_cycles, answer(model, sample))
        for n, sample in enumerate(samples)
    ]


@pytest.mark.parametrize("flash", SLOW)
def test_a_program_that_is_loaded_at_start_is_ready_at_the_stated_cycle(flash):
    model = builds.small_model("class")
    program = assemble(model)
    core = FoldedCore(model, program=program, memory=FlashProgram(program, flash))
    drive = Drive(core)
    samples = random_samples(model, 1)
    taken = drive.run(
        vectors_of(model, samples), cycles=core.start_cycles + core.latency_cycles + 1
    )
    assert [cycle for cycle, _ in drive.accepted] == [core.start_cycles]
    assert taken == [(core.start_cycles + core.latency_cycles, answer(model, samples[0]))]


class Disturbed(Component):
    """A flash that shows a wrong bit in one cycle."""

    cycle = 0

    def __init__(self, image, flash):
        self.flash = SimulatedFlash(image, flash)
        super().__init__({"cs": In(1), "clk": In(1), "copi": In(1), "dq": Out(2)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.flash = flash = self.flash
        now = Signal(32)
        m.d.sync += now.eq(now + 1)
        m.d.comb += [getattr(flash, name).eq(getattr(self, name)) for name in ("cs", "clk", "copi")]
        there = (now >= self.cycle) & (now < self.cycle + flash.flash.pulse_cycles)
        m.d.comb += self.dq.eq(flash.dq ^ there)
        return m


def test_a_program_with_a_damaged_bit_is_loaded_again_and_the_answer_is_right(monkeypatch):
    model = builds.small_model("class")
    program = assemble(model)
    core = FoldedCore(model, program=program, memory=FlashProgram(program, FLASH))
    once = core.start_cycles - FLASH.ready_cycles
    monkeypatch.setattr(Disturbed, "cycle", core.start_cycles - once // 2)
    monkeypatch.setattr(spi_flash, "SimulatedFlash", Disturbed)
    samples = random_samples(model, 1)
    drive = Drive(core)
    cycles = core.start_cycles + once + core.latency_cycles + 10
    ((_, payload),) = drive.run(vectors_of(model, samples), cycles=cycles)
    assert payload == answer(model, samples[0])
    ((accepted, _),) = drive.accepted
    assert core.start_cycles + once - 10 < accepted < core.start_cycles + once + 10


def test_a_flash_with_a_flipped_byte_is_never_answered_from():
    model = model_of_chunks()
    core = streamed(model, flash=SLOW[1])
    image = bytearray(core.memory.image())
    image[1] ^= 0xFF
    core.memory.image = lambda: bytes(image)
    vectors = vectors_of(model, random_samples(model, 1))
    assert Drive(core).run(vectors, cycles=core.start_cycles + core.latency_cycles + 100) == []


def test_a_chunk_of_another_program_never_runs():
    model = model_of_chunks()
    core = streamed(model)
    program = core.program
    table = program.table.copy()
    table[-3] ^= 1
    other = StreamedProgram(replace(program, table=table), FLASH)
    core.memory.image = other.image
    (vector,) = vectors_of(model, random_samples(model, 1))
    assert Drive(core).run([vector], cycles=core.start_cycles + 2 * core.latency_cycles) == []


@pytest.mark.parametrize(("chunk", "flash"), [(0, FLASH), (1, SLOW[1])])
def test_a_chunk_with_a_damaged_bit_is_read_again_and_the_answer_is_right(
    chunk, flash, monkeypatch
):
    model = model_of_chunks()
    core = streamed(model, flash=flash)
    cycles = core.memory.fetch.chunk_cycles
    in_chunk = core.start_cycles + flash.seek_cycles + chunk * cycles + cycles // 2
    monkeypatch.setattr(Disturbed, "cycle", in_chunk)
    monkeypatch.setattr(spi_flash, "SimulatedFlash", Disturbed)
    vectors = vectors_of(model, random_samples(model, 1))
    taken = Drive(core).run(vectors, cycles=core.start_cycles + 2 * core.latency_cycles)
    ((cycle, payload),) = taken
    assert payload == answer(model, random_samples(model, 1)[0])
    late = cycle - core.start_cycles - core.latency_cycles
    assert cycles < late < cycles + 100 * flash.pulse_cycles
