"""How load, validation, -O1, proof and Verilog export grow with the network.

    python tests/bench/scale.py [GATES ...] [--no-proof] [--json FILE]

Each size is a random network (784 inputs, 16 equal layers, ten classes) saved as .npz
and exported by a `lgncc export` process of its own; seconds and peak memory are the
operating system's, of that process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.storage import save_model

SIZES = (10_000, 100_000, 1_000_000)
INPUTS, LAYERS, CLASSES = 784, 16, 10


def random_model(gates: int, seed: int = 0) -> LogicModel:
    """A layered network of random tables and random wiring, like an untrained LGN."""
    rng = np.random.default_rng(seed)
    width = gates // LAYERS // CLASSES * CLASSES
    builder = NetlistBuilder(INPUTS)
    below = builder.inputs
    for _ in range(LAYERS):
        fanins = rng.choice(below, (2, width))
        below = builder.gates(rng.integers(0, 16, width), *fanins)
    return LogicModel(
        Encoder.identity(INPUTS),
        builder.finish(below),
        Readout.group_sum(width, CLASSES),
        Provenance("random"),
    )


def measure(gates: int, proof: bool) -> dict[str, float]:
    """Seconds, CPU seconds and peak MB of one export."""
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder, "model.npz"), Path(folder, "core.v")
        save_model(random_model(gates), model)
        command = [sys.executable, "-m", "lgncc", "export", str(model)]
        command += ["--format", "verilog", "--out", str(out)]
        command += ["--verify", "fast" if proof else "none"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            sys.exit(f"export of {gates} gates failed")
        return {
            "gates": gates,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mb": round(usage.ru_maxrss / 1024),
            "verilog_mb": round(out.stat().st_size / 1e6, 1),
        }


def main() -> None:
    """Print a Markdown table, and optionally write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gates", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--no-proof", action="store_true", help="skip ABC's equivalence proof")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [measure(gates, not arguments.no_proof) for gates in arguments.gates]
    print("| " + " | ".join(rows[0]) + " |")
    print("| " + " | ".join("---" for _ in rows[0]) + " |")
    for row in rows:
        print("| " + " | ".join(f"{value:,}" for value in row.values()) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
