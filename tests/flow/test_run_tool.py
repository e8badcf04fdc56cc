"""Running external tools (real processes): logs, exit codes, time limits, interrupts."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lgncc.errors import DesignError, EnvironmentLacksError
from lgncc.flow.run import ToolFailedError, last_error_line, run_tool
from lgncc.flow.tools import Tool

SHELL = Tool("sh", ("sh", "-c"), "0", "test")


def run(tmp_path: Path, script: str, **options) -> Path:
    log = tmp_path / "tool.log"
    options.setdefault("timeout_s", 30)
    run_tool(SHELL, [script], log_path=log, cwd=tmp_path, **options)
    return log


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(FileNotFoundError):
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def gone_soon(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_the_log_holds_the_command_and_both_streams(tmp_path):
    lines = []
    log = run(tmp_path, "echo out; echo err >&2; pwd", on_line=lines.append)
    assert lines == ["out", "err", str(tmp_path)]
    assert log.read_text().splitlines()[1:] == lines
    assert log.read_text().startswith("$ sh -c 'echo out;")


def test_a_failure_names_the_last_error_the_exit_code_and_the_log(tmp_path):
    with pytest.raises(DesignError) as error:
        run(tmp_path, "echo 'ERROR: one'; echo 'ERROR: two'; echo bye; exit 7")
    assert str(error.value) == f"sh failed (exit code 7): ERROR: two\n  log: {tmp_path}/tool.log"
    assert isinstance(error.value, ToolFailedError)
    assert error.value.tool_exit_code == 7


def test_a_failure_without_an_error_line_shows_the_last_line(tmp_path):
    with pytest.raises(DesignError, match=r"exit code 1\): going well"):
        run(tmp_path, "echo going well; echo; exit 1")


def test_a_failure_without_output_says_so(tmp_path):
    with pytest.raises(DesignError, match=r"\(no output\)"):
        run(tmp_path, "exit 1")


def test_a_kill_from_outside_is_the_environments_fault(tmp_path):
    with pytest.raises(EnvironmentLacksError, match=r"ended by SIGKILL \(often: out of memory\)"):
        run(tmp_path, "kill -KILL $$")


def test_a_program_that_cannot_start_is_the_environments_fault(tmp_path):
    tool = Tool("yosys", (str(tmp_path / "none"),), "0", "$YOSYS")
    with pytest.raises(EnvironmentLacksError, match=r"yosys \(\$YOSYS\) cannot be started"):
        run_tool(tool, [], log_path=tmp_path / "log", cwd=tmp_path, timeout_s=1)


def test_a_tool_that_takes_too_long_is_stopped_with_its_children(tmp_path):
    start = time.monotonic()
    with pytest.raises(DesignError, match=r"did not finish within 0\.5 s and was stopped"):
        run(tmp_path, "sleep 60 & echo $! > child; wait", timeout_s=0.5)
    assert time.monotonic() - start < 10
    assert gone_soon(int((tmp_path / "child").read_text()))


def test_a_child_left_behind_by_a_tool_that_ended_is_stopped(tmp_path):
    run(tmp_path, "sleep 60 >/dev/null 2>&1 & echo $! > child")
    assert gone_soon(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interrupt_stops_the_tool_and_is_raised_again(tmp_path, number, exit_code):
    program = f"""
import sys
from pathlib import Path
from lgncc.flow.run import run_tool
from lgncc.flow.tools import Tool
tool = Tool("sh", ("sh", "-c"), "0", "test")
try:
    run_tool(tool, ["echo $$ > pid; echo ready; sleep 60"], log_path=Path("log"),
             cwd=Path({str(tmp_path)!r}), timeout_s=60, on_line=lambda l: print(l, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, number)
    assert process.wait(timeout=10) == exit_code
    process.stdout.close()
    assert gone_soon(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("$ cmd\nERROR: no\n2 warnings\n", "ERROR: no"),
        ("$ cmd\nTraceback (most recent call last):\nValueError: bad\n", "ValueError: bad"),
        ("$ ERROR: command\nInfo: 0 errors\n", "Info: 0 errors"),
    ],
)
def test_the_last_error_line(tmp_path, log, line):
    (tmp_path / "log").write_text(log)
    assert last_error_line(tmp_path / "log") == line
