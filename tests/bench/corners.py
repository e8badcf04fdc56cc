"""What `auto` chooses at the corners of its grid, built: does the choice fit, and at which clock?

    python tests/bench/corners.py [--only NAME ...] [--again NAME ...]

Networks at the limits of each architecture, boards, goals. Every entry of docs/explanation/
corners.json is a build; those that are there are not built again, and the table in
docs/explanation/architectures.md is written from all of them.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from networks import MODELS, TABLES, TT10

from lgncc.compiler import Options, compile_model
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.estimate import Architecture, Goal
from lgncc.facts import GivenFacts
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.storage import replacing, save_model

DOCS = Path(__file__).parents[2] / "docs" / "explanation"
RESULTS = DOCS / "corners.json"
PAGE = DOCS / "architectures.md"
MARK = "<!-- tests/bench/corners.py writes this table from corners.json -->\n\n"


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


FILES = {name: MODELS / f"{name}.pt" for name in ("digits", "mnist16", "mnist", "parity")}
FILES["3x2,550"] = TT10
_RANDOM = re.compile(r"(pixels, )?(\d+)x([\d,]+)")


def network(name: str) -> LogicModel | Path:
    """A file, or "LAYERSxGATES" of random gates, or "pixels, LAYERSxGATES"."""
    if name in FILES:
        return FILES[name]
    match = _RANDOM.fullmatch(name)
    if match is None:
        raise ValueError(f"no network is called {name!r}")
    pixels, layers, width = match.groups()
    model = random_network(layers=int(layers), width=int(width.replace(",", "")))
    return of_pixels(model) if pixels else model


@dataclass(frozen=True)
class Corner:
    """A network on a board. architecture: the one asked for, else `auto` chooses for the goal."""

    network: str
    board: str
    goal: Goal = "latency"
    architecture: Architecture | None = None

    @property
    def name(self) -> str:
        return f"{self.network}/{self.board}/{self.architecture or self.goal}"


# Of 2x1,000 and 2x1,150, and of 2x1,500 and 2x1,600, the first is the largest that is built
# pipelined, and class-serial.
OF_THE_ICEBREAKER: dict[Goal, str] = {
    "latency": "parity; digits; mnist16; 2x1,000; 2x1,150; 2x1,500; 2x1,600; 3x2,550; mnist",
    "throughput": "parity; digits; mnist16; 2x1,500; 3x2,550; 4x4,000; pixels, 2x1,000",
    "area": "parity; digits; mnist16; 2x1,500; 3x2,550; 4x4,000",
}
# 2x2,000 and 2x2,300 are to each side of what is built pipelined.
OF_THE_TANG_NANO: dict[Goal, str] = {
    "latency": "parity; 2x500; digits; mnist16; 3x2,550; 2x2,000; 2x2,300; mnist",
    "throughput": "digits; 3x2,550",
    "area": "digits; mnist16; 4x4,000",
}
OF_THE_ULX3S: dict[Goal, str] = {
    "latency": "digits; 3x2,550; 4x4,000; mnist; 4x16,000",
    "throughput": "digits; 4x16,000",
    "area": "mnist",
}
CORNERS = (
    *(
        Corner(name, board, goal)
        for board, by_goal in (
            ("icebreaker", OF_THE_ICEBREAKER),
            ("tang-nano-9k", OF_THE_TANG_NANO),
            ("ulx3s-85f", OF_THE_ULX3S),
        )
        for goal, names in by_goal.items()
        for name in names.split("; ")
    ),
    Corner("3x2,550", "icebreaker", architecture="class-serial"),
)


@dataclass(frozen=True)
class Result:
    """Of one build, `seconds` of wall time. tried: what did not fit before it, or with
    `architecture` empty, why none. samples_per_s: what the core and what the link does."""

    name: str
    architecture: str
    estimated_cells: int
    cells: int
    available: int
    fmax_mhz: float
    target_mhz: float
    latency_us: float
    samples_per_s: list[float]
    seconds: float
    tried: list[str]

    @property
    def error(self) -> float:
        """Of the estimate, as a part of what it is."""
        return self.estimated_cells / self.cells - 1

    def line(self) -> str:
        name, board, goal = self.name.rsplit("/", 2)
        if not self.architecture:
            return f"| {name} | {board} | {goal} | none: {self.tried[0]} | | | | | | | |"
        tried = "".join(f", after {one.split(':')[0]}" for one in self.tried)
        core, link = (f"{pace:,.0f}" for pace in self.samples_per_s)
        return (
            f"| {name} | {board} | {goal} | {self.architecture}{tried} | "
            f"{self.estimated_cells:,} | {self.cells:,} of {self.available:,} | "
            f"{self.error:+.1%} | {self.fmax_mhz:.1f} of {self.target_mhz:.0f} | "
            f"{self.latency_us:,.2f} | {core}, {link} | {self.seconds:.0f} |"
        )


def build(corner: Corner, folder: Path) -> Result:
    """Compile the corner as a user would, without checks."""
    source = network(corner.network)
    path = source if isinstance(source, Path) else folder / "network.npz"
    if not isinstance(source, Path):
        save_model(source, path)
    started, said = time.perf_counter(), list[str]()
    options = Options(
        board=corner.board,
        out=folder / "out",
        optimize=corner.goal,
        architecture=corner.architecture,
        verify="none",
    )
    try:
        facts = GivenFacts(classes=10) if path == TT10 else None
        report = compile_model(path, options, facts, notice=said.append)
    except DesignError as error:
        seconds = time.perf_counter() - started
        return Result(corner.name, "", 0, 0, 0, 0, 0, 0, [], seconds, [str(error)])
    tries = [line for line in said if "logic cells" in line and "about" in line]
    clock = next(iter(report.timing.values()))
    cells = next(iter(report.utilization.values()))
    for name in ("ICESTORM_LC", "TRELLIS_COMB", "LUT4"):
        cells = report.utilization.get(name, cells)
    pace = report.throughput_samples_per_s
    return Result(
        name=corner.name,
        architecture=report.arch.name,
        estimated_cells=int(tries[-1].split("about ")[1].split()[0].replace(",", "")),
        cells=cells.used,
        available=cells.available,
        fmax_mhz=clock.fmax_mhz,
        target_mhz=clock.target_mhz,
        latency_us=report.latency_us.core,
        samples_per_s=[pace.core, pace.link],
        seconds=time.perf_counter() - started,
        tried=tries[:-1],
    )


def read(path: Path = RESULTS) -> dict[str, Result]:
    """By name."""
    if not path.exists():
        return {}
    return {one["name"]: Result(**one) for one in json.loads(path.read_text())}


def write(result: Result, path: Path = RESULTS) -> None:
    """Into the file as it is now: others may have added to it meanwhile."""
    known = read(path) | {result.name: result}
    order = {corner.name: index for index, corner in enumerate(CORNERS)}
    results = sorted(known.values(), key=lambda one: order.get(one.name, len(order)))
    with replacing(path) as temporary:
        text = json.dumps([asdict(one) for one in results], indent=1)
        temporary.write_text(text + "\n")


def measure(corners: Iterable[Corner], path: Path, again: bool = False) -> Iterator[Result]:
    """Those that are in the file, and the others built and put there. A design that several goals
    choose is placed and routed once."""
    with tempfile.TemporaryDirectory() as root:
        for corner in corners:
            if again or corner.name not in read(path):
                folder = Path(root) / re.sub(r"\W", "-", f"{corner.network}-{corner.board}")
                folder.mkdir(exist_ok=True)
                write(build(corner, folder), path)
            yield read(path)[corner.name]


HEADER = (
    "| network | board | goal | chosen | estimated | cells | error | MHz | latency, µs | "
    "samples/s, core and link | seconds |\n"
    f"|{' --- |' * 11}\n"
)


def table(results: Iterable[Result]) -> str:
    return HEADER + "".join(f"{result.line()}\n" for result in results)


def with_table(page: str, text: str) -> str:
    """The page with the table behind MARK replaced."""
    before, found, after = page.partition(MARK)
    if not found:
        raise ValueError(f"the page has no line {MARK.strip()}")
    return before + MARK + text + re.sub(r"\A(?:\|.*\n)*", "", after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="*", help="names, as network/board/goal")
    parser.add_argument("--again", action="store_true", help="build what is there, too")
    given = parser.parse_args()
    chosen = [corner for corner in CORNERS if not given.only or corner.name in given.only]
    print(HEADER, end="")
    for result in measure(chosen, given.results, given.again):
        print(result.line(), flush=True)
        if given.results == RESULTS:
            PAGE.write_text(with_table(PAGE.read_text(), table(read().values())))


if __name__ == "__main__":
    main()
