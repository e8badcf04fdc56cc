"""ECP5: synth_ecp5, nextpnr-ecp5, ecppack."""

from __future__ import annotations

from typing import Any

from lgncc.boards import Board
from lgncc.flow.family import Family
from lgncc.flow.pll import PllCell, PllClock


def _route(board: Board) -> str:
    device = f"--{board.device} --package {board.package} --speed {board.speed}"
    # By default 8: with 7,000 cells it was seen to search minutes for the place of one of them.
    device += " --placer-heap-cell-placement-timeout 100"
    return f"{device} --json top.json --lpf top.lpf --textcfg top.config"


def _pll(clock: PllClock, source: Any, out: Any, locked: Any) -> Any:
    from amaranth.hdl import Instance

    return Instance(
        "EHXPLLL",
        # Frequencies in MHz, from which the bitstream's analog settings follow.
        a_FREQUENCY_PIN_CLKI=f"{clock.input_hz / 1e6:g}",
        a_FREQUENCY_PIN_CLKOP=f"{clock.hz / 1e6:g}",
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        p_CLKI_DIV=clock.reference,
        p_CLKFB_DIV=clock.feedback,
        p_CLKOP_DIV=clock.output,
        p_CLKOP_CPHASE=clock.output // 2,
        p_CLKOP_FPHASE=0,
        p_CLKOP_ENABLE="ENABLED",
        p_FEEDBK_PATH="CLKOP",
        p_OUTDIVIDER_MUXA="DIVA",
        i_CLKI=source,
        i_CLKFB=out,
        i_RST=0,
        i_STDBY=0,
        i_PLLWAKESYNC=0,
        i_ENCLKOP=0,
        i_PHASESEL0=0,
        i_PHASESEL1=0,
        i_PHASEDIR=1,
        i_PHASESTEP=1,
        i_PHASELOADREG=1,
        o_CLKOP=out,
        o_LOCK=locked,
    )


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
    pll=PllCell(
        references=range(1, 129),
        feedbacks=range(1, 81),
        outputs=range(1, 129),
        output_fed_back=True,
        input_is_free=True,
        instance=_pll,
    ),
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
