"""The plugin in a pytest of its own: who is skipped, who fails, and what is said."""

from __future__ import annotations

import cli
import numpy as np
import pytest
from builds import small_model

from lgncc.golden import predict
from lgncc.sim.simboard import running

pytest_plugins = ["pytester"]

SUITE = """
import numpy as np
import pytest

def test_answers(board):
    board.check(np.load("samples.npy"))

@pytest.mark.lgncc_board
def test_marked():
    pass

def test_no_board_needed():
    pass
"""


@pytest.fixture
def suite(pytester, samples):
    pytester.makepyfile(SUITE)
    np.save(pytester.path / "samples.npy", samples[:50])
    return pytester


def run(suite, *options):
    return suite.runpytest_subprocess("-ra", "--strict-markers", "-p", "no:xdist", *options)


def test_without_a_build_board_tests_are_skipped_with_the_reason(suite):
    result = run(suite)
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["*SKIPPED*no board: give its build with --lgncc-board DIR"])


def test_a_required_board_that_is_not_there_fails(suite):
    result = run(suite, "--lgncc-require-board")
    result.assert_outcomes(passed=1, errors=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*no board: give its build with --lgncc-board DIR (--lgncc-require-board)"]
    )


@pytest.mark.slow
def test_a_port_that_is_not_there_is_named(suite, simulated):
    options = [f"--lgncc-board={simulated['right']}", "--lgncc-port=/dev/absent"]
    result = run(suite, *options)
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["*SKIPPED*no board: /dev/absent: no such port."])
    result = run(suite, *options, "--lgncc-require-board")
    result.assert_outcomes(passed=1, errors=2)


@pytest.mark.slow
def test_on_the_simulated_board_all_run(suite, simulated):
    options = [f"--lgncc-board={simulated['right']}", "--lgncc-port=sim"]
    run(suite, *options, "--lgncc-require-board").assert_outcomes(passed=3)


@pytest.mark.slow
def test_a_board_that_answers_wrongly_fails_the_test_and_shows_the_vector(
    suite, simulated, samples
):
    result = run(suite, f"--lgncc-board={simulated['wrong']}", "--lgncc-port=sim")
    result.assert_outcomes(passed=2, failed=1)
    text = result.stdout.str()
    classes = predict(small_model(), samples[:50]).classes
    (index,) = [i for i in range(50) if f"board: refuted: sample {i}: expected" in text]
    assert f"expected class {classes[index]}, got " in text
    vector = np.array2string(samples[index], threshold=64)
    assert f"x[{index}] = {vector}" in text


@pytest.mark.slow
def test_another_bitstream_fails_and_is_not_skipped(suite, simulated):
    with running(simulated["other"]) as board:
        result = run(suite, f"--lgncc-board={simulated['right']}", f"--lgncc-port={board.port}")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*wrong bitstream: the board runs build*"])


def test_the_plugin_loads_without_numpy(suite):
    suite.makepyfile("import sys\n\ndef test_light():\n    assert 'numpy' not in sys.modules\n")
    run(suite).assert_outcomes(passed=1)


@pytest.mark.slow
def test_sequences_are_checked_like_samples(pytester, simulated):
    pytester.makepyfile(SUITE)
    with np.load(cli.PARITY_TEST) as data:
        np.save(pytester.path / "samples.npy", data["x"][:2, :30])
    folder = simulated["parity"]
    with running(folder) as board:
        run(pytester, f"--lgncc-board={folder}", f"--lgncc-port={board.port}").assert_outcomes(
            passed=3
        )
