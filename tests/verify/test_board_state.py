"""Rung "board rtl" of designs with state: sequences as frames, and a shell that steps twice."""

from __future__ import annotations

import json
import shutil

import pytest
from builds import refutation, write_build
from recurrent_models import model_with_state, random_sequences
from shell_faults import forget_repeats

from lgncc.boards import load_board
from lgncc.dataset import Dataset
from lgncc.emit.board import emit_core
from lgncc.hw.folded import FoldedCore
from lgncc.hw.sequence import Sequencing
from lgncc.verify.rtl import check_board

pytestmark = pytest.mark.slow

BOARD = load_board("icebreaker")
MODEL = model_with_state()
LAST = Sequencing("last-step")


def silent(_):
    pass


@pytest.fixture(scope="module")
def folded(tmp_path_factory, verilator_runtime):
    """Answers at the last step."""
    design = emit_core(lambda: FoldedCore(MODEL, sequencing=LAST), BOARD)
    folder = tmp_path_factory.mktemp("folded") / "build"
    return write_build(folder, MODEL, design=design, runtime=verilator_runtime)


def test_sequences_answered_at_their_last_step_pass(folded, tmp_path):
    data = Dataset(tmp_path / "mine.npz", random_sequences(MODEL, 2, 30), None)
    rung = check_board(folded, data, silent)
    assert (rung.rung, rung.result) == ("board rtl", "tested")
    assert rung.detail == (
        "60 samples of mine.npz + 256 random as UART frames, damaged and repeated frames, resets; "
        "12 cycles a bit"
    )


def test_a_board_that_takes_repeated_steps_twice_is_refuted(folded, tmp_path, monkeypatch):
    forget_repeats(monkeypatch)
    shutil.copytree(folded, tmp_path / "mutant")  # what all simulators share is compiled there
    design = emit_core(lambda: FoldedCore(MODEL), BOARD)
    mutant = write_build(tmp_path / "mutant", MODEL, design=design)
    assert "repeated steps: random vector" in refutation(check_board, mutant)


def test_a_board_that_states_no_state_is_refuted(folded, tmp_path):
    mutant = shutil.copytree(folded, tmp_path / "mutant")
    facts = json.loads((mutant / "design.json").read_text())
    (mutant / "design.json").write_text(json.dumps(facts | {"answers_last": False}))
    assert "identity: IDENT request: expected IDENT_REPLY" in refutation(check_board, mutant)
