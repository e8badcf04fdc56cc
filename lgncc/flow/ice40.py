"""iCE40: synth_ice40, nextpnr-ice40, icepack."""

from __future__ import annotations

from lgncc.boards import Board
from lgncc.flow.family import Family


def _synthesis(board: Board) -> str:
    # yosys knows the timing of u, lp and hx.
    series = "u" if board.device.startswith("u") else board.device[:2]
    return f"synth_ice40 -device {series}"


def _route(board: Board) -> str:
    device = f"--{board.device} --package {board.package}"
    return f"{device} --json top.json --pcf top.pcf --asc top.asc"


FAMILY = Family(
    nextpnr="nextpnr-ice40",
    packer="icepack",
    synthesis=_synthesis,
    route=_route,
    pack=lambda board: "top.asc top.bin",
    constraints="top.pcf",
    routed="top.asc",
    bitstream="top.bin",
    lut="SB_LUT4",
    needs={
        # LUT, carry and flip-flop may share a logic cell.
        "ICESTORM_LC": ({"SB_LUT4": 1}, {"SB_CARRY": 1}, {"SB_DFF": 1}),
        "ICESTORM_RAM": ({"SB_RAM40": 1},),
        "ICESTORM_SPRAM": ({"SB_SPRAM256KA": 1},),
        "ICESTORM_DSP": ({"SB_MAC16": 1},),
    },
    logic_types=("ICESTORM_LC",),
)
