# amaranth: UnusedElaboratable=no
"""Cores with state in a real simulator: every step right, at the cycles that they state.

What is right is said by tests/naive.py, and over 1,000 steps by torch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from cores import pack, random_samples
from mapped_designs import map_plainly
from recurrent_models import answers_of, model_with_state

from lgncc import nn
from lgncc.emit.core import core_verilog
from lgncc.frontends import native
from lgncc.frontends.source import GivenFacts, Source
from lgncc.hw.folded import FoldedCore
from lgncc.hw.mapped_core import MappedCore
from lgncc.hw.sequence import Sequencing
from lgncc.hw.serial_core import SerialCore
from lgncc.hw.streaming_core import StreamingCore
from lgncc.mapping import map_model
from lgncc.mapping.serial import map_serial
from lgncc.mapping.stages import plan_stages
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.passes.unread import without_unread
from lgncc.sim.job import Design
from lgncc.sim.runner import CORE, Vectors, simulate
from lgncc.sim.vectors import AnswerFormat, by_turns, pack_steps

VECTORS = 120
STEPS = 1_000
SPATIAL, DEEP = 100, 3
"""LUT levels between registers: with the latter, there are ranks inside the loop of the state."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all, so that what all simulators share is compiled once."""
    return tmp_path_factory.mktemp("recurrent")


def as_rows(payloads):
    octets = b"".join(payload.to_bytes(8, "little") for payload in payloads)
    return np.frombuffer(octets, np.uint8).reshape(-1, 8)


def stream_of(model, sequencing, seed=0):
    """Vectors of sequences of random lengths, and the answer of each step."""
    samples, rng = random_samples(model, VECTORS, seed), np.random.default_rng(seed)
    slots = sequencing.sequences
    first = (rng.random(VECTORS) < 0.2) | (np.arange(VECTORS) < slots)
    last = rng.random(VECTORS) < 0.3 if sequencing.answering == "last-step" else None
    values = np.ldexp(np.array(samples, float), -model.encoder.fraction.astype(int))
    answers = as_rows(answers_of(model, samples, first, slots))
    return Vectors(pack_steps(model.encoder, values, first, last), answers, 0)


def check(folder, core, sequencing, vectors, **wrong):
    """What the bench of lgncc.sim says, with stalls, gaps and resets."""
    (folder / "core.v").write_text(core_verilog(core))
    stated = {
        "in_width": len(core.i.payload),
        "answer": AnswerFormat.of(core.model),
        "latency_cycles": core.latency_cycles,
        "initiation_interval": core.initiation_interval,
        "uart_divisor": 1,
        "build_id": "",
        "has_state": True,
        "answers_last": sequencing.answering == "last-step",
        "sequences": sequencing.sequences,
        "step_cycles": core.step_cycles,
        "capacity": getattr(core, "capacity", None),
    }
    return simulate(CORE, folder / "core.v", Design(**stated | wrong), vectors, folder).refuted


def plainly_mapped(make, kind, levels, sequencing, *, input_register=False):
    design = map_plainly(model_with_state(kind), np.random.default_rng(0))
    stages = plan_stages(design.luts, levels)
    return make(design, stages, sequencing=sequencing, input_register=input_register)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "kind", "levels", "sequencing", "input_register"),
    [
        (MappedCore, "scores", SPATIAL, Sequencing("last-step"), True),
        (MappedCore, "class", DEEP, Sequencing("last-step", sequences=2), False),
        (StreamingCore, "bits", DEEP, Sequencing("last-step", sequences=3), True),
    ],
)
def test_steps_are_answered_as_defined_at_the_stated_cycles(
    folder, make, kind, levels, sequencing, input_register
):
    core = plainly_mapped(make, kind, levels, sequencing, input_register=input_register)
    assert (core.loop > 1) == (levels == DEEP)
    assert check(folder, core, sequencing, stream_of(core.model, sequencing)) is None


