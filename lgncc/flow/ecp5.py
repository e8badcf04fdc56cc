"""ECP5: synth_ecp5, nextpnr-ecp5, ecppack."""

from __future__ import annotations

from lgncc.boards import Board
from lgncc.flow.family import Family


def _route(board: Board) -> str:
    device = f"--{board.device} --package {board.package} --speed {board.speed}"
    return f"{device} --json top.json --lpf top.lpf --textcfg top.config"


FAMILY = Family(
    nextpnr="nextpnr-ecp5",
    packer="ecppack",
    # With wide multiplexers a popcount of 125 bits takes 446 LUTs instead of 227.
    synthesis=lambda board: "synth_ecp5 -nowidelut",
    route=_route,
    pack=lambda board: "--compress --input top.config --bit top.bit",
    constraints="top.lpf",
    routed="top.config",
    bitstream="top.bit",
    lut="LUT4",
    needs={
        "TRELLIS_COMB": ({"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},),
        "TRELLIS_FF": ({"TRELLIS_FF": 1},),
        "TRELLIS_RAMW": ({"TRELLIS_DPR16X4": 1},),
        "DP16KD": ({"DP16KD": 1, "PDPW16KD": 1},),
        "MULT18X18D": ({"MULT18X18D": 1},),
    },
    logic_types=("TRELLIS_COMB",),
)
