"""Rung "clocks": ways between two clocks, in the netlist of a board design, and one more than may
be."""

from __future__ import annotations

import copy
import json

import builds
import numpy as np
import pytest
from mapped_designs import map_plainly

from lgncc.boards import load_board
from lgncc.emit.board import emit_mapped_board
from lgncc.errors import InputError
from lgncc.fastest import at_clock
from lgncc.flow.build import synthesize
from lgncc.flow.tools import find_tool
from lgncc.flow.workspace import Workspace
from lgncc.lowering import LUT_PARTS
from lgncc.mapping.stages import plan_stages
from lgncc.verify.clocks import STAGES, check_clocks
from lgncc.verify.lemma import RefutedError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    """A core at 150 MHz behind a link at 25, as yosys leaves it."""
    board = at_clock(load_board("ulx3s-85f"), 150, "pipelined")
    mapped = map_plainly(builds.small_model(), np.random.default_rng(0))
    design = emit_mapped_board(mapped, plan_stages(mapped.luts, 2), board)
    assert design.core_hz == 150_000_000
    workspace = Workspace(tmp_path_factory.mktemp("two-clocks"))
    workspace.begin()
    step = synthesize(workspace, find_tool("yosys"), board, design.placed, LUT_PARTS)
    return step.folder / "top.json"


@pytest.fixture
def refutation(synthesized, tmp_path):
    """What is said of the netlist after a change of its module."""
    netlist = json.loads(synthesized.read_text())

    def say(change):
        changed = copy.deepcopy(netlist)
        change(changed["modules"]["top"])
        (tmp_path / "top.json").write_text(json.dumps(changed))
        with pytest.raises(RefutedError) as caught:
            check_clocks(tmp_path / "top.json")
        return str(caught.value)

    return say


def net(module, name):
    return module["netnames"][name]["bits"][0]


def of_output(module, wanted):
    (cell,) = [
        cell
        for cell in module["cells"].values()
        if cell["type"] == "TRELLIS_FF" and cell["connections"]["Q"] == [wanted]
    ]
    return cell["connections"]


def reconnect(module, old, new):
    """All that reads one net reads another."""
    for cell in module["cells"].values():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] == "input":
                cell["connections"][pin] = [new if bit == old else bit for bit in bits]


def test_two_registers_a_bit_and_payload_that_is_held_are_all_that_crosses(synthesized):
    rung = check_clocks(synthesized)
    assert (rung.rung, rung.result) == ("clocks", "proved")
    # 18 bits of input and 2 of the class.
    assert rung.detail == (
        "2 clocks; between them 4 bits through two registers each, "
        "20 bits from the registers that hold them, nothing else"
    )


PAYLOAD = "shell.core.i__payload"


def test_a_bit_that_nothing_reads_may_come_from_nowhere(synthesized, tmp_path):
    netlist = json.loads(synthesized.read_text())
    module = netlist["modules"]["top"]
    reconnect(module, net(module, PAYLOAD), "0")
    module["netnames"][PAYLOAD]["bits"][0] = 1_000_000
    (tmp_path / "top.json").write_text(json.dumps(netlist))
    assert "; between them 4 bits through two registers each, 19 bits from the registers" in (
        check_clocks(tmp_path / "top.json").detail
    )


def test_a_bit_that_is_read_and_comes_from_nowhere_is_refuted(refutation):
    def disconnect(module):
        old, new = net(module, PAYLOAD), 1_000_000
        reconnect(module, old, new)
        module["netnames"][PAYLOAD]["bits"][0] = new

    assert "a bit of what crosses is no register's" in refutation(disconnect)


@pytest.mark.parametrize("stage", STAGES)
def test_a_bit_that_is_not_synchronized_is_refuted(refutation, stage):
    def bypass(module):
        first = net(module, stage)
        second = net(module, stage.replace("stage0", "stage1"))
        reconnect(module, second, of_output(module, first)["DI"][0])

    assert "depends on another clock, and is no synchronizer's" in refutation(bypass)


@pytest.mark.parametrize("stage", STAGES)
def test_a_synchronizer_of_one_register_is_refuted(refutation, stage):
    def shorten(module):
        first = net(module, stage)
        reconnect(module, net(module, stage.replace("stage0", "stage1")), first)

    assert "cells read the register, not one other register" in refutation(shorten)


def test_logic_before_a_synchronizer_is_refuted(refutation):
    def insert(module):
        pins = of_output(module, net(module, STAGES[0]))
        output = 1_000_000
        module["cells"]["glitch"] = {
            "type": "LUT4",
            "parameters": {"INIT": "1010101010101010"},
            "port_directions": {**dict.fromkeys("ABCD", "input"), "Z": "output"},
            "connections": {"A": pins["DI"], "B": ["0"], "C": ["0"], "D": ["0"], "Z": [output]},
        }
        pins["DI"] = [output]

    assert "depends on another clock, through logic" in refutation(insert)


def test_any_other_way_is_refuted(refutation):
    def tap(module):
        clocks = {}
        for cell in module["cells"].values():
            if cell["type"] == "TRELLIS_FF":
                clocks.setdefault(cell["connections"]["CLK"][0], []).append(cell["connections"])
        link, core = clocks.values()
        core[-1]["DI"] = link[0]["Q"]

    assert "depends on another clock" in refutation(tap)


def test_a_cell_of_an_unknown_kind_is_refuted(refutation):
    def rename(module):
        next(iter(module["cells"].values()))["type"] = "MULT18X18D"

    assert "is of a kind that is not understood: MULT18X18D" in refutation(rename)


def test_a_netlist_without_crossings_is_refused(synthesized, tmp_path):
    netlist = json.loads(synthesized.read_text())
    del netlist["modules"]["top"]["netnames"]["shell.core.o__payload"]
    (tmp_path / "top.json").write_text(json.dumps(netlist))
    with pytest.raises(InputError, match=r"not a netlist as yosys writes it: KeyError"):
        check_clocks(tmp_path / "top.json")
