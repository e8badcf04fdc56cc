"""Logic cells of a class-serial readout's counter, synthesized for each family: what the constants
of lgncc/folds.py were fitted to.

    python tests/bench/row_counters.py [--families ice40 ecp5 gowin]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from synthesis import STAT, yosys

from lgncc.builder import NetlistBuilder
from lgncc.emit.core import component_verilog
from lgncc.encoder import Encoder
from lgncc.flow.run import run_tool
from lgncc.flow.tools import find_tool
from lgncc.folds import counter_cells
from lgncc.hw.row_counter import RowCounter
from lgncc.mapping.serial import map_serial
from lgncc.model import LogicModel, Provenance, Readout

CASES = [  # classes, bits of each, kind, bits a cycle, classes a cycle
    (10, 64, "class", 1, 1),
    (10, 64, "class", 8, 1),
    (10, 64, "class", 32, 1),
    (10, 64, "class", 64, 1),
    (10, 250, "class", 128, 1),
    (10, 250, "class", 250, 1),
    (10, 64, "class", 16, 2),
    (10, 64, "class", 32, 5),
    (10, 64, "class", 64, 10),
    (100, 20, "class", 20, 1),
    (100, 20, "class", 20, 4),
    (100, 20, "class", 20, 10),
    (10, 64, "scores", 32, 1),
    (10, 64, "scores", 32, 5),
]
SYNTHESIS = {
    "ice40": "synth_ice40 -device u -top top; write_json top.json",
    "ecp5": "synth_ecp5 -nowidelut -top top",
    "gowin": "synth_gowin -nowidelut -noiopads -top top",
}
CELLS = {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "CCU2C": 2, "ALU": 1}
"""Logic cells that a cell takes; registers are in those of LUTs."""


def counter(classes, bits, kind, bits_a_cycle, classes_a_cycle):
    """Of classes that each count as many inputs."""
    n = classes * bits
    weights = np.ones(n, np.int64)
    readout = Readout(
        kind, np.arange(n), np.repeat(np.arange(classes), bits), weights, [0] * classes
    )
    model = LogicModel(
        Encoder.identity(n),
        NetlistBuilder(n).finish(np.arange(2, 2 + n)),
        readout,
        Provenance("test"),
    )
    return RowCounter(map_serial(model, bits_a_cycle, classes_a_cycle))


def cells(verilog, family):
    """Packed for iCE40, where LUT, carry and flip-flop share a cell; else of synthesis."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yosys(verilog, f"{SYNTHESIS[family]}; {STAT}", folder, 600)
        if family == "ice40":
            log = folder / "nextpnr.log"
            arguments = ["--up5k", "--package", "sg48", "--json", "top.json", "--pack-only"]
            run_tool(find_tool("nextpnr-ice40"), arguments, log_path=log, cwd=folder, timeout_s=600)
            (used,) = (line for line in log.read_text().splitlines() if "ICESTORM_LC:" in line)
            return int(used.split("ICESTORM_LC:")[1].split("/")[0])
        text = Path(folder, "stat.json").read_text()
        counts = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
        return sum(size * counts.get(cell, 0) for cell, size in CELLS.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="*", default=list(SYNTHESIS))
    families = parser.parse_args().families
    for case in CASES:
        one = counter(*case)
        found = {family: cells(component_verilog(one, "top"), family) for family in families}
        design = one.design
        bits = [case[3]] * case[4]
        estimated = counter_cells(design.model.readout, design.form.width, bits)
        print(*case, found, "estimated", int(estimated), flush=True)


if __name__ == "__main__":
    main()
