"""Sequences through a simulated board: the shipped parity network, a bad line and a reset button.

The labels are the parity itself, so they also say that each step was taken once.
"""

from __future__ import annotations

import cli
import numpy as np
import pytest
from run_both import run_both

from lgncc.errors import InputError
from lgncc.frontends import load
from lgncc.golden import predict
from lgncc.host.board import open_board
from lgncc.host.frames import BITS_A_BYTE
from lgncc.sim.simboard import LineFaults, running

pytestmark = pytest.mark.slow

NOISE = LineFaults(corrupt=0.004, drop=0.001, duplicate=0.001, swap=0.001, seed=5)


@pytest.fixture(scope="module")
def parity():
    """x uint8 (4, 1000, 2) and the parity y (4, 1000)."""
    with np.load(cli.PARITY_TEST) as data:
        return data["x"][:4], data["y"][:4]


def test_a_thousand_steps_through_a_noisy_line_and_resets_are_all_right(simulated, parity):
    x, y = (part[:1] for part in parity)
    with running(simulated["parity"], NOISE) as board:
        with open_board(simulated["parity"], board.port) as connected:
            pressed = iter([100, 250])
            due = next(pressed)

            def press(answered):
                nonlocal due
                if answered >= due:
                    board.reset()
                    due = next(pressed, len(x[0]) + 1)

            answers = connected.check(x, press)
            assert connected.client.retries > 50
        board.end()
    assert board.statistics["faults"] > 50
    np.testing.assert_array_equal(answers.classes, y)


def test_a_clean_line_is_kept_busy_with_steps(simulated, parity):
    x, y = parity
    with running(simulated["parity"]) as board:
        with open_board(simulated["parity"], board.port) as connected:
            answers = connected.check(x)
            build = connected.build
            assert connected.client.retries == 0
        board.end()
    np.testing.assert_array_equal(answers.classes, y)
    steps_per_s = y.size * build.clock_hz / board.statistics["awake_cycles"]
    line = build.baud / BITS_A_BYTE / 12  # 10 bytes and a one-byte vector between two ENDs
    assert 0.6 * line < steps_per_s < line


def test_steps_are_answered_one_by_one_though_the_board_is_reset(simulated, parity):
    x, y = parity
    with (
        running(simulated["parity"]) as board,
        open_board(simulated["parity"], board.port) as connected,
    ):
        sequence = connected.sequence()
        for step in range(40):
            if step == 20:
                board.reset()
            answer = sequence.step(x[0, step], last=step == 29)
            expected = y[0, step] if step < 30 else predict(load(cli.PARITY), x[:1, 30:40]).classes
            assert answer.classes == (expected if step < 30 else expected[0, step - 30])


def test_run_counts_sequences_and_steps(simulated, parity, tmp_path):
    x, y = (part[:3, :50] for part in parity)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    both = run_both(simulated["parity"], tmp_path / "data.npz", tmp_path)
    assert f"3 sequences, 150 steps through {both.port}: every answer is" in both.text
    assert "accuracy 100.00%" in both.text
    report = both.report
    assert (report["sequences"], report["samples"], report["accuracy"]) == (3, 150, 1.0)
    assert both.rows[0] == ["sample", "step", "class"]
    assert both.rows[51] == ["1", "0", str(y[1, 0])]
    assert [int(row[2]) for row in both.rows[1:]] == y.reshape(-1).tolist()
    np.testing.assert_array_equal(both.classes, y)


def test_samples_are_no_sequences_and_digits_have_none(simulated, parity):
    with (
        running(simulated["parity"]) as board,
        open_board(simulated["parity"], board.port) as connected,
        pytest.raises(InputError, match=r"x has shape \(1000, 2\); the model has state and takes"),
    ):
        connected.answer(parity[0][0])
    with (
        running(simulated["right"]) as board,
        open_board(simulated["right"], board.port) as connected,
        pytest.raises(InputError, match="the network has no state, so no sequences"),
    ):
        connected.sequence()
