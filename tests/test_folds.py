"""What a class-serial readout could count in a cycle, and what that takes."""

from __future__ import annotations

import builds
import numpy as np
import pytest

from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.folds import folds
from lgncc.hw.serial_core import SerialCore
from lgncc.mapping.serial import map_serial


def model_of(classes, bits):
    return builds.deep_model(layers=2, width=classes * bits, classes=classes)


def folds_of(model):
    design = map_serial(model, 1)
    return folds(design.form, design.model.readout)


@pytest.mark.parametrize("kind", ["class", "scores"])
def test_a_design_has_the_rows_registers_and_cycles_of_its_fold(kind):
    model = builds.small_model(kind)
    for fold in folds_of(model):
        design = map_serial(model, fold.bits, fold.classes)
        assert (design.rows, design.luts.n_state) == (fold.rows, fold.registers)
        core = SerialCore(design, input_register=False)
        assert core.latency_cycles == fold.latency_cycles


def test_each_is_slower_than_the_one_before_and_takes_fewer_cells():
    found = folds_of(model_of(classes=10, bits=60))
    latency, cells = np.array([(fold.latency_cycles, fold.cells) for fold in found]).T
    assert len(found) > 5
    assert (np.diff(latency) > 0).all()
    assert (np.diff(cells) < 0).all()


def test_whole_rows_of_a_class_are_among_them():
    # 60 bits in one row, two, three; 64, 32 and 16 would leave places empty.
    bits = {fold.bits for fold in folds_of(model_of(classes=10, bits=60))}
    assert {60, 30, 20} < bits
    assert not {64, 32, 16} & bits


def test_many_small_classes_are_counted_several_at_once():
    found = folds_of(model_of(classes=50, bits=8))
    several = [fold for fold in found if fold.classes > 1]
    assert len(several) > 3
    assert all(fold.rows < 50 for fold in several)
    one_by_one = next(fold for fold in found if fold.classes == 1)
    # A tenth of the cycles for twice the cells.
    assert any(
        fold.rows <= one_by_one.rows / 10 and fold.cells < 2 * one_by_one.cells for fold in several
    )


def test_auto_counts_several_classes_at_once_where_a_pipeline_has_no_room():
    planner = Planner(model_of(classes=100, bits=9))
    board = load_board("icebreaker")
    estimates = planner.estimates(board, "latency")
    chosen = estimates[0]
    assert chosen.architecture == "class-serial"
    assert chosen.classes > 1
    assert chosen.latency_cycles < 100 / 4
    (pipelined,) = (e for e in estimates if e.architecture == "pipelined")
    assert "logic cells" in pipelined.obstacle
    reason = planner.reason(chosen, estimates, board, "latency", [])
    assert reason.startswith(f"bits counted a cycle: 9 of each of {chosen.classes} classes, ")
    assert planner.lower(chosen, board).design.core.initiation_interval == chosen.interval


def test_the_narrowest_counts_a_bit_or_as_few_as_cost_no_more():
    slowest = folds_of(model_of(classes=3, bits=100))[-1]
    assert (slowest.bits, slowest.classes) == (1, 1)
