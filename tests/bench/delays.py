"""`level_ps` and `register_ps` of a part: what a clock cycle takes by the LUT levels in it, after
place and route.

    python tests/bench/delays.py BOARD [--results delays.jsonl] [--networks ...] [--levels ...]

Every line of the results is a build; those that are there are not built again. The two figures are
those of the lowest line, over the number of levels, that none of the builds lies above.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from networks import network

from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.flow.build import build
from lgncc.flow.families import at_frequency
from lgncc.flow.workspace import Workspace
from lgncc.lowering import MEASURED_LUTS, lower_luts
from lgncc.passes.pipeline import choose_pipeline, optimize


@dataclass(frozen=True)
class Delay:
    """Of one build: the slowest way of its core took `period_ps`, and its LUTs between two
    registers are `levels` at the most, where up to `allowed` were."""

    board: str
    network: str
    allowed: int
    levels: int
    luts: int
    period_ps: int
    seconds: float

    @property
    def side(self) -> float:
        """By which lgncc.lowering takes the wires to be longer."""
        return math.sqrt(max(self.luts / MEASURED_LUTS, 1))


def fitted(delays: list[Delay]) -> tuple[int, int]:
    """(level_ps, register_ps): the period is nowhere above register_ps * side + levels * level_ps,
    and the sum of what it is below that is the least."""
    from scipy.optimize import linprog

    terms = np.array([[one.levels, one.side] for one in delays])
    periods = np.array([one.period_ps for one in delays])
    found = linprog(terms.sum(axis=0), A_ub=-terms, b_ub=-periods, bounds=(0, None))
    level_ps, register_ps = (math.ceil(value) for value in found.x)
    return level_ps, register_ps


def measure(board_name: str, name: str, allowed: int) -> Delay:
    """Build a network with at most so many LUT levels between two registers, at the clock that the
    board's figures promise."""
    source = board = load_board(board_name)
    mhz = 1e6 / (allowed * source.level_ps + source.register_ps)
    if mhz * 1e6 > source.clock.hz:
        board = at_frequency(source, mhz)
    planner = Planner(optimize(network(name), choose_pipeline(2, None), prove=False).model)
    form = planner.form("pipelined", board)
    lowered = lower_luts(planner.mapped(form), board, allowed, form)
    assert lowered.mapped is not None
    assert lowered.stages is not None
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.begin()
        flow = build(workspace, board, lowered.design.placed, lowered.parts, seeds=1)
    core = max(flow.timing, key=lambda clock: clock.target_mhz)
    return Delay(
        board=board_name,
        network=name,
        allowed=allowed,
        levels=lowered.stages.longest,
        luts=lowered.mapped.luts.n_gates,
        period_ps=round(1e6 / core.fmax_mhz),
        seconds=round(time.perf_counter() - started),
    )


def measured(
    board: str, networks: Iterable[str], allowed: Sequence[int], results: Path
) -> Iterator[Delay]:
    """Those that are in `results`, and the others built and appended to it."""
    lines = results.read_text().splitlines() if results.exists() else []
    known = [Delay(**one) for one in map(json.loads, lines)]
    yield from (one for one in known if one.board == board)
    done = {(one.board, one.network, one.allowed) for one in known}
    for name, most in itertools.product(networks, allowed):
        if (board, name, most) not in done:
            one = measure(board, name, most)
            with results.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
            yield one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board")
    parser.add_argument("--results", type=Path, default=Path("delays.jsonl"))
    parser.add_argument("--networks", nargs="*", default=["digits", "mnist16", "tt10"])
    parser.add_argument("--levels", nargs="*", type=int, default=[1, 4, 9, 18])
    given = parser.parse_args()
    print("| network | LUTs | levels | ns | s |\n| --- | --- | --- | --- | --- |")
    delays = []
    for one in measured(given.board, given.networks, given.levels, given.results):
        delays.append(one)
        print(
            f"| {one.network} | {one.luts:,} | {one.levels} | {one.period_ps / 1e3:.1f} | "
            f"{one.seconds:.0f} |",
            flush=True,
        )
    level_ps, register_ps = fitted(delays)
    print(f"\nlevel_ps = {level_ps}\nregister_ps = {register_ps}")


if __name__ == "__main__":
    main()
