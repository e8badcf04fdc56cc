"""`lgncc run` and `lgncc simboard` on simulated boards: what is written, said and left."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import cli
import numpy as np
import pytest
from builds import small_model
from run_both import run_both

from lgncc.golden import predict
from lgncc.host.frames import BITS_A_BYTE
from lgncc.sim.simboard import running

pytestmark = pytest.mark.slow


def golden(x):
    return predict(small_model(), x).classes


def test_run_writes_predictions_and_says_what_it_did(simulated, data, samples, tmp_path):
    both = run_both(simulated["right"], data, tmp_path)
    assert f"600 samples through {both.port}" in both.text
    assert "every answer is the golden model's" in both.text
    assert (both.report["samples"], both.report["retries"]) == (600, 0)
    assert both.report["line_samples_per_s"] == round(1e6 / BITS_A_BYTE / 13, 1)
    assert both.rows[0] == ["sample", "class"]
    assert [int(row[1]) for row in both.rows[1:]] == golden(samples).tolist()
    np.testing.assert_array_equal(both.classes, golden(samples))


def test_a_wrong_answer_fails_the_run_and_shows_the_vector(simulated, data, samples, tmp_path):
    out = tmp_path / "p.npz"
    with running(simulated["wrong"]) as board:
        done = cli.lgncc_process(
            "run", simulated["wrong"], f"--data={data}", f"--port={board.port}", f"--out={out}"
        )
    assert done.code == 1
    wrong = np.load(out)["classes"]
    differing = np.flatnonzero(wrong != golden(samples))
    first = differing[0]
    x = np.array2string(samples[first], threshold=64)
    assert done.error() == (
        f"board: refuted: sample {first}: expected class {golden(samples)[first]}, got "
        f"{wrong[first]}; {len(differing)} of 600 samples differ\n  x[{first}] = {x}\n"
        f"  the board's answers: {out}"
    )


def test_the_simulated_board_ends_on_each_signal_and_takes_its_link_along(simulated, tmp_path):
    link = tmp_path / "port"
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [*cli.LGNCC, "simboard", str(simulated["right"]), f"--link={link}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == f"port: {link}\n"
        assert link.is_symlink()
        time.sleep(0.1)
        process.send_signal(number)
        said, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        assert json.loads(said)["bytes_to_board"] == 0
        assert not link.is_symlink()


def test_a_probability_of_one_is_refused(simulated):
    done = cli.lgncc_process("simboard", simulated["right"], "--drop=1")
    assert (done.code, done.error()) == (2, "--drop 1.0: a probability below 1")
