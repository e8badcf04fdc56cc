"""How -O1 and -O2 grow with the network, proofs included.

    python tests/bench/scale.py [GATES ...] [--json FILE] [--plot FILE.svg]

Each size is a random network (784 inputs, 4 equal layers of gates that depend on both
their inputs, ten classes) saved as .npz and read again by a process of its own, which either
optimizes it at -O1, or at -O2 maps it to LUT4s too. Seconds are the processor's, ABC's among
them; peak memory is that of the process and ABC's together, sampled.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
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


STAGES = ("read", "passes", "mapping", "proof")
WORK = """
import resource, sys
from pathlib import Path
from lgncc.mapping.map_model import map_model
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.storage import load_model
from lgncc.verify.mapped import prove_mapped

def done():
    usages = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(usage.ru_utime + usage.ru_stime for usage in usages), flush=True)

path, level = Path(sys.argv[1]), int(sys.argv[2])
done()
model = load_model(path)
done()
model = optimize(model, choose_pipeline(level), prove=True).model
done()
if level == 2:
    design = map_model(model, 4)
    done()
    prove_mapped(design)
    done()
    print(design.luts.n_gates, file=sys.stderr)
"""


def measure(gates: int) -> list[dict[str, float | str]]:
    """A row a level: processor seconds of each stage and of all, peak MB."""
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        save_model(random_network(gates), path)
        for level in (1, 2):
            command = [sys.executable, "-c", WORK, str(path), str(level)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            peak = 0
            while process.poll() is None:
                peak = max(peak, tree_bytes(process.pid))
                time.sleep(SAMPLE_S)
            assert process.stdout is not None  # because of PIPE
            marks = [float(line) for line in process.stdout]
            if process.returncode:
                sys.exit(f"{gates} gates: failed")
            spent = {
                stage: round(end - start, 2)
                for stage, (start, end) in zip(STAGES, pairwise(marks), strict=False)
            }
            row = {"gates": gates, "level": f"-O{level}"} | spent
            rows.append(row | {"all": round(sum(spent.values()), 2), "peak MB": peak >> 20})
            print(row, file=sys.stderr)
    return rows


SAMPLE_S = 0.25


def tree_bytes(root: int) -> int:
    """Resident memory of a process and of those below it."""
    parent, resident = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
            parent[int(folder.name)] = int(fields[1])
            resident[int(folder.name)] = int(fields[21]) * resource.getpagesize()
    tree, found = set(), {root}
    while found:
        tree |= found
        found = {pid for pid, above in parent.items() if above in found}
    return sum(resident.get(pid, 0) for pid in tree)


def plot(rows: list[dict[str, float | str]], path: Path) -> None:
    """Seconds of -O2's stages and peak memory over the gates, all axes logarithmic but one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    by_level = {f"-O{n}": [row for row in rows if row["level"] == f"-O{n}"] for n in (1, 2)}
    gates = [float(row["gates"]) for row in by_level["-O2"]]
    for axes, key, unit in ((panels[0], "all", "CPU seconds"), (panels[2], "peak MB", "peak MB")):
        for level, mine in by_level.items():
            own = [row["gates"] for row in mine]
            axes.loglog(own, [row[key] for row in mine], "o-", label=f"{level} and its proof")
        last = float(by_level["-O2"][-1][key])
        axes.loglog(gates, [last * g / gates[-1] for g in gates], ":", label="in proportion")
        axes.set_ylabel(unit)
    each = [[1e6 * float(row[s]) / float(row["gates"]) for row in by_level["-O2"]] for s in STAGES]
    panels[1].stackplot(gates, each, labels=STAGES)
    panels[1].set_xscale("log")
    panels[1].set_ylim(0)
    panels[1].set_ylabel("-O2: CPU microseconds a gate")
    for axes in panels:
        axes.set_xlabel("gates")
        axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print a Markdown table, and optionally write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gates", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="draw the curves, as SVG")
    arguments = parser.parse_args()
    rows = [row for gates in arguments.gates for row in measure(gates)]
    print(markdown(sorted(rows, key=lambda row: str(row["level"]), reverse=True)))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
