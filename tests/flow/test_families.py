"""ECP5 and Gowin: the same small design to a packed bitstream of each, by the real tools."""

import fcntl
import json
import os
import pickle
import re

import pytest
from loop_through import PREFIXES, LoopThrough, fabric

from lgncc.boards import list_boards, load_board
from lgncc.flow import nextpnr
from lgncc.flow.build import build, place_and_route, synthesis_script
from lgncc.flow.families import FAMILIES, at_frequency, family_of
from lgncc.flow.platform import elaborate
from lgncc.flow.pll import PllClock
from lgncc.flow.result import Usage
from lgncc.flow.tools import REQUIREMENTS, find_tool
from lgncc.flow.workspace import Workspace

ULX3S, NANO = load_board("ulx3s-85f"), load_board("tang-nano-9k")


def pins(board):
    """The board's pins by port, from its constraints."""
    text = elaborate(board, LoopThrough(8), {"fabric.v": "module fabric; endmodule"}).constraints
    lpf = re.findall(r'LOCATE COMP "(\w+)" SITE "(\w+)";', text)
    cst = re.findall(r'IO_LOC "(\w+)" (\w+);', text)
    return dict(lpf + cst), text


def test_the_ulx3s_has_its_pins_from_the_fpgas_view():
    # Constraints of the board's maker: ftdi_rxd is L4, "FPGA transmits to ftdi"; ftdi_txd is M1.
    found, text = pins(ULX3S)
    assert found["uart_0__tx__io"] == "L4"
    assert found["uart_0__rx__io"] == "M1"
    assert found["clk25_0__io"] == "G2"
    assert "FREQUENCY" not in text


def test_the_tang_nano_9k_has_its_pins_from_the_fpgas_view():
    # Sipeed's pin table: UART TX 17, RX 18, 27 MHz clock 52.
    assert pins(NANO)[0] == {"uart_0__tx__io": "17", "uart_0__rx__io": "18", "clk27_0__io": "52"}


@pytest.mark.parametrize("name", list_boards())
def test_every_board_has_a_family_with_tools_that_the_doctor_knows(name):
    family = family_of(load_board(name))
    assert {family.nextpnr, family.packer} <= REQUIREMENTS.keys()


@pytest.mark.parametrize("board", [ULX3S, NANO], ids=lambda b: b.name)
def test_wide_multiplexers_are_not_used(board):
    assert " -nowidelut " in synthesis_script(board, [], [])


def test_carries_take_two_cells_on_ecp5_and_one_on_gowin():
    counts = {"LUT2": 3, "LUT4": 10, "CCU2C": 4, "TRELLIS_FF": 6}
    ecp5 = FAMILIES["ecp5"].usage(ULX3S, {k: v for k, v in counts.items() if k != "LUT2"})
    assert ecp5["TRELLIS_COMB"] == Usage(18, 83640)
    assert ecp5["TRELLIS_FF"] == Usage(6, 83640)
    gowin = FAMILIES["gowin"].usage(NANO, {"LUT2": 3, "LUT4": 10, "ALU": 4, "DFFRE": 5, "DFF": 1})
    assert gowin["LUT4"] == Usage(17, 8640)
    assert gowin["DFF"] == Usage(6, 6480)


def test_gowins_carries_are_counted_among_the_logic_cells_they_take():
    report = {
        "utilization": {"LUT4": {"used": 5, "available": 9}, "ALU": {"used": 2, "available": 6}}
    }
    usage = nextpnr.utilization(report, NANO, FAMILIES["gowin"])
    assert usage == {"LUT4": Usage(7, 9), "ALU": Usage(2, 6)}


@pytest.mark.parametrize(("board", "rips_up"), [(ULX3S, True), (NANO, False)])
def test_slow_wires_are_taken_up_again_where_the_router_can(board, rips_up, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(nextpnr, "place_and_route", lambda tool, args, *_, **__: given.extend(args))
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    netlist = tmp_path / "netlist.json"
    netlist.write_text("{}")
    tool = find_tool(family_of(board).nextpnr)
    place_and_route(workspace, tool, board, netlist, "", seed=1, target_mhz=30.0, by_time=True)
    assert ("--tmg-ripup" in given) == rips_up


BUILDS = {
    "ulx3s-85f": None,
    "tang-nano-9k": None,
    "ulx3s-85f at 50": 50.0,
    "tang-nano-9k at 40.5": 40.5,
    "icebreaker at 18": 18.0,
}


@pytest.fixture(scope="session", params=BUILDS)
def small(request, tmp_path_factory):
    """A small design built once for the board, also where several processes run the tests."""
    board = load_board(request.param.split()[0])
    if mhz := BUILDS[request.param]:
        board = at_frequency(board, mhz)
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    name = request.param.replace(" ", "-")
    kept = common / f"{name}.pickle"
    with (common / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            workspace = Workspace(common / name)
            workspace.begin()
            design = elaborate(board, LoopThrough(8), {"fabric.v": fabric(8, 60)})
            kept.write_bytes(pickle.dumps(build(workspace, board, design, PREFIXES)))
    return board, pickle.loads(kept.read_bytes())


@pytest.mark.slow
def test_a_small_design_becomes_a_bitstream(small):
    board, result = small
    begin = result.bitstream.read_bytes()[:4096]
    preamble = {
        "ecp5": b"\xff\xff\xbd\xb3",
        "gowin": b"1010010111000011",  # a5c3, as text
        "ice40": b"\x7e\xaa\x99\x7e",
    }
    assert preamble[board.family] in begin
    assert not list(result.bitstream.parent.parent.glob("*.partial"))


@pytest.mark.slow
def test_the_clock_is_judged_under_the_boards_name(small):
    board, result = small
    (clock,) = result.timing
    assert clock.clock == board.clock.resource
    assert clock.target_mhz == pytest.approx(board.clock.hz / 1e6, rel=1e-3)
    assert result.met


@pytest.mark.slow
def test_a_pll_is_used_for_any_clock_but_the_boards_own(small):
    board, result = small
    plls = {"ecp5": "EHXPLLL", "gowin": "rPLL", "ice40": "ICESTORM_PLL"}
    assert result.utilization[plls[board.family]].used == isinstance(board.clock, PllClock)


@pytest.mark.slow
def test_the_parts_sum_to_what_nextpnr_counts(small):
    board, result = small
    assert sum(result.breakdown.values()) == result.utilization[board.logic_cells].used
    assert result.breakdown["network"] > 20
    assert result.breakdown["shell"] > 10
    assert result.breakdown["encoder"] == 0
    assert 40 < result.luts < sum(result.breakdown.values()) + 10


@pytest.mark.slow
def test_the_part_file_states_what_nextpnr_says_is_there(small):
    board, result = small
    available = {name: usage.available for name, usage in result.utilization.items()}
    assert board.capacity.items() <= available.items()


@pytest.mark.slow
def test_synthesis_used_no_pads_but_the_boards_and_no_wide_multiplexers(small):
    _, result = small
    counts = json.loads((result.synthesized.parent / "stat.json").read_text())
    types = counts["design"]["num_cells_by_type"]
    assert not {"PFUMX", "L6MUX21", "MUX2_LUT5", "OBUF"} & types.keys()
