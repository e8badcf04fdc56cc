"""What a folded core of many gates takes from the optimized network to what synthesis reads.

    python tests/bench/emission.py [GATES]

Seconds of the processor, yosys's among them, a row a board.
"""

from __future__ import annotations

import argparse
import resource

from networks import random_network
from results import markdown

from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.passes.pipeline import choose_pipeline, optimize

BOARDS = ("icebreaker", "ulx3s-85f")


def cpu_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gates", nargs="?", type=int, default=64_000)
    model = optimize(random_network(parser.parse_args().gates), choose_pipeline(2), prove=False)
    rows: list[dict[str, float | str]] = []
    for name in BOARDS:
        board, started = load_board(name), cpu_seconds()
        planner = Planner(model.model, "each-step")
        estimate = planner.estimates(board, "latency", "folded")[0]
        planned = cpu_seconds()
        lowered = planner.lower(estimate, board)
        assert lowered.program is not None
        rows.append(
            {
                "board": name,
                "instructions": len(lowered.program),
                "assembled and placed": round(planned - started, 2),
                "written": round(cpu_seconds() - planned, 2),
            }
        )
    print(markdown(rows))


if __name__ == "__main__":
    main()
