"""The two forms in which a board keeps an input vector: its features, or the bits made of them.

Features are kept as they came, and the core has a comparator for each bit; or they are encoded as
they arrive (lgncc.arrival), and the core is one of bits. The form that takes fewer logic cells is
chosen. The bits of a folded core are kept in block RAM, those of any other in flip-flops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lgncc.arrival import ArrivalTable, split_encoder
from lgncc.boards import BlockRam, Board
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.flow.families import input_hz
from lgncc.host.frames import BITS_A_BYTE, bytes_for
from lgncc.model import LogicModel

FAST_HZ = 50_000_000
"""Above, logic is too slow to follow a memory's output, or another part's, in the same cycle."""

# Logic cells, measured on the iCE40.
TABLE_CELLS = 50  # of the encoder on arrival, and for each bit of a feature
TABLE_CELLS_A_BIT = 2
MEMORY_CELLS = 50  # of the bits in block RAM
COMPARATOR_CELLS_A_BIT = 1 / 3


@dataclass(frozen=True, eq=False)
class Form:
    """model: what the core answers to; whole: the same with the features' encoder, if there is a
    `table`, which encodes them on arrival. in_memory: the bits are kept in block RAM.

    cells: logic cells that keeping and encoding take, about; blocks: of block RAM. deep: as of
    lgncc.hw.arrival.
    """

    whole: LogicModel
    model: LogicModel
    table: ArrivalTable | None
    in_memory: bool
    cells: int
    blocks: int = 0
    deep: bool = False

    def __str__(self) -> str:
        if self.table is None:
            return f"an input vector of {self.whole.encoder.input_width:,} bits is kept"
        return (
            f"features are encoded on arrival: {self.table.n_bits:,} bits are kept of "
            f"{self.table.input_width:,}"
        )


def keep_features(model: LogicModel, board: Board) -> Form:
    """The form that every board can have."""
    cells = board.lone_flip_flops * model.encoder.input_width
    return Form(model, model, None, False, cells)


def choose_form(model: LogicModel, board: Board, *, bit_serial: bool) -> Form:
    """The form with the fewest cells, for a model that lgncc.passes.inputs left. bit_serial: for
    a core that takes the bits one by one, and else keeps and compares the features itself."""
    plain = keep_features(model, board)
    if board.block_ram is None:
        return plain
    if not model.encoder.is_identity:
        return _on_arrival(model, board, board.block_ram, bit_serial) or plain
    if not bit_serial:
        return plain
    blocks = _blocks(board.block_ram, 16 * bytes_for(model.encoder.input_width), 1)
    return Form(model, model, None, True, MEMORY_CELLS, blocks)


def _on_arrival(model: LogicModel, board: Board, ram: BlockRam, bit_serial: bool) -> Form | None:
    """None where there is no table, or too little time for it, or where it takes more cells."""
    encoder = model.encoder
    try:
        table, rest = split_encoder(model)
    except DesignError:
        return None
    hz = link_hz(board, bit_serial=bit_serial)
    deep = hz > FAST_HZ
    cells = TABLE_CELLS + TABLE_CELLS_A_BIT * table.feature_bits
    blocks = _blocks(ram, len(table), table.width)
    if bit_serial:
        cells += MEMORY_CELLS
        blocks += _blocks(ram, 2 * table.n_bits, 1)
    else:
        cells += board.lone_flip_flops * table.n_bits
    kept = board.lone_flip_flops * encoder.input_width + comparator_cells(encoder)
    if not _keeps_pace(table, hz // board.uart.baud, deep) or (cells >= kept and not bit_serial):
        return None
    return Form(model, rest, table, bit_serial, cells, blocks, deep)


def comparator_cells(encoder: Encoder) -> int:
    """Of all comparisons, about: a third of a LUT4 a bit from the threshold's lowest zero on."""
    low, _ = encoder.integer_range
    above = encoder.threshold - low[encoder.feature] + 1  # value >= above
    lowest_one = np.log2(np.maximum(above & -above, 1)).astype(np.int64)
    return int((encoder.bits[encoder.feature] - lowest_one).sum() * COMPARATOR_CELLS_A_BIT)


def link_hz(board: Board, *, bit_serial: bool) -> int:
    """The clock of a board's link: too slow for a fast core's, it keeps the board's own, if the
    core needs nothing of it but its streams."""
    own = None if bit_serial or board.clock.hz <= FAST_HZ else input_hz(board)
    return own or board.clock.hz


def _keeps_pace(table: ArrivalTable, cycles_a_bit: int, deep: bool) -> bool:
    """A byte is done before the next one: its eight bits, and the entries of what it completes.

    Both ends' clocks may be off by 2 %, and the UART holds a byte for a bit time only.
    """
    cycles = 8 + table.busiest_byte * (2 if deep else 1)
    return cycles <= (BITS_A_BYTE - 1) * cycles_a_bit


def _blocks(ram: BlockRam, rows: int, width: int) -> int:
    """Blocks of a memory. One bit wide, its rows lie side by side in a block."""
    if width == 1:
        return math.ceil(rows / (ram.rows * ram.width))
    return math.ceil(rows / ram.rows) * math.ceil(width / ram.width)
