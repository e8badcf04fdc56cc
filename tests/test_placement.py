"""Where a folded core's program and nodes stand, and what is said where there is no room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_networks import save_random

from lgncc.boards import load_board
from lgncc.errors import DesignError
from lgncc.mapping.assembler import assemble
from lgncc.mapping.program import Op, Program
from lgncc.placement import place
from lgncc.storage import load_model

ICEBREAKER = load_board("icebreaker")


def program_of(tmp_path, gates, width):
    path = save_random(tmp_path / f"{gates}.npz", gates=gates, inputs=256, width=width)
    return assemble(load_model(path))


def sized(length, depth):
    """A program of so many instructions and values; what they say does not matter here."""
    zeros = np.zeros(length)
    op = np.full(length, Op.GATE)
    return Program(op, zeros, zeros, zeros, zeros, zeros, depth=depth, n_loads=10)


def places(placement):
    return placement.memory.place, placement.nodes.place


BLOCK, AT_START = "in block RAM", "in single-port RAM, from flash at start"
STREAMED = "from flash, anew for every batch"


@pytest.mark.parametrize(
    ("gates", "lanes", "program", "nodes"),
    [
        (1_000, 1, BLOCK, "block RAM"),
        (8_000, 1, AT_START, "block RAM"),
        (64_000, 1, STREAMED, "block RAM"),
        (64_000, 16, STREAMED, "single-port RAM"),
    ],
)
def test_the_fastest_place_that_has_room_is_taken(tmp_path, gates, lanes, program, nodes):
    placement = place(program_of(tmp_path, gates, gates // 4), lanes, ICEBREAKER)
    assert places(placement) == (program, nodes)


def test_a_slower_place_says_what_the_faster_ones_lack(tmp_path):
    program = program_of(tmp_path, 64_000, 16_000)
    placement = place(program, 16, ICEBREAKER)
    words = f"{len(program):,} instructions of {program.width} bits"
    values = f"{program.depth:,} values in 16 lanes"
    blocks = 2 * -(-program.depth // 256)
    assert f"words of ICESTORM_SPRAM: {len(program):,} for {words}, of 16,384" in placement.why
    assert f"ICESTORM_RAM: {blocks} for {values}, of 30" in placement.why


def test_a_part_of_more_block_ram_needs_no_flash(tmp_path):
    placement = place(program_of(tmp_path, 64_000, 16_000), 1, load_board("ulx3s-85f"))
    assert (*places(placement), placement.why) == (BLOCK, "block RAM", "")


def test_blocks_that_something_else_takes_are_not_there():
    program = sized(1_000, 256)
    assert places(place(program, 1, ICEBREAKER)) == (BLOCK, "block RAM")
    assert places(place(program, 1, ICEBREAKER, taken_blocks=25))[0] == AT_START


@pytest.mark.parametrize(
    ("length", "depth", "lanes", "message"),
    [
        (200_000, 70_000, 1, r"SPRAM: 70,000 for 70,000 values in 1 lane, of 65,536; "),
        (200_000, 20_000, 64, r"SPRAM: 20,000 for 20,000 values in 64 lanes, of 16,384; "),
        (3_000_000, 5_000, 1, r"flash: 3,000,000 for .* instructions of 46 bits, of 2,\d+,\d+; "),
    ],
)
def test_a_network_beyond_every_place_is_refused_with_the_largest_that_runs(
    length, depth, lanes, message
):
    with pytest.raises(DesignError, match=message + r"networks of this shape .* about [\d,]+ g"):
        place(sized(length, depth), lanes, ICEBREAKER)


def test_without_flash_the_block_ram_is_all_there_is():
    with pytest.raises(DesignError, match=r"BSRAM: \d+ for .* instructions of \d+ bits, of 26"):
        place(sized(20_000, 500), 1, replace(load_board("tang-nano-9k"), flash=None))
