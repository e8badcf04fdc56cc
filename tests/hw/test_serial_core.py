"""The class-serial core in Verilator: answers and cycles on digits, with stalls and resets."""

from __future__ import annotations

from dataclasses import replace

import builds
import numpy as np
import pytest

from lgncc.boards import load_board
from lgncc.emit.board import emit_core
from lgncc.errors import DesignError
from lgncc.hw.serial_core import SerialCore
from lgncc.mapping.serial import map_serial
from lgncc.verify.rtl import check_core


def build(folder, model, design, runtime):
    built = emit_core(lambda: SerialCore(design, input_register=False), load_board("icebreaker"))
    builds.write_build(folder, model, design=built, runtime=runtime)
    return folder


@pytest.mark.parametrize(
    ("kind", "row"), [("class", (1, 1)), ("class", (2, 3)), ("scores", (3, 2))]
)
def test_every_answer_is_right_and_at_the_stated_cycle(tmp_path, verilator_runtime, kind, row):
    model = builds.small_model(kind)
    design = map_serial(model, *row)
    rung = check_core(build(tmp_path, model, design, verilator_runtime), None, print)
    assert rung.result == "tested"
    assert f"interval {design.rows}" in rung.detail


def test_a_row_that_counts_for_another_class_is_refuted(tmp_path, verilator_runtime):
    model = builds.small_model("class")
    design = map_serial(model, 1)
    group = design.group.copy()
    group[np.flatnonzero(np.diff(group))[0]] += 1
    folder = build(tmp_path, model, replace(design, group=group), verilator_runtime)
    with pytest.raises(DesignError, match="refuted"):
        check_core(folder, None, print)
