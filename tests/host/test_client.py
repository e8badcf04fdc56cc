"""The client on simulated boards: each thing that goes wrong on a desk."""

from __future__ import annotations

import os
import signal
import threading
import time
import tty
from contextlib import contextmanager
from pathlib import Path

import cli
import numpy as np
import pytest
from builds import small_model

from lgncc.errors import DesignError, EnvironmentLacksError
from lgncc.golden import predict
from lgncc.host import client
from lgncc.host.board import open_board
from lgncc.host.build import load_build
from lgncc.host.frames import bytes_for
from lgncc.host.run import line_samples_per_s
from lgncc.sim.simboard import LineFaults, running

pytestmark = pytest.mark.slow
NOISE = LineFaults(corrupt=0.01, drop=0.003, duplicate=0.003, swap=0.002, seed=5)


def golden(x):
    return predict(small_model(), x).classes


def wait_until_asleep(process):
    """A simulated board whose line is quiet takes no processor time."""
    stat = Path(f"/proc/{process.pid}/stat")
    before = None
    while before != (before := stat.read_text().split()[13:15]):
        time.sleep(0.2)


@pytest.mark.parametrize("name", ["right", "wide"])
def test_a_clean_line_is_kept_busy(simulated, samples, name):
    build = load_build(simulated[name])
    assert (build.out_bytes > bytes_for(build.in_width)) == (name == "wide")
    with running(simulated[name]) as board:
        with open_board(simulated[name], board.port) as connected:
            wait_until_asleep(board.process)
            connected.check(samples)
            assert connected.client.retries == 0
        wait_until_asleep(board.process)
        board.end()
    assert board.statistics["sleeps"] <= 3  # before IDENT, before the samples and after them
    in_simulated_time = len(samples) * build.clock_hz / board.statistics["awake_cycles"]
    assert 0.8 * line_samples_per_s(build) < in_simulated_time <= line_samples_per_s(build)


def test_a_noisy_line_costs_time_but_no_answer(simulated, samples):
    with running(simulated["right"], NOISE) as board:
        with open_board(simulated["right"], board.port) as connected:
            answers = connected.check(samples)
            assert connected.client.retries > 50
        board.end()
    np.testing.assert_array_equal(answers.classes, golden(samples))
    assert board.statistics["faults"] > 100


def test_a_board_that_is_reset_again_and_again_answers_all_the_same(simulated, samples):
    with (
        running(simulated["right"]) as board,
        open_board(simulated["right"], board.port) as connected,
    ):
        done = threading.Event()

        def press():
            while not done.wait(0.05):
                board.reset()

        presses = threading.Thread(target=press)
        presses.start()
        try:
            connected.check(np.tile(samples, (3, 1)))
        finally:
            done.set()
            presses.join()


def test_another_bitstream_is_named_at_once(simulated):
    build, other = (load_build(simulated[name]) for name in ("right", "other"))
    with (
        running(simulated["other"]) as board,
        pytest.raises(DesignError) as caught,
    ):
        open_board(simulated["right"], board.port)
    assert str(caught.value) == (
        f"{board.port}: wrong bitstream: the board runs build {other.build_id.hex()} "
        f"(18 bits in, 16 out), {build.folder} is build {build.build_id.hex()} (18 in, 2 out).\n"
        f"  lgncc program {build.folder}"
    )


@contextmanager
def exchanged(link, first, second, after_samples):
    """A board behind `link`, exchanged for another once so many samples are answered."""
    boards = [running(first, link=link)]
    now = boards[0].__enter__()

    def exchange(answered):
        nonlocal now
        if len(boards) == 1 and answered >= after_samples:
            now.end()
            boards.append(running(second, link=link))
            now = boards[1].__enter__()

    try:
        yield exchange
    finally:
        now.end()


def test_a_port_that_is_unplugged_and_plugged_in_again_is_waited_for(simulated, samples, tmp_path):
    folder = simulated["right"]
    said = []
    with (
        exchanged(tmp_path / "port", folder, folder, 200) as exchange,
        open_board(folder, str(tmp_path / "port"), said.append) as connected,
    ):
        answers = connected.check(samples, exchange)
    np.testing.assert_array_equal(answers.classes, golden(samples))
    assert [line.partition(": ")[2] for line in said] == [
        "the port is gone; waiting 30 s for it",
        "back, with the same build; going on",
    ]


def test_a_board_that_comes_back_with_another_bitstream_ends_it(simulated, samples, tmp_path):
    with (
        exchanged(tmp_path / "port", simulated["right"], simulated["other"], 200) as exchange,
        open_board(simulated["right"], str(tmp_path / "port")) as connected,
        pytest.raises(DesignError, match="wrong bitstream: the board runs build"),
    ):
        connected.answer(samples, exchange)


def test_a_port_that_stays_away_ends_it(simulated, samples, tmp_path):
    with running(simulated["right"], link=tmp_path / "port") as board:
        connected = open_board(simulated["right"], str(tmp_path / "port"))
        connected.client.replug_s = 0.5
        with connected, pytest.raises(EnvironmentLacksError) as caught:
            connected.answer(samples, lambda _: board.end())
    assert str(caught.value).startswith(
        f"{tmp_path / 'port'}: the port was lost and did not come back within 0.5 s.\n"
        "  Is the cable plugged in?"
    )


def test_two_clients_at_once_are_refused(simulated, samples, data):
    folder = simulated["right"]
    with running(folder) as board, open_board(folder, board.port) as connected:
        second = cli.lgncc_process("run", folder, f"--data={data}", f"--port={board.port}")
        assert second.code == 3
        assert second.error() == (
            f"{board.port}: in use by another program; a board has one client at a time."
        )
        connected.check(samples[:20])


@contextmanager
def someone(behave):
    """A port with something else than a board behind it: `behave(fd)` in a thread."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    thread = threading.Thread(target=behave, args=(ours,), daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.close(theirs)
        thread.join(5)
        os.close(ours)


def until_closed(fd, answer):
    while True:
        try:
            data = os.read(fd, 4096)
            os.write(fd, answer(data))
        except OSError:
            return


@pytest.mark.parametrize(
    "answer",
    [lambda _: b"", lambda data: data, lambda _: b"x" * 2000, lambda _: b"AT\r\nERROR\r\n"],
    ids=["silence", "an echo", "noise without an END", "a modem"],
)
def test_what_is_no_board_ends_with_one_message(simulated, monkeypatch, answer):
    monkeypatch.setattr(client, "IDENT_TRIES_S", (0.1, 0.1))
    with (
        someone(lambda fd: until_closed(fd, answer)) as path,
        pytest.raises(EnvironmentLacksError) as caught,
    ):
        open_board(simulated["right"], path)
    assert str(caught.value) == (
        f"{path}: no lgncc board answers at 1000000 baud.\n"
        f"  Is it programmed? lgncc program {simulated['right']}"
    )


def test_a_board_that_falls_silent_ends_it(simulated, samples, monkeypatch):
    monkeypatch.setattr(client, "IDENT_TRIES_S", (0.1, 0.1))
    monkeypatch.setattr(client, "FIRST_TIMEOUT_S", 0.1)
    monkeypatch.setattr(client, "BASE_TIMEOUT_S", 0.1)
    with running(simulated["right"]) as board:
        with (
            open_board(simulated["right"], board.port) as connected,
            pytest.raises(EnvironmentLacksError, match="no lgncc board answers"),
        ):
            connected.answer(samples, lambda _: board.process.send_signal(signal.SIGSTOP))
        board.process.send_signal(signal.SIGCONT)
