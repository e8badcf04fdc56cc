"""What yosys and nextpnr make of Verilog: iCE40 cells, or the logic itself as a netlist."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lgncc.flow.run import ToolFailedError, run_tool
from lgncc.flow.tools import find_tool
from lgncc.frontends import load

PARTS = {"up5k": ("sg48", 5280), "hx8k": ("ct256", 7680)}
"""Package and logic cells of a device."""

_USED = re.compile(r"ICESTORM_LC:\s*(\d+)/")


class LateError(Exception):
    """A tool was stopped because it took longer than it was given."""


@dataclass(frozen=True)
class Cells:
    luts: int
    carries: int
    registers: int


def synthesize(verilog, top, limit_s, *, luts=""):
    """Cells of `synth_ice40` at its defaults. `luts`: modules of iCE40 cells, left alone. Raises
    LateError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yosys(verilog, f"{_script(top, luts, folder)}; {STAT}", folder, limit_s)
        return _cells(folder)


def _script(top, luts, folder):
    if not luts:
        return f"synth_ice40 -top {top}"
    (folder / "luts.v").write_text(luts)
    kept = "read_verilog -overwrite luts.v; flatten; opt_clean"
    return f"read_verilog -lib luts.v; synth_ice40 -top {top}; {kept}"


def logic_of(verilog, top, limit_s=600):
    """The module's function as our netlist, by yosys and an AIGER file."""
    with tempfile.TemporaryDirectory() as folder:
        script = f"synth -flatten -top {top}; aigmap; opt_clean; write_aiger -symbols top.aig"
        yosys(verilog, script, Path(folder), limit_s)
        return load(Path(folder, "top.aig")).netlist


@dataclass(frozen=True)
class Placed:
    """cells: logic cells after packing. mhz: of the clock after routing, None where not routed."""

    cells: int
    mhz: float | None


def place(verilog, top, device, limit_s, *, luts=""):
    """Synthesis, then nextpnr; `limit_s` for each. `luts` as of `synthesize`.

    Raises LateError where synthesis is late; what is not routed in time has no frequency.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yosys(verilog, f"{_script(top, luts, folder)}; write_json top.json", folder, limit_s)
        arguments = f"--{device} --package {PARTS[device][0]} --json top.json --freq 12 --seed 1"
        arguments += " --router router2 --timing-allow-fail --report report.json"
        log = folder / "nextpnr.log"
        try:
            run_tool(
                find_tool("nextpnr-ice40"),
                arguments.split(),
                log_path=log,
                cwd=folder,
                timeout_s=limit_s,
            )
        except ToolFailedError:  # does not fit, or is not routed: what was packed is known
            return Placed(int(_USED.findall(log.read_text())[0]), None)
        report = json.loads((folder / "report.json").read_text())
        (clock,) = report["fmax"].values()
        return Placed(report["utilization"]["ICESTORM_LC"]["used"], round(clock["achieved"], 1))


STAT = "tee -q -o stat.json stat -json"


def _cells(folder):
    text = Path(folder, "stat.json").read_text()
    counts = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    registers = sum(count for cell, count in counts.items() if cell.startswith("SB_DFF"))
    return Cells(counts.get("SB_LUT4", 0), counts.get("SB_CARRY", 0), registers)


def yosys(verilog, script, folder, limit_s):
    """Run a script on some Verilog in `folder`. Raises LateError, ToolFailedError."""
    Path(folder, "top.v").write_text(verilog)
    lines = ["read_verilog -sv top.v", *script.split("; ")]
    Path(folder, "run.ys").write_text("\n".join(lines) + "\n")
    log = Path(folder, "yosys.log")
    try:
        run_tool(find_tool("yosys"), ["-s", "run.ys"], log_path=log, cwd=folder, timeout_s=limit_s)
    except ToolFailedError as error:
        if not error.line:
            raise LateError(f"not done in {limit_s:,.0f} s") from error
        raise
