# amaranth: UnusedElaboratable=no
"""The program of a FoldedCore in block RAM, and the fields of its words."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out

from lgncc.hw.rom import Rom
from lgncc.mapping.program import OP_BITS, TABLE_BITS, Program

PROGRAM_MODULE = "lgncc_program"


class BlockProgram(Component):
    """The program in block RAM, there when the FPGA is. A word follows its address by a cycle.

    Ports: `restart`: In(1), in the cycle before the first address of a vector's program;
    `address`: In, `word`: Out(program.width); `there`: Out(1), the word at the address can be read;
    `ready`: Out(1), the program is there.
    """

    fetch = None
    start_cycles = 0
    place = "in block RAM"

    def __init__(self, program: Program) -> None:
        self.program = program
        super().__init__(
            {
                "restart": In(1),
                "address": In(range(max(len(program), 2))),
                "word": Out(program.width),
                "there": Out(1, init=1),
                "ready": Out(1, init=1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rom = rom = Rom(PROGRAM_MODULE, self.program.octets, self.program.width)
        m.d.comb += [rom.address.eq(self.address), self.word.eq(rom.data)]
        return m


class InstructionFields:
    """An instruction's fields, as `Program.words` packs them."""

    def __init__(self, word: Any, program: Program) -> None:
        address = program.address_bits
        at = OP_BITS + TABLE_BITS
        self.op = word[:OP_BITS]
        self.table = word[OP_BITS:at]
        self.dst = word[at : at + address]
        self.a = word[at + address : at + 2 * address]
        self.b = word[at + 2 * address : at + 3 * address]
        self.immediate = word[at + address : at + address + program.immediate_bits]
