"""How load, validation, -O1 and ABC's proof grow with the network.

    python tests/bench/scale.py [GATES ...] [--json FILE] [--plot FILE.svg]

Each size is a random network (784 inputs, 4 equal layers of gates that depend on both
their inputs, ten classes) saved as .npz, then read, optimized and written again by a
process of its own, with the proof and without. Processor seconds and peak memory are the
operating system's, of that process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from networks import random_network
from results import markdown

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.storage import save_model

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
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


WORK = """
import sys
from pathlib import Path
from lgncc.passes.pipeline import O1, optimize
from lgncc.storage import load_model, save_model
model, out, verify = sys.argv[1:]
save_model(optimize(load_model(Path(model)), O1, prove=verify != "none").model, Path(out))
"""


def measure(gates: int) -> dict[str, float]:
    """Processor seconds and peak MB of both exports."""
    row: dict[str, float] = {"gates": gates}
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder, "model.npz"), Path(folder, "out.npz")
        save_model(random_network(gates), model)
        for name, verify in (("", "none"), (" with proof", "fast")):
            command = [sys.executable, "-c", WORK, str(model), str(out), verify]
            process = subprocess.Popen(command)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                sys.exit(f"{gates} gates: failed")
            row[f"CPU seconds{name}"] = round(usage.ru_utime + usage.ru_stime, 2)
            row[f"peak MB{name}"] = round(usage.ru_maxrss / 1024)
    return row


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Time and memory over the gates, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    gates = [row["gates"] for row in rows]
    for axes, unit in zip(panels, ("CPU seconds", "peak MB"), strict=True):
        for name in ("", " with proof"):
            axes.loglog(gates, [row[unit + name] for row in rows], "o-", label=f"-O1{name}")
        last = rows[-1][unit + " with proof"]
        axes.loglog(gates, [last * g / gates[-1] for g in gates], ":", label="in proportion")
        axes.set_xlabel("gates")
        axes.set_ylabel(unit)
        axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print a Markdown table, and optionally write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gates", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="draw the curves, as SVG")
    arguments = parser.parse_args()
    rows = [measure(gates) for gates in arguments.gates]
    print(markdown(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
