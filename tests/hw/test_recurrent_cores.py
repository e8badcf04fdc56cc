# amaranth: UnusedElaboratable=no
"""Cores with state in a real simulator: every step right, at the cycles that they state."""

from __future__ import annotations

import numpy as np
import pytest
from cores import random_samples
from mapped_designs import map_plainly
from recurrent_models import answers_of, model_with_state

from lgncc.emit.core import core_verilog
from lgncc.hw.folded import FoldedCore
from lgncc.hw.mapped_core import MappedCore
from lgncc.hw.sequence import Sequencing
from lgncc.mapping.stages import plan_stages
from lgncc.sim.job import Design
from lgncc.sim.runner import CORE, Vectors, simulate
from lgncc.sim.vectors import AnswerFormat, pack_steps

VECTORS = 120


def stream_of(model, sequencing, seed=0):
    """Vectors of sequences of random lengths, and the answer of each step."""
    samples, rng = random_samples(model, VECTORS, seed), np.random.default_rng(seed)
    slots = sequencing.sequences
    first = (rng.random(VECTORS) < 0.2) | (np.arange(VECTORS) < slots)
    last = rng.random(VECTORS) < 0.3 if sequencing.answering == "last-step" else None
    values = np.ldexp(np.array(samples, float), -model.encoder.fraction.astype(int))
    answers = [
        payload.to_bytes(8, "little") for payload in answers_of(model, samples, first, slots)
    ]
    packed = np.frombuffer(b"".join(answers), np.uint8).reshape(VECTORS, 8)
    return Vectors(pack_steps(model.encoder, values, first, last), packed, 0)


def check(folder, core, sequencing, vectors, **wrong):
    """What the bench of lgncc.sim says, with stalls, gaps and resets."""
    model = core.model
    (folder / "core.v").write_text(core_verilog(core))
    stated = {
        "in_width": len(core.i.payload),
        "answer": AnswerFormat.of(model),
        "latency_cycles": core.latency_cycles,
        "initiation_interval": core.initiation_interval,
        "uart_divisor": 1,
        "build_id": "",
        "has_state": True,
        "answers_last": sequencing.answering == "last-step",
        "sequences": sequencing.sequences,
        "step_cycles": core.step_cycles,
    }
    return simulate(CORE, folder / "core.v", Design(**stated | wrong), vectors, folder).refuted


def mapped_core(kind, levels, sequencing, *, input_register=False):
    model = model_with_state(kind)
    design = map_plainly(model, np.random.default_rng(0))
    stages = plan_stages(design.luts, levels)
    return MappedCore(design, stages, sequencing=sequencing, input_register=input_register)


SPATIAL, DEEP = 100, 3
"""LUT levels between registers: with the latter, four ranks are inside the loop of the state."""


@pytest.mark.parametrize(
    ("kind", "levels", "sequencing", "input_register"),
    [
        ("scores", SPATIAL, Sequencing(), True),
        ("class", SPATIAL, Sequencing("last-step"), False),
        ("bits", DEEP, Sequencing(), False),
        ("class", DEEP, Sequencing("last-step", sequences=2), True),
        ("scores", DEEP, Sequencing(sequences=9), False),
    ],
)
def test_every_step_is_answered_at_the_stated_cycle(
    tmp_path, kind, levels, sequencing, input_register
):
    core = mapped_core(kind, levels, sequencing, input_register=input_register)
    assert check(tmp_path, core, sequencing, stream_of(core.model, sequencing)) is None


@pytest.mark.parametrize("answering", ["each-step", "last-step"])
def test_a_gate_processor_answers_the_steps_that_it_shall(tmp_path, answering):
    sequencing = Sequencing(answering)
    core = FoldedCore(model_with_state(), sequencing=sequencing)
    assert check(tmp_path, core, sequencing, stream_of(core.model, sequencing)) is None


def test_states_of_other_sequences_than_stated_are_refuted(tmp_path):
    built, stated = Sequencing(sequences=9), Sequencing(sequences=8)
    core = mapped_core("scores", DEEP, built)
    found = check(tmp_path, core, stated, stream_of(core.model, stated))
    assert "expected" in found
    again = check(tmp_path, core, built, stream_of(core.model, built), step_cycles=1)
    assert again is None


def test_a_deep_loop_takes_as_many_cycles_as_its_levels_do_and_interleaving_hides_them():
    spatial, one, two, all_ = (
        mapped_core("class", levels, Sequencing(sequences=sequences))
        for levels, sequences in ((SPATIAL, 1), (1, 1), (1, 2), (1, 9))
    )
    assert (spatial.step_cycles, spatial.initiation_interval) == (1, 1)
    assert one.step_cycles == one.initiation_interval > 2
    assert two.initiation_interval == -(-one.step_cycles // 2)
    assert all_.initiation_interval == -(-one.step_cycles // 9)
