"""Read-only memories as text: yosys finds the words where they belong, in both forms."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import yosys

from lgncc.emit.rom import hex_words, rom_module


def words_of(rows, width, seed=0):
    draw = random.Random(seed)
    return [draw.getrandbits(width) for _ in range(rows)]


def octets_of(words, width):
    octets = b"".join(word.to_bytes(-(-width // 8), "little") for word in words)
    return np.frombuffer(octets, np.uint8).reshape(len(words), -1)


def contents(folder, text):
    """The words (row 0 first) of the one memory in a module's text, and its width."""
    (folder / "rom.v").write_text(text)
    log = yosys.run(folder, ["read_verilog rom.v", "proc", "memory_collect", "dump t:$mem_v2"])
    width, init = re.search(r"WIDTH (\d+)", log), re.search(r"INIT \d+'([01]+)", log)
    bits, size = init[1], int(width[1])
    return [int(bits[at : at + size], 2) for at in range(len(bits) - size, -1, -size)], size


@pytest.mark.parametrize(("rows", "width"), [(2, 1), (65, 9), (130, 52), (3, 512)])
@pytest.mark.parametrize("in_file", [False, True])
def test_yosys_reads_every_word_at_its_address(rows, width, in_file, tmp_path):
    words = words_of(rows, width)
    octets = octets_of(words, width)
    if in_file:
        (tmp_path / "rom.hex").write_text(hex_words(octets, width))
    text = rom_module("rom", octets, width, "rom.hex" if in_file else None)
    assert contents(tmp_path, text) == (words, width)


def test_the_text_names_its_ports_and_keeps_its_blocks_short():
    text = rom_module("rom", octets_of(words_of(200, 8), 8), 8)
    assert "module rom(clk, address, data);" in text
    assert "input [7:0] address;" in text
    assert "output reg [7:0] data;" in text
    blocks = text.split("  initial begin\n")[1:]
    assert [block.count("words[") for block in blocks[:-1]] == [64, 64, 64]
