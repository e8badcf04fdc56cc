"""A lowered model on a board: the core as Verilog, the board's logic as Verilog, and what
synthesis reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lgncc.boards import Board
from lgncc.emit.core import component_verilog, core_verilog
from lgncc.flow.platform import PlatformDesign, elaborate
from lgncc.host.frames import BUILD_ID_BYTES
from lgncc.model import LogicModel

if TYPE_CHECKING:
    from lgncc.hw.core import Core

CORE_MODULE = "lgncc_core"
BOARD_MODULE = "lgncc_board"
"""Everything of the board design but the pads: ports clk, rst, rx, tx."""


@dataclass(frozen=True, eq=False)
class BoardDesign:
    """core_text, board_text: self-contained Verilog; placed: for the flow."""

    core: Core
    build_id: bytes
    uart_divisor: int
    core_text: str
    board_text: str
    placed: PlatformDesign


def emit_board(model: LogicModel, board: Board) -> BoardDesign:
    """The spatial core of `model` behind the board's link.

    The build id is a digest of the core's Verilog and of the board, so that equal
    designs have equal ids and nothing else has.
    """
    from lgncc.hw.core import Core
    from lgncc.hw.shell import Shell
    from lgncc.hw.uart import divisor

    def core() -> Core:
        # The link's receive buffer is the core's input register.
        return Core(model, input_register=False)

    core_text = core_verilog(core(), CORE_MODULE)
    cycles = divisor(board.clock.hz, board.uart.baud)
    identity = f"{core_text}\0{board.name}\0{cycles}"
    build_id = hashlib.sha256(identity.encode()).digest()[:BUILD_ID_BYTES]

    # A component elaborates once, so each conversion gets its own.
    shells = [Shell(core(), divisor=cycles, build_id=build_id) for _ in range(2)]
    board_text = component_verilog(shells[0], BOARD_MODULE)
    network = shells[0].core.extra_verilog()
    extra = {"network.v": network} if network else {}
    return BoardDesign(
        core=shells[1].core,
        build_id=build_id,
        uart_divisor=cycles,
        core_text=core_text,
        board_text=board_text + (network or ""),
        placed=elaborate(board, shells[1], extra),
    )
