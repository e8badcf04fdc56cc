"""What `auto` chooses at the corners of its grid, built: does the choice fit, and at which clock?

    python tests/bench/corners.py [--results corners.jsonl] [--only NAME ...]

Networks at the limits of each architecture, boards, goals. Every line of the results is a build;
those that are there are not built again. The table is docs/explanation/architectures.md's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from networks import MODELS, TABLES, TT10

from lgncc.compiler import Options, compile_model
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.estimate import Goal
from lgncc.facts import GivenFacts
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.storage import save_model


def random_network(*, layers: int, width: int, inputs: int = 256) -> LogicModel:
    """Layers of one width; every gate is read where its layer has readers enough."""
    rng = np.random.default_rng(7)
    fanin, first, size = [], 2, inputs
    for _ in range(layers):
        a, b = (
            np.concatenate([rng.permutation(size) for _ in range(-(-width // size))])[:width]
            for _ in range(2)
        )
        fanin.append(first + np.stack([a, np.where(a == b, (b + 1) % size, b)], axis=1))
        first, size = first + size, width
    netlist = Netlist(
        n_inputs=inputs,
        fanin=np.concatenate(fanin),
        table=rng.choice(TABLES, layers * width).astype(np.uint64),
        outputs=np.arange(first, first + width),
    )
    readout = Readout.group_sum(width, 10)
    return LogicModel(Encoder.identity(inputs), netlist, readout, Provenance("test"))


def of_pixels(model: LogicModel, *, pixels: int = 784) -> LogicModel:
    """The same network behind thresholds of u8 features."""
    rng = np.random.default_rng(7)
    n_bits = model.netlist.n_inputs
    encoder = Encoder.uniform(
        pixels,
        bits=8,
        feature=np.sort(rng.integers(0, pixels, n_bits)),
        threshold=rng.integers(0, 255, n_bits),
    )
    return LogicModel(encoder, model.netlist, model.readout, model.provenance)


@dataclass(frozen=True)
class Corner:
    """A network, by what makes its file, on a board."""

    network: str
    board: str
    goal: Goal = "latency"

    @property
    def name(self) -> str:
        return f"{self.network}/{self.board}/{self.goal}"


NETWORKS: dict[str, Callable[[], LogicModel] | Path] = {
    "digits": MODELS / "digits.pt",
    "mnist16": MODELS / "mnist16.pt",
    "mnist": MODELS / "mnist.pt",
    "3x2,550": TT10,
    "2x500": lambda: random_network(layers=2, width=500),
    "2x1,000": lambda: random_network(layers=2, width=1_000),
    "2x1,500": lambda: random_network(layers=2, width=1_500),
    "2x2,000": lambda: random_network(layers=2, width=2_000),
    "4x4,000": lambda: random_network(layers=4, width=4_000),
    "pixels, 2x100": lambda: of_pixels(random_network(layers=2, width=100)),
    "pixels, 2x1,000": lambda: of_pixels(random_network(layers=2, width=1_000)),
}
CORNERS = (
    Corner("digits", "icebreaker"),
    Corner("mnist16", "icebreaker"),
    Corner("2x1,000", "icebreaker"),
    Corner("2x1,500", "icebreaker"),
    Corner("2x2,000", "icebreaker"),
    Corner("3x2,550", "icebreaker"),
    Corner("mnist", "icebreaker"),
    Corner("pixels, 2x1,000", "icebreaker", "throughput"),
    Corner("4x4,000", "icebreaker", "throughput"),
    Corner("digits", "icebreaker", "area"),
    Corner("2x500", "tang-nano-9k"),
    Corner("4x4,000", "tang-nano-9k", "area"),
    Corner("digits", "ulx3s-85f", "throughput"),
)


@dataclass(frozen=True)
class Result:
    """Of one build. tried: what did not fit before it, or with `architecture` empty, why none."""

    name: str
    architecture: str
    estimated_cells: int
    cells: int
    available: int
    fmax_mhz: float
    target_mhz: float
    seconds: float
    tried: list[str]

    def line(self) -> str:
        network, board, goal = self.name.rsplit("/", 2)
        if not self.architecture:
            return f"| {network} | {board} | {goal} | none: {self.tried[0]} | | | |"
        tried = "".join(f", after {one.split(':')[0]}" for one in self.tried)
        return (
            f"| {network} | {board} | {goal} | {self.architecture}{tried} | "
            f"{self.estimated_cells:,} | {self.cells:,} of {self.available:,} | "
            f"{self.fmax_mhz:.1f} of {self.target_mhz:.0f} MHz |"
        )


def build(corner: Corner, folder: Path) -> Result:
    """Compile the corner as a user would, without checks."""
    source = NETWORKS[corner.network]
    path = source if isinstance(source, Path) else folder / "network.npz"
    if not isinstance(source, Path):
        save_model(source(), path)
    started, said = time.perf_counter(), list[str]()
    options = Options(board=corner.board, out=folder / "out", optimize=corner.goal, verify="none")
    try:
        facts = GivenFacts(classes=10) if path == TT10 else None
        report = compile_model(path, options, facts, notice=said.append)
    except DesignError as error:
        seconds = time.perf_counter() - started
        return Result(corner.name, "", 0, 0, 0, 0, 0, seconds, [str(error)])
    tries = [line for line in said if "logic cells" in line and "about" in line]
    clock = next(iter(report.timing.values()))
    cells = next(iter(report.utilization.values()))
    for name in ("ICESTORM_LC", "TRELLIS_COMB", "LUT4"):
        cells = report.utilization.get(name, cells)
    return Result(
        name=corner.name,
        architecture=report.arch.name,
        estimated_cells=int(tries[-1].split("about ")[1].split()[0].replace(",", "")),
        cells=cells.used,
        available=cells.available,
        fmax_mhz=clock.fmax_mhz,
        target_mhz=clock.target_mhz,
        seconds=time.perf_counter() - started,
        tried=tries[:-1],
    )


def measure(corners: Iterable[Corner], results: Path) -> Iterator[Result]:
    """Those that are in `results`, and the others built and appended to it."""
    lines = results.read_text().splitlines() if results.exists() else []
    known = {one["name"]: Result(**one) for one in map(json.loads, lines)}
    for corner in corners:
        if corner.name not in known:
            with tempfile.TemporaryDirectory() as folder:
                known[corner.name] = build(corner, Path(folder))
            with results.open("a") as file:
                file.write(json.dumps(asdict(known[corner.name])) + "\n")
        yield known[corner.name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("corners.jsonl"))
    parser.add_argument("--only", nargs="*", help="names, as network/board/goal")
    given = parser.parse_args()
    chosen = (corner for corner in CORNERS if not given.only or corner.name in given.only)
    print("| network | board | goal | chosen | estimated | cells | clock |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for result in measure(chosen, given.results):
        print(result.line(), flush=True)


if __name__ == "__main__":
    main()
