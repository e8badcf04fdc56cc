"""The command as a process: streams, exit codes by cause, interrupts, progress on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import cli
import pytest
from random_networks import save_random

SPINNER = "⠋"


def test_json_is_all_of_stdout_and_progress_all_of_stderr(tmp_path):
    done = cli.lgncc_process("doctor", "--json")
    assert done.code == 0
    assert len(json.loads(done.out)) > 5
    assert re.fullmatch(r"  done   looking for tools \([\d.]+ s\)\n", done.err)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["boards"], 0),
        (["export", "large.npz", "--format=rtlil", "--out=x.il", "-O", "0"], 1),
        (["inspect", "missing.pt"], 2),
        (["boards", "--loud"], 2),
    ],
)
def test_the_exit_code_of_the_process_says_whose_fault_it_was(tmp_path, arguments, code):
    save_random(tmp_path / "large.npz", gates=20_000)
    done = cli.lgncc_process(*arguments, cwd=tmp_path)
    assert done.code == code
    assert "Traceback" not in done.err
    assert "never used" not in done.err
    assert (done.out == "") == (code != 0)


def test_exit_3_of_the_process(tmp_path):
    done = cli.lgncc_process("doctor", env={"YOSYS": "/no/such/yosys"})
    assert done.code == 3
    assert "MISSING" in done.out


def test_an_interrupt_is_exit_130_and_no_traceback(tmp_path):
    waiting = tmp_path / "model.pt"
    os.mkfifo(waiting)
    process = subprocess.Popen(
        [*cli.LGNCC, "inspect", str(waiting)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with waiting.open("wb"):  # returns once the command has opened it too, and now reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "interrupted; nothing that looks finished was left behind"


def test_a_standard_output_that_is_closed_is_no_failure():
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *cli.LGNCC, "boards"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_one_message_and_exit_3():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*cli.LGNCC, "boards"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr == "error: No space left on device; make room there, or write elsewhere\n"


@pytest.mark.parametrize(
    "arguments", [["boards"], ["--help"], ["report"]], ids=["printed", "typer", "rich"]
)
def test_a_reader_that_leaves_early_ends_a_command_as_any_other(arguments, request):
    if arguments == ["report"]:
        arguments = ["report", request.getfixturevalue("digits_build").folder]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*cli.LGNCC, *arguments], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""


def stderr_on_a_terminal(arguments):
    """What a terminal receives as stderr."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*cli.LGNCC, *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=cli.environment(TERM="xterm", LANG="C.UTF-8", PYTHONUTF8="1"),
    )
    os.close(theirs)
    received = bytearray()
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        received += chunk
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    return out.decode(), received.decode()


def test_a_spinner_turns_on_a_terminal_and_not_in_a_file(tmp_path):
    arguments = ["export", str(cli.DIGITS), "--format=npz", f"--out={tmp_path / 'x.npz'}"]
    out, err = stderr_on_a_terminal(arguments)
    assert SPINNER in err
    assert "\x1b[?25h" in err, "the cursor is back"
    assert "\x1b" not in out
    piped = cli.lgncc_process(*arguments)
    assert SPINNER not in piped.err
    assert "\x1b" not in piped.out + piped.err
