"""The simulated board: a build's whole top level behind a pseudo-terminal.

What is simulated: `board.v`, the Verilog that is synthesized, less the pads, cycle for cycle
in Verilator, two-valued; its UART bit for bit at the design's own divisor, as a host whose clock
agrees with the board's; its flash, bit for bit. What is not: pads, PLL, USB bridge and driver,
timing inside a cycle; a core that has a clock of its own gets the link's. It
runs at most as fast as the board, and mostly slower, so the host seems quicker than it is. While
the line has been quiet for 20 ms the design's clock stands still.

    SIGUSR1          resets the design, as a reset button would
    SIGINT, SIGTERM  end it; it then prints one line of JSON: cycles, bytes, faults
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.flow.run import run_tool
from lgncc.flow.tools import Tool
from lgncc.host.build import Build, load_build
from lgncc.sim import run_cocotb
from lgncc.sim.board_top import FLASH_HEX, TOP, board_top, flash_hex, programmed
from lgncc.sim.runner import BUILD_TIMEOUT_S, digest, environment, keep, locked, require_verilator

SOURCE = Path(__file__).with_name("simboard.cpp")
PROGRAM = "simboard"
VERILATOR_ARGS = (
    *("--cc", "--exe", "--build", "-O3", "--no-timing"),
    *("--x-assign", "fast", "--x-initial", "fast"),
    *("-Wno-lint", "-Wno-style", "-Wno-fatal", "-CFLAGS", "-std=c++17"),
    *("--top-module", TOP, "--Mdir", "obj", "-o", PROGRAM),
)


@dataclass(frozen=True)
class LineFaults:
    """Probabilities, of each byte in either direction; `seed` makes them repeatable."""

    corrupt: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    swap: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("corrupt", "drop", "duplicate", "swap"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"--{name} {getattr(self, name)}: a probability below 1")


def build_simboard(build: Build) -> Path:
    """The program, compiled once per board.v; everything stays in the build's work/sim.

    Raises EnvironmentLacksError without Verilator or a C++ compiler.
    """
    verilog = build.folder / "board.v"
    if not verilog.is_file():
        raise InputError(f"{verilog}: not found; is {build.folder} a finished build?")
    verilator = require_verilator()
    folder = (build.folder / "work" / "sim").resolve()
    around = board_top(build.clock_hz, build.core_hz, build.flash)
    text = verilog.read_bytes() + around.encode()
    if build.flash:
        folder.mkdir(parents=True, exist_ok=True)
        contents = flash_hex(programmed(build.folder, build.flash), build.flash)
        (folder / FLASH_HEX).write_text(contents)
    settings = (*verilator.argv, verilator.version, *VERILATOR_ARGS, run_cocotb.OPTIMIZATION)
    with locked(folder):
        home = folder / f"{PROGRAM}-{digest(*settings, SOURCE.read_bytes(), text)}"
        if (home / PROGRAM).is_file():
            return home / PROGRAM
        for outdated in folder.glob(f"{PROGRAM}-*/"):
            shutil.rmtree(outdated)
        runtime = folder / f"runtime-{digest(*settings)}"
        # Not in `folder`: make cannot build where a space is in the path.
        with TemporaryDirectory(prefix="lgncc-simboard-") as name:
            scratch = Path(name)
            (scratch / "design.v").write_bytes(text)
            shutil.copy(SOURCE, scratch)
            (scratch / "obj").mkdir()
            # Most of a small design's build is Verilator's runtime: its objects are kept.
            kept = [shutil.copy(file, scratch / "obj") for file in runtime.glob("*.o")]
            flags = [run_cocotb.MAKE_VARIABLES, run_cocotb.OPTIMIZATION]
            flags += [run_cocotb.COMPILED_RUNTIME] if kept else []
            changes = {**environment(verilator), "MAKEFLAGS": " ".join(flags)}
            words = [f"{key}={value}" for key, value in changes.items()]
            env = Tool("verilator", ("env", *words, *verilator.argv), verilator.version, "")
            run_tool(
                env,
                [*VERILATOR_ARGS, "design.v", SOURCE.name],
                log_path=folder / f"{PROGRAM}-build.log",
                cwd=scratch,
                timeout_s=BUILD_TIMEOUT_S,
            )
            keep((scratch / "obj").glob("verilated*.o"), runtime)
            keep([scratch / "obj" / PROGRAM], home)
    return home / PROGRAM


def command(
    program: Path, build: Build, faults: LineFaults | None = None, link: Path | None = None
) -> list[str]:
    """The argv that runs it; it prints `port: PATH` when it is ready.

    link: a name for the port that stays the same from run to run.
    """
    chosen = faults or LineFaults()
    if link is not None and link.exists() and not link.is_symlink():
        raise InputError(f"{link}: exists and is no link; --link needs a free name")
    rates = (chosen.corrupt, chosen.drop, chosen.duplicate, chosen.swap)
    return [
        str(program),
        str(build.uart_divisor),
        str(build.clock_hz),
        *(f"{rate:.9f}" for rate in rates),
        str(chosen.seed),
        str(link or ""),
        f"+flash={build.folder.resolve() / 'work' / 'sim' / FLASH_HEX}",
    ]


def become(argv: list[str]) -> None:
    """Replace this process by the simulated board: signals then reach it and nothing else."""
    os.execv(argv[0], argv)


@dataclass
class Running:
    """A simulated board in a process of its own. `statistics` is there once it has ended."""

    port: str
    process: subprocess.Popen[str]
    statistics: dict[str, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Press the reset button."""
        self.process.send_signal(signal.SIGUSR1)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            said, _ = self.process.communicate(timeout=10)
            self.statistics = json.loads(said.splitlines()[-1])


@contextmanager
def running(
    folder: Path, faults: LineFaults | None = None, link: Path | None = None
) -> Iterator[Running]:
    """The simulated board of a build, until the block ends."""
    build = load_build(folder)
    argv = command(build_simboard(build), build, faults, link)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # because of PIPE
            ready = process.stdout.readline()
            if not ready.startswith("port: "):
                raise EnvironmentLacksError(f"the simulated board does not start: {argv[0]}")
            board = Running(ready.removeprefix("port: ").strip(), process)
            yield board
            board.end()
        finally:
            if process.poll() is None:
                process.kill()
