"""Where a folded core's program and nodes stand on a board, and what each place costs in time.

The places, the fastest first, of those that the board's file knows:

    program                                nodes            an instruction takes
    block RAM                              block RAM        a cycle
    flash, loaded into single-port RAM     block RAM        a cycle
    flash, streamed for every batch        block RAM        the cycles in which it is read
    flash, streamed for every batch        single-port RAM  the same, of four and more
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lgncc.boards import BlockRam, Board
from lgncc.errors import DesignError
from lgncc.hw.flash import FlashProgram
from lgncc.hw.instructions import BlockProgram
from lgncc.hw.nodes import BlockNodes, SinglePortNodes
from lgncc.hw.pace import Pace
from lgncc.hw.readout import score_shape
from lgncc.hw.single_port import room_for
from lgncc.hw.spi_flash import Flash
from lgncc.hw.streamed import StreamedProgram, fetch_of, flash_room
from lgncc.mapping.flash_image import CHUNK_WORDS
from lgncc.mapping.program import Op, Program
from lgncc.model import Readout

# Logic cells, measured on the iCE40.
PROCESSOR_CELLS = 280
PROGRAM_CELLS = {BlockProgram: 0, FlashProgram: 150, StreamedProgram: 500}
LANE_CELLS = 8  # and for each bit of its score:
SCORE_CELLS_A_BIT = 4
SINGLE_PORT_LANE_CELLS = 6

ProgramMemory = type[BlockProgram] | type[FlashProgram] | type[StreamedProgram]
NodeMemory = type[BlockNodes] | type[SinglePortNodes]


@dataclass(frozen=True)
class Placement:
    """memory, nodes: the components that FoldedCore takes, made by `make`. why: what the faster
    places lack; empty for the fastest."""

    memory: ProgramMemory
    nodes: NodeMemory
    lanes: int
    pace: Pace
    why: str

    def cells(self, readout: Readout) -> int:
        """Logic cells of the core, about, but for the features."""
        a_lane = LANE_CELLS + (SINGLE_PORT_LANE_CELLS if self.nodes is SinglePortNodes else 0)
        if readout.kind != "bits":
            a_lane += SCORE_CELLS_A_BIT * score_shape(readout).width
        return PROCESSOR_CELLS + PROGRAM_CELLS[self.memory] + self.lanes * a_lane

    def make(self, program: Program, board: Board) -> tuple[Any, Any]:
        """The program's and the nodes' memory."""
        nodes = self.nodes(program.depth, self.lanes)
        if issubclass(self.memory, BlockProgram):
            return self.memory(program), nodes
        return self.memory(program, flash_of(board)), nodes

    def __str__(self) -> str:
        return f"program {self.memory.place}, nodes in {self.nodes.place}" + (
            f" ({self.why})" if self.why else ""
        )


def flash_of(board: Board) -> Flash:
    """The board's flash, as it is read at the board's clock."""
    flash = board.flash
    if flash is None:
        raise DesignError(f"folded: the file of board {board.name} states no flash")
    pulse_cycles = math.ceil(board.clock.hz / flash.pulse_hz)
    return Flash(flash.resource, flash.offset, flash.size, pulse_cycles)


def place(program: Program, lanes: int, board: Board, taken_blocks: int = 0) -> Placement:
    """The fastest place that has room beside `taken_blocks` of block RAM.

    Raises DesignError where none has: what is lacking, and the largest network that would run.
    """
    if board.block_ram is None:
        raise DesignError(f"folded: the file of board {board.name} states no block RAM")
    options = _options(program, lanes, board, board.block_ram, taken_blocks)
    lacking: list[str] = []
    for memory, nodes, needs in options:
        missing = [need for need in needs if need.needed > need.available]
        if not missing:
            return _placed(memory, nodes, program, lanes, board, lacking)
        lacking += [str(need) for need in missing if str(need) not in lacking]
    raise DesignError(f"folded: {'; '.join(lacking)}{_largest(program, options[-1][2])}")


@dataclass(frozen=True)
class _Need:
    """So much of a resource, for `what`."""

    resource: str
    needed: int
    available: int
    what: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.needed:,} for {self.what}, of {self.available:,}"


Option = tuple[ProgramMemory, NodeMemory, list[_Need]]


def _options(
    program: Program, lanes: int, board: Board, ram: BlockRam, taken_blocks: int
) -> list[Option]:
    free = board.capacity[ram.resource] - taken_blocks
    values = f"{program.depth:,} values in {lanes} lane{'s' * (lanes > 1)}"
    instructions = f"{len(program):,} instructions of {program.width} bits"
    nodes = _node_blocks(program.depth, lanes, ram)
    words = _blocks(len(program), program.width, ram)
    buffer = _blocks(2 * CHUNK_WORDS, program.width, ram)

    def blocks(needed: int, *what: str) -> _Need:
        return _Need(ram.resource, needed, free, " and ".join(what))

    in_blocks = blocks(nodes + words, values, instructions)
    options: list[Option] = [(BlockProgram, BlockNodes, [in_blocks])]
    if board.flash is None:
        return options
    streamed = "instructions from flash"
    in_flash = _Need("flash", len(program), flash_room(program, flash_of(board)), instructions)
    from_flash: Option
    from_flash = StreamedProgram, BlockNodes, [in_flash, blocks(nodes + buffer, values, streamed)]
    if not board.flash.ram:
        return [*options, from_flash]
    resource = f"words of {board.flash.ram}"
    at_start = _Need(resource, len(program), room_for(program.width), instructions)
    single = _Need(resource, program.depth, room_for(lanes), values)
    return [
        *options,
        (FlashProgram, BlockNodes, [at_start, blocks(nodes, values)]),
        from_flash,
        (StreamedProgram, SinglePortNodes, [in_flash, single, blocks(buffer, streamed)]),
    ]


def _placed(
    memory: ProgramMemory,
    nodes: NodeMemory,
    program: Program,
    lanes: int,
    board: Board,
    lacking: list[str],
) -> Placement:
    pace = Pace.of(
        program,
        issue_cycles=nodes.issue_cycles,
        drain_cycles=nodes.drain_cycles,
        fetch=fetch_of(program, flash_of(board)) if memory is StreamedProgram else None,
    )
    return Placement(memory, nodes, lanes, pace, "; ".join(lacking))


def _largest(program: Program, needs: list[_Need]) -> str:
    gates = int(np.isin(program.op, (Op.GATE, Op.COUNT, Op.BIT)).sum())
    share = min(need.available / need.needed for need in needs if need.needed > need.available)
    return f"; networks of this shape run up to about {int(share * gates):,} gates"


def _node_blocks(depth: int, lanes: int, ram: BlockRam) -> int:
    """Of both copies, one for each read of an instruction."""
    if lanes == 1 or not ram.masked:
        # Of bits alone, a row has as many as an address can tell apart.
        bits = ram.rows << ram.width.bit_length() - 1
        return 2 * lanes * math.ceil(depth / bits)
    return 2 * _blocks(depth, lanes, ram)


def _blocks(rows: int, width: int, ram: BlockRam) -> int:
    return math.ceil(rows / ram.rows) * math.ceil(width / ram.width)
