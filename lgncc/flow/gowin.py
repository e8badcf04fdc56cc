"""Gowin: synth_gowin, nextpnr-himbaechel, gowin_pack."""

from __future__ import annotations

from lgncc.boards import Board
from lgncc.flow.family import Family


def _route(board: Board) -> str:
    device = f"--device {board.part}{board.package}{board.speed} --vopt family={board.device}"
    return f"{device} --vopt cst=top.cst --json top.json"


FAMILY = Family(
    nextpnr="nextpnr-himbaechel-gowin",
    packer="gowin_pack",
    # Without wide multiplexers for the same reason as on ECP5. The platform has put buffers at the
    # pads; yosys would put more at the ports of every module that is kept.
    synthesis=lambda board: "synth_gowin -nowidelut -noiopads",
    route=_route,
    # The device must be named as the netlist does: of the part's full name gowin_pack makes GW1N-9.
    pack=lambda board: f"-d {board.device} -o top.fs placed.json",
    constraints="top.cst",
    routed="placed.json",
    bitstream="top.fs",
    lut="LUT",
    needs={
        "LUT4": ({"LUT": 1, "ALU": 1},),
        "DFF": ({"DFF": 1},),
        "BSRAM": (dict.fromkeys(("SP", "SDP", "DP", "pROM"), 1),),
        "RAM16SDP4": ({"RAM16S": 1},),
        "MULT18X18": ({"MULT18X18": 1},),
    },
    logic_types=("LUT1", "LUT2", "LUT3", "LUT4", "ALU"),
    logic_resources=("ALU",),
)
