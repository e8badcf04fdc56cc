"""Proofs of programs and of serial designs: what is right is proved, what is wrong refuted."""

from __future__ import annotations

from dataclasses import replace

import builds
import numpy as np
import pytest
import strategies
from cores import random_samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processor import Processor
from recurrent_models import N_STATE, model_with_state

from lgncc.errors import DesignError
from lgncc.mapping.assembler import assemble
from lgncc.mapping.program import Op, Program
from lgncc.mapping.saved import load_program, load_serial, save_program, save_serial
from lgncc.mapping.serial import map_serial
from lgncc.verify.lemma import RefutedError
from lgncc.verify.program import check_program, check_writes, execute
from lgncc.verify.serial import check_serial

FAULTS = 60


@pytest.mark.parametrize("kind", ["class", "scores", "bits"])
def test_a_program_is_proved(kind):
    model = builds.small_model(kind)
    rung = check_program(model, assemble(model))
    assert (rung.rung, rung.result) == ("mapping", "proved")


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_the_program_of_any_model_is_proved_state_included(data):
    model = data.draw(strategies.models(max_state=3))
    check_program(model, assemble(model))


@pytest.mark.parametrize("kind", ["class", "bits"])
def test_every_fault_of_a_program_that_shows_in_an_answer_is_refuted(kind):
    model = builds.small_model(kind)
    program = assemble(model)
    samples = random_samples(model, 64)

    def answers(one):
        processor = Processor(model, one)
        return [processor.step(sample) for sample in samples]

    right, rng, shown = answers(program), np.random.default_rng(0), 0
    for _ in range(FAULTS):
        name = rng.choice(["op", "table", "a", "b", "dst", "immediate"])
        column = getattr(program, name).copy()
        bits = {"op": 3, "table": 4}.get(name, program.address_bits)
        column[rng.integers(len(column))] ^= 1 << rng.integers(bits)
        if name in ("a", "b", "dst") and column.max() >= program.depth:
            continue
        wrong = replace(program, **{name: column})
        if answers(wrong) != right:
            shown += 1
            with pytest.raises(DesignError):
                check_program(model, wrong)
    assert shown > FAULTS / 4


def test_a_read_too_soon_after_its_write_is_refuted():
    model = builds.deep_model(layers=3, width=8)
    program = assemble(model)
    kept = np.flatnonzero(program.op != Op.NOP)
    assert len(kept) < len(program), "this narrow network needs pauses"
    names = ("op", "table", "a", "b", "dst", "immediate")
    hurried = replace(program, **{name: getattr(program, name)[kept] for name in names})
    with pytest.raises(RefutedError):
        check_program(model, hurried)


def test_an_instruction_that_counts_on_the_old_value_beside_a_write_is_refuted():
    model = builds.small_model("bits")
    # Place 3 is loaded, written again, and read in the very next instruction.
    ops = [Op.LOAD, Op.NOP, Op.GATE, Op.GATE]
    program = Program(
        op=ops,
        table=[0, 0, 0xF, 0xA],
        a=[0, 0, 0, 3],
        b=[0] * 4,
        dst=[3, 0, 3, 2],
        immediate=[0] * 4,
        depth=4,
        n_loads=1,
    )
    with pytest.raises(RefutedError, match="instruction 3 reads what 2 is just writing"):
        check_writes(model, execute(program))
    far = replace(program, a=np.array([0, 0, 0, 1]), table=np.array([0, 0, 0xF, 0]))
    check_writes(model, execute(far))


@pytest.mark.parametrize("row", [(1, 1), (3, 1), (1, 2), (2, 3), (16, 4)])
@pytest.mark.parametrize("kind", ["class", "scores"])
def test_a_serial_design_is_proved(kind, row):
    rung = check_serial(map_serial(builds.small_model(kind), *row))
    assert (rung.rung, rung.result) == ("mapping", "proved")


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_serial_design_of_any_model_is_proved_state_included(data):
    model = data.draw(strategies.models(max_state=3))
    if model.readout.kind == "bits":
        return
    check_serial(map_serial(model, data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))))


def test_a_fault_in_the_state_of_a_serial_design_is_refuted():
    right = map_serial(model_with_state("class"), 2, 2)
    luts = right.luts
    for bit in range(N_STATE):  # the gate that makes it, and what it is made of
        table, next_state = luts.table.copy(), luts.next_state.copy()
        table[next_state[bit] - luts.first_gate] ^= np.uint64(1)
        next_state[bit] = next_state[bit - 1]
        for wrong in ({"table": table}, {"next_state": next_state}):
            with pytest.raises(RefutedError, match="step: refuted: next state") as refuted:
                check_serial(replace(right, luts=replace(luts, **wrong)))
            assert refuted.value.lemma == "step"


def serial_faults(design):
    """Name and design of faults, each of which changes what is counted."""
    luts, n = design.luts, len(design.place)
    table = luts.table.copy()
    table[-1] ^= np.uint64(0xFFFF)
    yield "step", replace(design, luts=replace(luts, table=table))
    yield "step", replace(design, luts=replace(luts, next_state=np.roll(luts.next_state, 1)))
    yield "rows", replace(design, place=np.r_[design.place[1:2], design.place[1:]])
    yield "rows", replace(design, place=np.r_[luts.n_state, design.place[1:]])
    yield "rows", replace(design, term=design.term[:-1], place=design.place[:-1])
    yield "rows", replace(design, term=np.roll(design.term, 1))
    group = design.group.copy()
    group[np.flatnonzero(np.diff(group))[0]] += 1
    yield "rows", replace(design, group=group)
    yield "rows", replace(design, group=design.group + 1)
    yield "rows", replace(design, group=design.group[::-1])
    yield "rows", replace(design, column=design.column + 1)
    yield "rows", replace(design, column=design.column + 64)
    yield "rows", replace(design, lane=design.lane + 1)
    yield "rows", replace(design, lane=np.zeros_like(design.lane))
    yield "rows", replace(design, luts=replace(luts, outputs=luts.outputs[::-1]))
    form = replace(design.form, inverted=~design.form.inverted)
    yield "normal form", replace(design, form=form)
    constant = design.form.constant + np.arange(len(design.form.constant))
    yield "normal form", replace(design, form=replace(design.form, constant=constant))
    assert n > 2


@pytest.mark.parametrize("classes_a_cycle", [1, 2])
def test_faults_of_a_serial_design_are_refuted_by_name(classes_a_cycle):
    design = map_serial(builds.small_model("class"), 2, classes_a_cycle)
    for lemma, wrong in serial_faults(design):
        with pytest.raises(RefutedError) as refuted:
            check_serial(wrong)
        assert refuted.value.lemma == lemma


def test_both_are_the_same_after_a_round_trip_to_disk(tmp_path):
    model = builds.small_model("class")
    save_program(assemble(model), tmp_path / "program.npz")
    assert np.array_equal(load_program(tmp_path / "program.npz").words, assemble(model).words)
    save_serial(map_serial(model, 3, 2), tmp_path / "serial.npz")
    assert check_serial(load_serial(tmp_path / "serial.npz", model)).result == "proved"
