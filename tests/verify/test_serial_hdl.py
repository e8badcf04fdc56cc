"""Rung "hdl" of class-serial designs: LUTs and shift register in the Verilog are the design's."""

from __future__ import annotations

import re

import builds
import numpy as np
import pytest

from lgncc.emit.core import core_verilog
from lgncc.hw.serial_core import SerialCore
from lgncc.mapping.serial import map_serial
from lgncc.verify.hdl import check_hdl
from lgncc.verify.lemma import RefutedError

DESIGN = map_serial(builds.small_model(), 4)


@pytest.fixture(scope="module")
def text():
    return core_verilog(SerialCore(DESIGN))


def check(folder, text):
    (folder / "core.v").write_text(text)
    return check_hdl(DESIGN, folder / "core.v", ranks=0)


def test_the_luts_and_the_shift_register_are_proved(tmp_path, text):
    rung = check(tmp_path, text)
    assert rung.result == "proved"
    luts, state = DESIGN.luts.n_gates, DESIGN.luts.n_state
    assert f"{luts} LUTs, {state} registers in 0 ranks" in rung.detail


def test_two_bits_of_the_shift_register_that_change_places_are_refuted(tmp_path, text):
    assigned = re.findall(r"n\d+ <= (n\d+);", text.partition("module lgncc_luts")[2])
    rng = np.random.default_rng(0)
    for _ in range(10):
        one, other = rng.choice(sorted(set(assigned)), 2, replace=False)
        swap = {one: other, other: one}
        wrong = re.sub(
            r"(n\d+ <= )(n\d+);", lambda m, swap=swap: f"{m[1]}{swap.get(m[2], m[2])};", text
        )
        with pytest.raises(RefutedError, match="next state"):
            check(tmp_path, wrong)


def test_a_register_without_the_enable_is_refuted(tmp_path, text):
    wrong, count = re.subn(r"if \(step\) begin", "begin", text)
    assert count == 1
    with pytest.raises(RefutedError, match="another enable than the state"):
        check(tmp_path, wrong)


def test_a_lut_of_another_function_is_refuted(tmp_path, text):
    luts = list(re.finditer(r"wire n\d+ = (\w+)\[\{([^{}]*)\}\];", text))
    for at in np.linspace(0, len(luts) - 1, 8).astype(int):
        lut = luts[at]
        zeros = ", ".join(["1'b0"] * (lut[2].count(",") + 1))
        wrong = text[: lut.start(2)] + zeros + text[lut.end(2) :]
        with pytest.raises(RefutedError):
            check(tmp_path, wrong)
