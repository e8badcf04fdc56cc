"""A read-only memory as a Verilog module, its words straight from an array.

For its millions of bits Amaranth takes seconds each time that it converts it. yosys is as slow with
many assignments in one `initial` block: it looks at all of them for each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits

Octets = npt.NDArray[np.uint8]

ROWS_A_BLOCK = 64


def rom_module(name: str, words: Octets, width: int, file: str | None = None) -> str:
    """`module name(clk, address, data)`: the word at an address, a cycle later.

    words: (rows, octets of a word), the lowest octet first. file: where a simulator or yosys finds
    `hex_words`; without it they are in the text.
    """
    rows = len(words)
    contents = f'  initial $readmemh("{file}", words);\n' if file else _assignments(words, width)
    return (
        f"module {name}(clk, address, data);\n"
        "  input clk;\n"
        f"  input [{max((rows - 1).bit_length(), 1) - 1}:0] address;\n"
        f"  output reg [{width - 1}:0] data;\n"
        f"  reg [{width - 1}:0] words [0:{rows - 1}];\n"
        f"{contents}"
        "  always @(posedge clk) data <= words[address];\n"
        "endmodule\n"
    )


def hex_words(words: Octets, width: int) -> str:
    """A word a line, as `$readmemh` reads them."""
    newline = np.full((len(words), 1), ord("\n"), np.uint8)
    return _text(np.hstack([_digits(words, width), newline]))


def _assignments(words: Octets, width: int) -> str:
    """`initial` blocks, an assignment a line."""
    rows = len(words)
    row = np.arange(rows)[:, None]
    decimal = 10 ** np.arange(len(str(rows - 1)))[::-1]
    index = (row // decimal % 10 + ord("0")).astype(np.uint8)
    first, last = row % ROWS_A_BLOCK == 0, (row + 1) % ROWS_A_BLOCK == 0
    last[-1:] = True
    columns = [
        _where(first, "  initial begin\n"),
        _where(row >= 0, "    words["),
        index,
        _where(row >= 0, f"] = {width}'h"),
        _digits(words, width),
        _where(row >= 0, ";\n"),
        _where(last, "  end\n"),
    ]
    text = np.hstack(columns)
    return _text(text[text != 0])


def _where(chosen: Bits, text: str) -> Octets:
    """uint8 (rows, characters): the text, or zeros."""
    characters: Octets = chosen.astype(np.uint8) * np.frombuffer(text.encode(), np.uint8)
    return characters


def _digits(words: Octets, width: int) -> Octets:
    """uint8 (rows, digits): hexadecimal, the highest digit first."""
    highest_first = words[:, ::-1]
    nibbles = np.stack([highest_first >> 4, highest_first & 0xF], axis=2).reshape(len(words), -1)
    characters = np.frombuffer(b"0123456789abcdef", np.uint8)
    return characters[nibbles[:, nibbles.shape[1] - -(-width // 4) :]]


def _text(characters: Octets) -> str:
    return characters.tobytes().decode("ascii")
