"""Rung "rtl" of a gate processor: it is held to the cycles that its design states."""

from __future__ import annotations

import json

import pytest
from builds import small_model, write_build

from lgncc.boards import load_board
from lgncc.emit.board import emit_core
from lgncc.errors import DesignError
from lgncc.hw.folded import FoldedCore
from lgncc.verify.rtl import check_core

TIME = r"rtl: refuted: back to back: (i__ready|o__valid).* is [01] .*the design states"


@pytest.fixture(scope="module")
def build(tmp_path_factory, verilator_runtime):
    model = small_model()
    design = emit_core(lambda: FoldedCore(model, lanes=4), load_board("icebreaker"))
    folder = tmp_path_factory.mktemp("lanes") / "build"
    write_build(folder, model, design=design, runtime=verilator_runtime)
    assert check_core(folder, None, lambda _: None).result == "tested"
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("fact", ["start_cycles", "load_cycles", "run_cycles", "lanes"])
def test_a_batch_that_keeps_another_time_than_stated_is_refuted(build, fact):
    path = build / "design.json"
    stated = path.read_text()
    facts = json.loads(stated)
    facts["batch"][fact] += 1
    path.write_text(json.dumps(facts))
    with pytest.raises(DesignError, match=TIME):
        check_core(build, None, lambda _: None)
    path.write_text(stated)
