"""What is chosen fits, over a grid of network sizes, parts and goals, by the cost model.

Place and route of the grid's corners is docs/explanation/corners.json.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from random_networks import save_random

from lgncc import boards
from lgncc.architectures import Planner
from lgncc.boards import list_boards, load_board
from lgncc.estimate import Estimate, fitting
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.storage import load_model

# From a tenth of the smallest part to more than a class-serial core of it; the iCEBreaker's
# pipelines end between 1,000 and 1,300.
WIDTHS = (50, 400, 1_000, 1_300, 1_400, 1_600, 2_400)


@pytest.fixture(scope="module")
def planners(tmp_path_factory):
    """Of two layers of each width."""
    folder = tmp_path_factory.mktemp("networks")
    found = []
    for width in WIDTHS:
        model = load_model(save_random(folder / f"{width}.npz", gates=2 * width, width=width))
        found.append(Planner(optimize(model, choose_pipeline(1), prove=False).model))
    return found


def within_reach(estimate, board):
    """As the part file has it."""
    part = tomllib.loads((Path(boards.__file__).parent / f"parts/{board.part}.toml").read_text())
    key = "serial_full_percent" if estimate.architecture == "class-serial" else "full_percent"
    return 100 * estimate.cells <= part[key] * part["capacity"][part["logic_cells"]]


@pytest.mark.parametrize("goal", ["latency", "throughput", "area"])
@pytest.mark.parametrize("name", list_boards())
def test_no_choice_is_over_its_limit_where_another_would_fit(planners, name, goal):
    board = load_board(name)
    for planner in planners:
        first, *others = planner.estimates(board, goal)
        assert not first.obstacle, "a gate processor at the least"
        assert within_reach(first, board)
        for other in others:
            if other.obstacle.startswith("needs about"):
                assert not within_reach(other, board)


@pytest.mark.parametrize("name", list_boards())
def test_the_larger_the_network_the_smaller_the_architecture(planners, name):
    order = ["spatial", "pipelined", "class-serial", "folded"]
    board = load_board(name)
    ranks = [order.index(p.estimates(board, "latency")[0].architecture) for p in planners]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(("architecture", "percent"), [("pipelined", 60), ("class-serial", 50)])
def test_the_limit_is_a_fact_of_the_part(architecture, percent):
    board = replace(load_board("icebreaker"), full_percent=60, serial_full_percent=50)
    most = board.capacity[board.logic_cells] * percent // 100
    estimate = Estimate(architecture, 1, most, 1, 1)
    assert fitting(estimate, board) is estimate
    over = fitting(replace(estimate, cells=most + 1), board)
    assert over.tight
    assert over.obstacle.endswith(f"of 5,280 logic cells, of which wires reach about {percent}%")
