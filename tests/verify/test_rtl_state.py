"""Rung "rtl" of a network with state: step by step in Verilator, with stalls and resets."""

from __future__ import annotations

import builds
import numpy as np
import pytest
from recurrent_models import model_with_state

from lgncc.boards import load_board
from lgncc.dataset import Dataset
from lgncc.emit.board import emit_core
from lgncc.errors import DesignError
from lgncc.hw.folded import FoldedCore
from lgncc.verify.rtl import check_core


def build(folder, model, built, runtime):
    design = emit_core(lambda: FoldedCore(built), load_board("icebreaker"))
    builds.write_build(folder, model, design=design, runtime=runtime)
    return folder


def test_every_step_is_answered_as_the_golden_model_does(tmp_path, verilator_runtime):
    model = model_with_state()
    folder = build(tmp_path, model, model, verilator_runtime)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 8, (3, 50, model.encoder.n_features))
    x = x / np.ldexp(1.0, model.encoder.fraction.astype(int))
    data = Dataset(tmp_path / "steps.npz", x, None)
    rung = check_core(folder, data, print)
    assert rung.result == "tested"
    assert rung.detail.startswith("150 samples of steps.npz + 256 random, stalls, resets")


def test_another_reset_value_is_refuted(tmp_path, verilator_runtime):
    wrong = model_with_state(reset=(True, False, True, True))
    folder = build(tmp_path, model_with_state(), wrong, verilator_runtime)
    with pytest.raises(DesignError, match="rtl: refuted"):
        check_core(folder, None, print)
