"""Rung "board rtl" of designs whose core has a clock of its own: any ratio, any phase."""

from __future__ import annotations

import shutil

import builds
import numpy as np
import pytest
from amaranth.hdl import Signal
from mapped_designs import map_plainly

from lgncc.boards import load_board
from lgncc.emit.board import emit_mapped_board
from lgncc.fastest import at_clock
from lgncc.golden import predict
from lgncc.hw.shell import Shell
from lgncc.hw.streaming_core import StreamingCore
from lgncc.mapping.stages import plan_stages
from lgncc.verify import rtl
from lgncc.verify.frontend import random_samples
from lgncc.verify.rtl import check_board

pytestmark = pytest.mark.slow
MODEL = builds.small_model()
BOARD = at_clock(load_board("ulx3s-85f"), 150, "pipelined")


@pytest.fixture(autouse=True)
def few_vectors(monkeypatch):
    monkeypatch.setattr(rtl, "BOARD_CYCLES", 500_000)


def emitted(model=MODEL):
    mapped = map_plainly(model, np.random.default_rng(0))
    design = emit_mapped_board(mapped, plan_stages(mapped.luts, 2), BOARD)
    assert type(design.core) is StreamingCore
    return design


@pytest.fixture(scope="module")
def build(tmp_path_factory, verilator_runtime):
    folder = tmp_path_factory.mktemp("clocks") / "build"
    return builds.write_build(folder, MODEL, design=emitted(), runtime=verilator_runtime)


@pytest.fixture
def mutant(build, tmp_path):
    return shutil.copytree(build, tmp_path / "mutant")


def test_a_core_at_150_mhz_behind_a_link_at_25_is_right_at_other_ratios_too(build):
    rung = check_board(build, None, lambda _: None)
    assert rung.result == "tested"
    assert rung.detail.endswith("resets, clocks of other ratios; 25 cycles a bit")


def swapped(gate):
    return builds.with_gate(MODEL, gate, fanin=MODEL.netlist.fanin[gate, ::-1])


def test_swapped_wires_in_the_core_are_refuted(mutant):
    x = random_samples(MODEL.encoder, 256)
    right = predict(MODEL, x).classes
    gates = range(MODEL.netlist.n_gates)
    worst = max(gates, key=lambda gate: np.sum(predict(swapped(gate), x).classes != right))
    builds.write_build(mutant, MODEL, design=emitted(swapped(worst)))
    assert "expected class" in builds.refutation(check_board, mutant)


def test_a_vector_that_changes_while_it_crosses_is_refuted_though_its_answer_is_right(
    mutant, monkeypatch
):
    vector = Shell._vector

    def wobbling(self, m, link_rx):
        before = Signal()
        m.d.sync += before.eq(link_rx.held)
        return vector(self, m, link_rx) ^ (link_rx.held & ~before)

    monkeypatch.setattr(Shell, "_vector", wobbling)
    builds.write_build(mutant, MODEL, design=emitted())
    assert builds.refutation(check_board, mutant) == (
        "board rtl: refuted: all vectors: "
        "the vector changed while the core's clock domain could read it"
    )
