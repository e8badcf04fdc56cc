"""Gowin: synth_gowin, nextpnr-himbaechel, gowin_pack."""

from __future__ import annotations

from typing import Any

from lgncc.boards import Board
from lgncc.flow.family import Family
from lgncc.flow.pll import PllCell, PllClock


def _route(board: Board) -> str:
    device = f"--device {board.part}{board.package}{board.speed} --vopt family={board.device}"
    # By default 0.9: wires around cells so dense make detours of ten nanoseconds and more. It gives
    # 41.0 MHz instead of 34.3 where 28 % of the cells are used, and a fifth more where 62 % are.
    device += " --placer-heap-beta 0.6"
    return f"{device} --vopt cst=top.cst --json top.json"


def _pll(clock: PllClock, port: Any, out: Any, locked: Any) -> Any:
    from amaranth.hdl import Const, Instance, Module
    from amaranth.lib import io

    m = Module()
    m.submodules.clk_buf = buffer = io.Buffer("i", port)
    # Dividers and phases may be changed while it runs; these inputs are for that.
    dynamic = {"FBDSEL": 6, "IDSEL": 6, "ODSEL": 6, "PSDA": 4, "DUTYDA": 4, "FDLY": 4}
    m.submodules.pll = Instance(
        "rPLL",
        p_FCLKIN=f"{clock.input_hz / 1e6:g}",
        p_IDIV_SEL=clock.reference - 1,
        p_FBDIV_SEL=clock.feedback - 1,
        p_ODIV_SEL=clock.output,
        i_CLKIN=buffer.i,
        i_CLKFB=0,
        i_RESET=0,
        i_RESET_P=0,
        **{f"i_{name}": Const(0, width) for name, width in dynamic.items()},
        o_CLKOUT=out,
        o_LOCK=locked,
    )
    return m


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
    pll=PllCell(
        references=range(1, 65),
        feedbacks=range(1, 65),
        outputs=(2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128),
        output_fed_back=True,
        instance=_pll,
    ),
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
    # Of wires with many readers, which nextpnr routes before all others, it can take up none, and
    # gives up where it would: "Failed to route arc".
    rips_up=False,
)
