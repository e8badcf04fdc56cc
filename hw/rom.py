# amaranth: UnusedElaboratable=no
"""Rom: words that never change, too many to go through Amaranth bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import ClockSignal, Instance, Module, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from lgncc.emit.rom import Octets, hex_words, rom_module
from lgncc.hw.pins import has_pads


class Rom(Component):
    """Ports: `address`: In; `data`: Out(width), the word there, a cycle later.

    words: (rows, octets of a word), the lowest octet first. Amaranth's simulator gets a memory.
    Verilog gets a module `name` as text, which the platform keeps beside the design: with its words
    in it, or where synthesis reads it in a file.
    """

    def __init__(self, name: str, words: Octets, width: int) -> None:
        self.name = name
        rows = max(len(words), 2)
        self.words = np.zeros((rows, words.shape[1]), np.uint8)
        self.words[: len(words)] = words
        self.width = width
        super().__init__({"address": In(range(rows)), "data": Out(width)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if platform is None:
            rows = (int.from_bytes(row.tobytes(), "little") for row in self.words)
            m.submodules.memory = memory = Memory(
                shape=unsigned(self.width), depth=len(self.words), init=rows
            )
            port = memory.read_port()
            m.d.comb += [port.addr.eq(self.address), self.data.eq(port.data)]
            return m
        contents = None
        if has_pads(platform):
            contents = f"{self.name}.hex"
            platform.add_file(contents, hex_words(self.words, self.width))
        text = rom_module(self.name, self.words, self.width, contents)
        platform.add_file(f"{self.name}.v", text)
        m.submodules.rom = Instance(
            self.name, i_clk=ClockSignal(), i_address=self.address, o_data=self.data
        )
        return m
