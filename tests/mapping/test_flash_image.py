"""What stands in the flash, read back bit by bit as the board does: the program that was proved."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import builds
import numpy as np
import pytest

from lgncc.boards import load_board
from lgncc.emit.board import board_files
from lgncc.hw.flash import FlashProgram
from lgncc.hw.streamed import StreamedProgram
from lgncc.mapping.assembler import assemble
from lgncc.mapping.flash_image import key_of
from lgncc.placement import place

BOARD = load_board("icebreaker")


def bits_of(octets):
    """In the order in which SPI sends them."""
    return [octet >> place & 1 for octet in octets for place in range(7, -1, -1)]


def number(bits):
    return sum(bit << place for place, bit in enumerate(bits))


def shifted_in(register, bits):
    """CRC-32, a bit at a time."""
    for bit in bits:
        register = register >> 1 ^ (0xEDB88320 if (register ^ bit) & 1 else 0)
    return register


def streamed_words(image, width, key):
    """The words of each chunk; every one must end in zero from its own start."""
    bits, words = bits_of(image), []
    padded = width + width % 2
    chunk = 128 * padded + 32
    assert len(bits) % chunk == 0
    for index, start in enumerate(range(0, len(bits), chunk)):
        one = bits[start : start + chunk]
        assert shifted_in(key ^ index, one) == 0
        words += [number(one[n * padded :][:width]) for n in range(128)]
    return words


@pytest.fixture(scope="module")
def program():
    return assemble(builds.deep_model(layers=4, width=100))


def image_of(program, memory):
    board = replace(BOARD, capacity={**BOARD.capacity, "ICESTORM_RAM": 20})
    placement = replace(place(program, 1, board), memory=memory)
    made, _ = placement.make(program, board)
    return made.image()


def test_a_streamed_program_is_in_the_flash_chunk_by_chunk(program):
    words = streamed_words(image_of(program, StreamedProgram), program.width, key_of(program))
    assert words[: len(program)] == program.words.tolist()
    assert not any(words[len(program) :]), "nothing but NOPs behind the program"


def test_a_loaded_program_is_in_the_flash_word_by_word(program):
    bits = bits_of(image_of(program, FlashProgram))
    wide = 32 if program.width <= 32 else 64
    words = [number(bits[at : at + wide]) for at in range(0, len(bits), wide)]
    assert words == program.words.tolist()


def files_of(tmp_path, board, suffix, image):
    bitstream = tmp_path / f"top{suffix}"
    bitstream.write_bytes(b"\x7e" * 1000)
    return board_files(bitstream, SimpleNamespace(flash=(board.flash.offset, image)), board)


def test_the_bitstream_carries_the_image_where_the_board_reads_it(program, tmp_path):
    image = image_of(program, StreamedProgram)
    files = files_of(tmp_path, BOARD, ".bin", image)
    assert list(files) == ["bitstream.bin"]
    file, offset = files["bitstream.bin"], BOARD.flash.offset
    assert file[:1000] == b"\x7e" * 1000
    assert file[1000:offset] == b"\xff" * (offset - 1000)
    assert file[offset:] == image


@pytest.mark.parametrize(("name", "suffix"), [("tang-nano-9k", ".fs"), ("ulx3s-85f", ".bit")])
def test_a_flash_that_is_written_apart_has_a_file_of_its_own(program, tmp_path, name, suffix):
    image = image_of(program, StreamedProgram)
    files = files_of(tmp_path, load_board(name), suffix, image)
    assert files == {f"bitstream{suffix}": b"\x7e" * 1000, "flash.bin": image}


def test_a_design_without_an_image_is_a_bitstream_and_nothing_else(tmp_path):
    files = files_of(tmp_path, load_board("tang-nano-9k"), ".fs", b"")
    assert files == {"bitstream.fs": b"\x7e" * 1000}


def test_another_program_has_another_key(program):
    table = program.table.copy()
    table[np.flatnonzero(program.op)[-1]] ^= 1
    assert key_of(replace(program, table=table)) != key_of(program)
