"""What yosys makes of Verilog: cells of `synth_ice40`, and the logic itself as a netlist."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lgncc.frontends import load


@dataclass(frozen=True)
class Cells:
    luts: int
    carries: int
    registers: int
    seconds: float


def synthesize(verilog, top, limit_s):
    """Cells of `synth_ice40` at its defaults; None where it takes longer."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        script = f"synth_ice40 -top {top}; tee -q -o stat.json stat -json"
        if not yosys(verilog, script, Path(folder), limit_s):
            return None
        seconds = time.perf_counter() - started
        text = Path(folder, "stat.json").read_text()
    counts = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    registers = sum(count for cell, count in counts.items() if cell.startswith("SB_DFF"))
    return Cells(counts.get("SB_LUT4", 0), counts.get("SB_CARRY", 0), registers, seconds)


def logic_of(verilog, top, limit_s=600):
    """The module's function as our netlist, by yosys and an AIGER file."""
    with tempfile.TemporaryDirectory() as folder:
        script = f"synth -flatten -top {top}; aigmap; opt_clean; write_aiger -symbols top.aig"
        assert yosys(verilog, script, Path(folder), limit_s)
        return load(Path(folder, "top.aig")).netlist


def yosys(verilog, script, folder, limit_s):
    """Run a script on some Verilog in `folder`. False where it takes longer than the limit."""
    Path(folder, "top.v").write_text(verilog)
    lines = ["read_verilog -sv top.v", *script.split("; ")]
    Path(folder, "run.ys").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "lgncc.flow.run_pyosys", "-s", "run.ys"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode:
        sys.exit(f"yosys: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return True