@pytest.mark.slow
def test_a_class_serial_core_takes_every_step_and_answers_the_last_ones(folder):
    sequencing = Sequencing("last-step")
    design = map_serial(model_with_state("class"), 2, 2)
    core = SerialCore(design, answering="last-step")
    assert core.step_cycles == core.initiation_interval == design.rows
    assert check(folder, core, sequencing, stream_of(core.model, sequencing)) is None


@pytest.mark.slow
def test_another_number_of_sequences_or_cycles_than_stated_is_refuted(folder):
    built, stated = Sequencing(sequences=4), Sequencing(sequences=3)
    core = plainly_mapped(MappedCore, "scores", DEEP, built)
    assert core.initiation_interval == 1
    vectors = stream_of(core.model, built)
    assert check(folder, core, built, vectors) is None
    assert "expected" in check(folder, core, stated, stream_of(core.model, stated), step_cycles=1)
    assert "i__ready is 1" in check(folder, core, built, vectors, step_cycles=5)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A random recurrent network in torch, and what is compiled of it."""
    generator = torch.Generator().manual_seed(3)
    options = {"init": "random", "parametrization": "light", "generator": generator}
    network = nn.Streaming(
        nn.Thermometer(torch.tensor([[0.5, 1.5], [0.5, 2.5]]), nn.InputFormat(2)),
        nn.LogicRecurrent(4, 6, "lstm", 1, **options),
        nn.LogicDense(6, 12, **options),
        nn.GroupSum(3),
    ).eval()
    path = tmp_path_factory.mktemp("network") / "network.pt"
    nn.save(network, path)
    model = native.read(Source(path), GivenFacts())
    model = replace(model, readout=replace(model.readout, kind="scores"))
    return network, without_unread(optimize(model, choose_pipeline(2), prove=False).model)


def as_torch_says(network, model, sequences, by):
    """Sequences of 1,000 steps that begin anew now and then, taken by turns, and torch's scores."""
    generator = torch.Generator().manual_seed(4)
    x = torch.randint(4, (sequences, STEPS, 2), generator=generator)
    first = torch.rand(sequences, STEPS, generator=generator) < 0.01
    first[:, 0] = True
    with torch.no_grad():
        scores = network(x.float(), first)
        assert not torch.equal(scores, network(x.float())), "it matters where sequences begin"
    order = by_turns(sequences, STEPS, by)
    width = AnswerFormat.of(model).width
    answers = [pack((score, width) for score in row) for row in scores.flatten(0, 1).tolist()]
    inputs = pack_steps(model.encoder, x.flatten(0, 1).numpy(), first.flatten().numpy())
    return Vectors(inputs[order], as_rows(answers)[order], len(order))


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture", ["spatial", "pipelined", "pipelined by turns", "class-serial", "folded"]
)
def test_a_thousand_steps_with_resets_are_answered_as_by_torch(folder, network, architecture):
    network, model = network
    by = 4 if architecture == "pipelined by turns" else 1
    sequencing = Sequencing(sequences=by)
    if architecture == "folded":
        core = FoldedCore(model, sequencing=sequencing)
    elif architecture == "class-serial":
        core = SerialCore(map_serial(model, 2), input_register=False)
    else:
        design = map_model(model)
        stages = plan_stages(design.luts, 1 if by > 1 else 2 if "pipe" in architecture else 100)
        make = StreamingCore if by > 1 else MappedCore
        core = make(design, stages, sequencing=sequencing, input_register=False)
        assert (core.loop > 0) == (architecture != "spatial")
        assert by == 1 or core.initiation_interval == 1
    vectors = as_torch_says(network, model, max(by, 2) if architecture != "folded" else 1, by)
    assert check(folder, core, sequencing, vectors) is None


def test_interleaving_hides_the_cycles_of_a_deep_loop():
    spatial, one, two, all_ = (
        plainly_mapped(MappedCore, "class", levels, Sequencing(sequences=sequences))
        for levels, sequences in ((SPATIAL, 1), (1, 1), (1, 2), (1, 99))
    )
    assert (spatial.step_cycles, spatial.initiation_interval) == (1, 1)
    assert one.step_cycles == one.initiation_interval > 2
    assert two.initiation_interval == -(-one.step_cycles // 2)
    assert all_.initiation_interval == 1
