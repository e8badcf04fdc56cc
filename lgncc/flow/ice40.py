"""iCE40: synth_ice40, nextpnr-ice40, icepack."""

from __future__ import annotations

from typing import Any

from lgncc.boards import Board
from lgncc.flow.family import Family
from lgncc.flow.pll import PllCell, PllClock

# FILTER_RANGE of the PLL by the highest frequency of its phase detector.
_FILTER_MHZ = (17, 26, 44, 66, 101)


def _synthesis(board: Board) -> str:
    # yosys knows the timing of u, lp and hx.
    series = "u" if board.device.startswith("u") else board.device[:2]
    return f"synth_ice40 -device {series}"


def _route(board: Board) -> str:
    device = f"--{board.device} --package {board.package}"
    return f"{device} --json top.json --pcf top.pcf --asc top.asc"


def _pll(clock: PllClock, port: Any, out: Any, locked: Any) -> Any:
    from amaranth.hdl import Instance, Module
    from amaranth.lib import io

    m = Module()
    if clock.pll == "SB_PLL40_PAD":
        source = {"i_PACKAGEPIN": port.io}
    else:
        m.submodules.clk_buf = buffer = io.Buffer("i", port)
        source = {"i_REFERENCECLK": buffer.i}
    pfd_mhz = clock.input_hz / clock.reference / 1e6
    m.submodules.pll = Instance(
        clock.pll or "SB_PLL40_CORE",
        p_FEEDBACK_PATH="SIMPLE",
        p_DIVR=clock.reference - 1,
        p_DIVF=clock.feedback - 1,
        p_DIVQ=clock.output.bit_length() - 1,
        p_FILTER_RANGE=1 + sum(pfd_mhz >= limit for limit in _FILTER_MHZ),
        i_RESETB=1,
        i_BYPASS=0,
        **source,
        o_PLLOUTGLOBAL=out,
        o_LOCK=locked,
    )
    return m


FAMILY = Family(
    nextpnr="nextpnr-ice40",
    packer="icepack",
    synthesis=_synthesis,
    route=_route,
    pack=lambda board: "top.asc top.bin",
    constraints="top.pcf",
    routed="top.asc",
    bitstream="top.bin",
    pll=PllCell(
        references=range(1, 17),
        feedbacks=range(1, 129),
        outputs=(2, 4, 8, 16, 32, 64),
        output_fed_back=False,
        instance=_pll,
    ),
    lut="SB_LUT4",
    needs={
        # LUT, carry and flip-flop may share a logic cell.
        "ICESTORM_LC": ({"SB_LUT4": 1}, {"SB_CARRY": 1}, {"SB_DFF": 1}),
        "ICESTORM_RAM": ({"SB_RAM40": 1},),
        "ICESTORM_SPRAM": ({"SB_SPRAM256KA": 1},),
        "ICESTORM_DSP": ({"SB_MAC16": 1},),
    },
    logic_types=("ICESTORM_LC",),
    spreads=True,
)
