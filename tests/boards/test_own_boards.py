"""Boards that lgncc does not come with: a file each, no code. Those in `own/` are written as a user
would write them: one of a part that we have, one whose part's file lies beside it, one that states
its part itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_networks import save_random

from lgncc.architectures import Planner
from lgncc.boards import list_boards, list_parts, load_board
from lgncc.compiler import Options, compile_model
from lgncc.emit.board import emit_board
from lgncc.estimate import ARCHITECTURES
from lgncc.storage import load_model

OWN = {path.stem: path for path in sorted((Path(__file__).parent / "own").glob("*.toml"))}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_random(tmp_path_factory.mktemp("network") / "small.npz", gates=60, width=20)


def test_none_of_them_comes_with_lgncc():
    assert len(OWN) == 3
    assert not OWN.keys() & set(list_boards())
    of_listed_parts = {n for n, path in OWN.items() if load_board(path).part in list_parts()}
    assert of_listed_parts == {"icesugar"}


@pytest.mark.parametrize("name", OWN)
def test_every_architecture_is_estimated_for_it(network, name):
    board = load_board(OWN[name])
    planner = Planner(load_model(network))
    for architecture in ARCHITECTURES:
        best = planner.estimates(board, "latency", architecture)[0]
        assert best.obstacle == ""
        assert 0 < best.cells < board.capacity[board.logic_cells]


@pytest.mark.parametrize("name", OWN)
def test_its_pins_and_its_clock_are_those_of_its_platform(network, name):
    board = load_board(OWN[name])
    design = emit_board(load_model(network), board).placed
    assert design.clock_hz == board.clock.hz
    assert all(pin in design.constraints for pin in ("uart_0__rx__io", "uart_0__tx__io"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "begins"),
    [("ulx3s-25f", b"\xff\x00Part: LFE5U-25F"), ("icesugar", b"\xff\x00\x00\xff\x7e\xaa\x99\x7e")],
)
def test_it_becomes_a_bitstream(network, tmp_path, name, begins):
    options = Options(str(OWN[name]), tmp_path / "out", optimize="area", verify="none")
    report = compile_model(network, options)
    assert (report.board.name, [clock.met for clock in report.timing.values()]) == (name, [True])
    board = load_board(OWN[name])
    available = {resource: usage.available for resource, usage in report.utilization.items()}
    assert board.capacity.items() <= available.items()
    assert Path(report.artifacts["bitstream"]).read_bytes().startswith(begins)
