"""Every family's synthesis leaves mapped LUTs and their registers alone, cell by cell."""

from __future__ import annotations

import json
from collections import Counter

import builds
import pytest

from lgncc.boards import load_board
from lgncc.emit.board import emit_mapped_board
from lgncc.flow.build import build, synthesize
from lgncc.flow.tools import find_tool
from lgncc.flow.workspace import Workspace
from lgncc.lowering import LUT_PARTS
from lgncc.mapping.design import PARTS
from lgncc.mapping.map_model import map_model
from lgncc.mapping.stages import plan_stages

CELLS = {
    "icebreaker": ("SB_LUT4", "SB_DFFE"),
    "ulx3s-85f": ("LUT4", "TRELLIS_FF"),
    "tang-nano-9k": ("LUT", "DFFE"),
}
PREFIX = "shell.core.luts."

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def design():
    return map_model(builds.small_model("class"))


def workspace(folder):
    space = Workspace(folder)
    space.begin()
    return space


@pytest.mark.parametrize("name", CELLS)
def test_synthesis_keeps_each_lut_and_register_with_its_part(tmp_path, design, name):
    board = load_board(name)
    stages = plan_stages(design.luts, 6)
    placed = emit_mapped_board(design, stages, board).placed
    step = synthesize(workspace(tmp_path / "out"), find_tool("yosys"), board, placed, LUT_PARTS)
    cells = json.loads((step.folder / "top.json").read_text())["modules"]["top"]["cells"]
    inside = [(n.removeprefix(PREFIX), c["type"]) for n, c in cells.items() if n.startswith(PREFIX)]
    lut, flip_flop = CELLS[name]
    luts = Counter(n.split(".")[0] for n, kind in inside if kind.startswith(lut))
    expected = Counter(PARTS[part] for part in design.part.tolist())
    assert luts == expected
    assert sum(kind == flip_flop for _, kind in inside) == stages.registers
    assert len(inside) == design.luts.n_gates + stages.registers


def test_a_register_shares_the_cell_of_its_lut_where_it_was_counted_as_free(tmp_path, design):
    board = load_board("icebreaker")
    stages = plan_stages(design.luts, 6)
    placed = emit_mapped_board(design, stages, board).placed
    result = build(workspace(tmp_path / "out"), board, placed, LUT_PARTS)
    luts = Counter(PARTS[part] for part in design.part.tolist())
    core = {part: result.breakdown[part] for part in luts}
    assert all(core[part] >= luts[part] for part in luts)
    # The stages' own valid bits and what stalls them are a handful of cells.
    extra = sum(core.values()) - design.luts.n_gates
    assert stages.extra_cells <= extra <= stages.extra_cells + 2 * stages.ranks + 4
