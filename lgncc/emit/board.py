"""A lowered model on a board: the core as Verilog, the board's logic as Verilog, and what
synthesis reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgncc.boards import Board
from lgncc.emit.core import AnyCore, component_verilog, core_verilog
from lgncc.flow.build import CELLS
from lgncc.flow.families import input_hz
from lgncc.flow.platform import PlatformDesign, elaborate
from lgncc.flow.program import FLASH_FILE
from lgncc.forms import FAST_HZ, Form
from lgncc.host.frames import BUILD_ID_BYTES
from lgncc.hw.sequence import EACH_STEP, Sequencing

if TYPE_CHECKING:
    from lgncc.hw.flash import FlashProgram
    from lgncc.hw.streamed import StreamedProgram
    from lgncc.mapping.design import MappedDesign
    from lgncc.mapping.stages import Stages
    from lgncc.model import LogicModel
    from lgncc.netlist import Netlist

CORE_MODULE = "lgncc_core"
BOARD_MODULE = "lgncc_board"
"""Everything of the board design but the pads: ports clk, rst, rx, tx; core_clk and core_rst where
the core has a clock of its own; those of lgncc.hw.pins where there is a flash."""


@dataclass(frozen=True, eq=False)
class BoardDesign:
    """core: on the board; in_width: bits of an input vector on the link; core_text, board_text:
    self-contained Verilog; placed: for the flow; core_hz: of the core's clock, where that is not
    the link's."""

    core: AnyCore
    in_width: int
    build_id: bytes
    uart_divisor: int
    core_text: str
    board_text: str
    placed: PlatformDesign
    core_hz: int | None = None

    @property
    def capacity(self) -> int | None:
        """Vectors inside the core beyond which it accepts none; None where a stall holds it."""
        from lgncc.hw.streaming_core import StreamingCore

        return self.core.capacity if isinstance(self.core, StreamingCore) else None

    @property
    def batch(self) -> dict[str, int] | None:
        """How a gate processor keeps time: the fields of lgncc.sim.job.Batch."""
        from lgncc.hw.folded import FoldedCore

        if not isinstance(self.core, FoldedCore):
            return None
        pace = self.core.pace
        return {
            "lanes": self.core.lanes,
            "start_cycles": self.core.start_cycles,
            "load_cycles": pace.load_cycles,
            "run_cycles": pace.run_cycles,
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the design states of itself, and simulations hold it to."""
        core = self.core
        return {
            "build_id": self.build_id.hex(),
            "uart_divisor": self.uart_divisor,
            "clock_hz": self.placed.clock_hz,
            "core_hz": self.core_hz,
            "flash": self._flash_facts,
            "latency_cycles": core.latency_cycles,
            "initiation_interval": core.initiation_interval,
            "step_cycles": core.step_cycles,
            "answers_last": core.flags.last,
            "capacity": self.capacity,
            "batch": self.batch,
        }

    @property
    def flash(self) -> tuple[int, bytes]:
        """What stands in the flash behind the bitstream, and from which byte on."""
        memory = _in_flash(self.core)
        return (memory.flash.offset, memory.image()) if memory else (0, b"")

    @property
    def _flash_facts(self) -> dict[str, int] | None:
        """Of lgncc.sim.job.FlashFacts."""
        memory = _in_flash(self.core)
        return memory and {"offset": memory.flash.offset, "octets": len(memory.image())}


def _in_flash(core: AnyCore) -> FlashProgram | StreamedProgram | None:
    """The core's program, where it is in the board's flash."""
    from lgncc.hw.flash import FlashProgram
    from lgncc.hw.streamed import StreamedProgram

    memory = getattr(core, "memory", None)
    return memory if isinstance(memory, FlashProgram | StreamedProgram) else None


def emit_board(model: LogicModel, board: Board) -> BoardDesign:
    """The spatial core of `model`, its network as gates, behind the board's link."""
    from lgncc.hw.core import Core

    # What the link received is the core's input register.
    return emit_core(lambda: Core(model, input_register=False), board)


def emit_mapped_board(
    design: MappedDesign,
    stages: Stages,
    board: Board,
    form: Form | None = None,
    sequencing: Sequencing = EACH_STEP,
) -> BoardDesign:
    """The spatial or pipelined core of a mapped design behind the board's link."""
    from lgncc.hw.mapped_core import MappedCore
    from lgncc.hw.streaming_core import StreamingCore

    make = StreamingCore if _is_free(stages, design.luts, board) else MappedCore

    def core() -> MappedCore:
        return make(design, stages, sequencing=sequencing, input_register=False)

    return emit_core(core, board, form)


def _is_free(stages: Stages, luts: Netlist, board: Board) -> bool:
    """Whether ranks that nothing holds serve better: where a stall cannot reach all of them in a
    cycle, and the answers that wait then find room in block RAM."""
    if board.clock.hz <= FAST_HZ or stages.ranks < 2 or board.block_ram is None:
        return False
    blocks = len(luts.outputs) / board.block_ram.width
    return blocks <= board.capacity[board.block_ram.resource]


def emit_core(
    make_core: Callable[[], AnyCore],
    board: Board,
    form: Form | None = None,
    make_exported: Callable[[], AnyCore] | None = None,
) -> BoardDesign:
    """A core, made anew at each call, behind the board's link; `form` as of lgncc.hw.shell.

    The Verilog of the core alone takes features in any form. It is of what make_exported makes,
    if that is not the same. The build id is a digest of it, of the board and of the form, so that
    equal designs have equal ids and nothing else has.
    """
    from lgncc.hw.encoded_core import EncodedCore
    from lgncc.hw.mapped_core import MappedCore
    from lgncc.hw.pins import PinPorts
    from lgncc.hw.serial_core import SerialCore
    from lgncc.hw.shell import Shell
    from lgncc.hw.uart import divisor

    # A component elaborates once, so each conversion gets its own.
    exported = (make_exported or make_core)()
    kept = ""
    if form is not None and form.table is not None:
        exported, kept = EncodedCore(form.whole, exported), str(form)
    core_text = core_verilog(exported, CORE_MODULE)
    # A link that is too slow for the core's clock keeps the board's own, if the core needs nothing
    # of it but its streams.
    fast = board.clock.hz > FAST_HZ
    link_hz = input_hz(board) if fast and not (form and form.in_memory) else None
    cycles = divisor(link_hz or board.clock.hz, board.uart.baud)
    identity = f"{core_text}\0{board.name}\0{cycles}\0{kept}"
    build_id = hashlib.sha256(identity.encode()).digest()[:BUILD_ID_BYTES]

    shells = [
        Shell(
            core,
            divisor=cycles,
            build_id=build_id,
            flags=core.flags,
            answer_register=fast and not link_hz,
            form=form,
            core_domain="core" if link_hz else None,
        )
        for core in (make_core(), make_core())
    ]
    core: AnyCore = shells[1].core
    pins = PinPorts() if _in_flash(core) else None
    board_text = component_verilog(shells[0], BOARD_MODULE, pins)
    portable = core.extra_verilog()
    extra = {"network.v": portable} if portable else {}
    if isinstance(core, MappedCore | SerialCore):
        extra = {f"network{CELLS}": core.cells_verilog(board.family)}
    return BoardDesign(
        core=core,
        in_width=shells[1].in_width,
        build_id=build_id,
        uart_divisor=cycles,
        core_text=core_text,
        board_text=board_text + (portable or ""),
        placed=elaborate(board, shells[1], extra, two_clocks=bool(link_hz)),
        core_hz=board.clock.hz if link_hz else None,
    )


def board_files(bitstream: Path, design: BoardDesign, board: Board) -> dict[str, bytes]:
    """By name, what is written into the board: the bitstream, and what else the design finds in the
    flash: behind it, what is between being erased flash, or in a file of its own."""
    name = f"bitstream{bitstream.suffix}"
    offset, image = design.flash
    octets = bitstream.read_bytes()
    if not image:
        return {name: octets}
    assert board.flash is not None
    if board.flash.programmers:
        return {name: octets, FLASH_FILE: image}
    assert len(octets) <= offset, "the bitstream reaches into the program"
    return {name: octets.ljust(offset, b"\xff") + image}
