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
from lgncc.placement import flash_of, place
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


@pytest.mark.parametrize(
    ("board", "gates", "lanes", "program"),
    [
        ("tang-nano-9k", 4_000, 1, BLOCK),
        ("tang-nano-9k", 16_000, 1, STREAMED),
        ("tang-nano-9k", 16_000, 8, STREAMED),
        ("ulx3s-85f", 64_000, 1, BLOCK),
        ("ulx3s-85f", 200_000, 1, STREAMED),
        ("ulx3s-85f", 200_000, 16, STREAMED),
    ],
)
def test_parts_without_single_port_ram_stream_what_block_ram_does_not_hold(
    tmp_path, board, gates, lanes, program
):
    placement = place(program_of(tmp_path, gates, gates // 4), lanes, load_board(board))
    assert places(placement) == (program, "block RAM")


def test_a_streamed_program_takes_the_flash_a_pulse_for_two_bits():
    board = load_board("tang-nano-9k")
    program = sized(100_000, 500)
    cycles = place(program, 1, board).pace.latency_cycles
    assert cycles == pytest.approx(len(program) * program.width / 2, rel=0.05)
    half = replace(board, flash=replace(board.flash, pulse_hz=board.clock.hz // 2))
    assert place(program, 1, half).pace.latency_cycles == pytest.approx(2 * cycles, rel=0.01)


@pytest.mark.parametrize(("hz", "cycles"), [(12_000_000, 1), (30_000_000, 1), (30_000_001, 2)])
def test_pulses_are_as_long_as_the_flash_needs_them_at_any_clock(hz, cycles):
    board = replace(ICEBREAKER, clock=replace(ICEBREAKER.clock, hz=hz))
    assert flash_of(board).pulse_cycles == cycles


def test_bits_alone_fill_a_block_as_far_as_its_addresses_go():
    # 18 kbit of block RAM are 16,384 words of one bit: the others are parities of wider words.
    board = replace(load_board("ulx3s-85f"), flash=None)
    nodes = replace(board, capacity={**board.capacity, "DP16KD": 5})
    assert places(place(sized(1_000, 16_384), 1, nodes)) == (BLOCK, "block RAM")
    with pytest.raises(DesignError, match="DP16KD: 7 for 16,385 values in 1 lane and 1,000 inst"):
        place(sized(1_000, 16_385), 1, nodes)


def test_a_network_whose_values_fit_no_block_ram_is_refused_with_the_largest_that_runs():
    message = (
        r"BSRAM: 42 for 300,000 values in 1 lane and instructions from flash, of 26; networks of "
        r"this shape run up to about [\d,]+ gates"
    )
    with pytest.raises(DesignError, match=message):
        place(sized(400_000, 300_000), 1, load_board("tang-nano-9k"))


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
