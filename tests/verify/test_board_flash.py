"""Rung "board rtl" of folded cores whose program is in flash: bits at the pins of a flash that
knows nothing of the design."""

from __future__ import annotations

import shutil
from zlib import crc32

import builds
import pytest

from lgncc.boards import load_board
from lgncc.emit.board import emit_core
from lgncc.errors import InputError
from lgncc.hw import spi_flash
from lgncc.hw.flash import FlashProgram
from lgncc.hw.folded import FoldedCore
from lgncc.hw.spi_flash import Flash
from lgncc.hw.streamed import StreamedProgram
from lgncc.mapping import flash_image
from lgncc.mapping.assembler import assemble
from lgncc.mapping.program import OP_BITS, Op
from lgncc.verify import rtl
from lgncc.verify.rtl import check_board

pytestmark = pytest.mark.slow
MODEL = builds.small_model()
PROGRAM = assemble(MODEL)
BOARD = load_board("icebreaker")


@pytest.fixture(autouse=True)
def few_vectors(monkeypatch):
    monkeypatch.setattr(rtl, "BOARD_CYCLES", 150_000)


def emitted(kind, pulse_cycles):
    flash = Flash("spi_flash_4x", 0x020000, 1 << 24, pulse_cycles)
    return emit_core(lambda: FoldedCore(MODEL, program=PROGRAM, memory=kind(PROGRAM, flash)), BOARD)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory, verilator_runtime):
    folder = tmp_path_factory.mktemp("streamed") / "build"
    design = emitted(StreamedProgram, 1)
    return builds.write_build(folder, MODEL, design=design, runtime=verilator_runtime)


@pytest.fixture
def mutant(streamed, tmp_path):
    return shutil.copytree(streamed, tmp_path / "mutant")


def test_a_streamed_program_is_read_bit_by_bit(streamed):
    rung = check_board(streamed, None, lambda _: None)
    assert rung.result == "tested"
    octets = len((streamed / "flash.bin").read_bytes())
    assert f"resets, {octets} bytes of flash read bit by bit; 12 cycles a bit" in rung.detail


def test_a_program_loaded_at_start_by_slow_pulses_is_read_bit_by_bit(
    tmp_path, verilator_runtime, monkeypatch
):
    monkeypatch.setattr(spi_flash, "WAKE_CYCLES", 1 << 15)  # as if there were more to load
    design = emitted(FlashProgram, 2)
    builds.write_build(tmp_path, MODEL, design=design, runtime=verilator_runtime)
    assert check_board(tmp_path, None, lambda _: None).result == "tested"


def test_a_flipped_bit_in_the_flash_leaves_the_board_without_an_answer(mutant):
    path = mutant / "flash.bin"
    image = bytearray(path.read_bytes())
    image[7] ^= 0x10
    path.write_bytes(image)
    assert "random vector 0: expected RESULT" in (said := builds.refutation(check_board, mutant))
    assert said.endswith("got no answer")


def test_another_program_with_a_right_crc_is_refuted_by_an_answer(mutant):
    path = mutant / "flash.bin"
    words = PROGRAM.words
    terms = [i for i, word in enumerate(words.tolist()) if word % (1 << OP_BITS) == Op.COUNT]
    word_bits = 2 * flash_image.word_pairs(PROGRAM)
    chunk, within = divmod(terms[-1], flash_image.CHUNK_WORDS)
    step = flash_image.chunk_bytes(PROGRAM)
    chunks = bytearray(flash_image.in_order_of_spi(path.read_bytes()))
    data = bytearray(chunks[chunk * step :][: step - 4])
    for row in range(4):  # the term, complemented
        at = within * word_bits + OP_BITS + row
        data[at // 8] ^= 1 << at % 8
    ones = 0xFFFF_FFFF
    crc = crc32(data, flash_image.key_of(PROGRAM) ^ chunk ^ ones) ^ ones
    chunks[chunk * step : (chunk + 1) * step] = data + crc.to_bytes(4, "little")
    path.write_bytes(flash_image.in_order_of_spi(bytes(chunks)))
    assert "expected class" in builds.refutation(check_board, mutant)


def test_a_reader_that_does_not_wait_for_the_flash_is_refuted(mutant, monkeypatch):
    monkeypatch.setattr(spi_flash, "WAKE_CYCLES", 16)
    builds.write_build(mutant, MODEL, design=emitted(FlashProgram, 1))
    said = builds.refutation(check_board, mutant)
    assert said == "board rtl: refuted: identity: the flash was read before it was awake"


def test_a_build_without_all_that_its_flash_must_hold_says_so(mutant):
    path = mutant / "flash.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"the design reads 420 bytes of flash, .* has 419 for it"):
        check_board(mutant, None, lambda _: None)


def test_what_stands_behind_a_bitstream_is_what_is_read(mutant):
    alone = mutant / "flash.bin"
    (mutant / "bitstream.bin").write_bytes(bytes(0x020000) + alone.read_bytes())
    alone.unlink()
    assert check_board(mutant, None, lambda _: None).result == "tested"
