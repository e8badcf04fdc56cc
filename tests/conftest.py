"""What all tests share: Hypothesis profiles and the networks that nobody here wrote."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import builds
import cli
import pytest
from hypothesis import settings

from lgncc.cli import main
from lgncc.verify.rtl import check_core

# pytest-xdist keeps every core busy; torch's own threads would only get in their way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shared machine makes deadlines flaky; in CI a failure must come back in the next run.
settings.register_profile("lgncc", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=2000)  # --hypothesis-profile
settings.load_profile("ci" if os.environ.get("CI") else "lgncc")

SHARED = Path(__file__).parents[2] / "shared" / "data"


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here (it lies beside the repository, not in it)")
    return path


@pytest.fixture
def lgncc(monkeypatch, capfd):
    """`lgncc(*arguments)`: the command line in this process, as a `cli.Done`."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["lgncc", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return cli.Done(ended.value.code or 0, *capfd.readouterr())

    return run


@dataclass(frozen=True)
class DigitsBuild:
    """A finished `lgncc compile` of the shipped network for the iCEBreaker; read it only."""

    folder: Path
    report: dict[str, Any]
    said: cli.Done


@pytest.fixture(scope="session")
def digits_build(tmp_path_factory) -> DigitsBuild:
    """Compiled once, also where several processes run the tests."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    folder, said = common / "digits-build", common / "digits-build.said"
    with (common / "digits-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            options = ["--board=icebreaker", f"--data={cli.DIGITS_TEST}", f"--out={folder}"]
            done = cli.lgncc_process("compile", cli.DIGITS, *options, "--json")
            said.write_text(json.dumps([done.code, done.out, done.err]))
    done = cli.Done(*json.loads(said.read_text()))
    assert done.code == 0, done.err
    return DigitsBuild(folder, json.loads((folder / "report.json").read_text()), done)


@pytest.fixture(scope="session")
def verilator_runtime(tmp_path_factory) -> Path:
    """A folder for `builds.write_build`: the objects that every simulator of a build links,
    compiled once, also where several processes run the tests."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    folder = common / "verilator-runtime"
    with (common / "verilator-runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            check_core(builds.write_build(folder, builds.small_model()), None, lambda _: None)
            (folder / "made").touch()
    return next((folder / "work" / "sim").glob("runtime-*"))


@pytest.fixture
def tt10_blif() -> Path:
    """The Tiny Tapeout MNIST network: 256 inputs, 3 layers of 2,550 gates."""
    return _shared("tt10-mnist16-3x2550.blif")


@pytest.fixture
def difflogic_pt() -> Path:
    """A difflogic state_dict of 6 x 800 gates, without wiring."""
    return _shared("difflogic-mnist20-800x6.pt")
