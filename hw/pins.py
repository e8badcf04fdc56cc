"""Ports in place of a board's pads, for Verilog that is simulated: what a pad's registers do, and
the pins as ports of the whole design."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal


class TextPlatform:
    """Stands where the platform does, for Verilog. files: text of modules by file name, which the
    design instantiates."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def add_file(self, name: str, text: str) -> None:
        """As of Amaranth's platforms."""
        self.files[name] = text


class PinPorts(TextPlatform):
    """`flash`: the pins of an SPI flash, ports of the design:
    inputs of the flash flash_cs_n, flash_clk, flash_o (its first data pin, while flash_oe is 1),
    and flash_i (2), the levels of its data pins, the first one lowest."""

    def __init__(self) -> None:
        super().__init__()
        self.cs_n = Signal(name="flash_cs_n", init=1)
        self.clk = Signal(name="flash_clk")
        self.o = Signal(name="flash_o")
        self.oe = Signal(name="flash_oe")
        self.i = Signal(2, name="flash_i")

    @property
    def flash(self) -> tuple[Signal, ...]:
        return self.cs_n, self.clk, self.o, self.oe, self.i

    def connect_flash(self, m: Module, reader: Any, clk: Any) -> None:
        """A FlashReader, through registers as pads have them, and its clock to the pins."""
        selected, dq = Signal(), Signal(2)
        m.d.sync += Cat(selected, self.o, self.oe, dq).eq(
            Cat(reader.cs, reader.copi, reader.drive, self.i)
        )
        m.d.comb += [self.cs_n.eq(~selected), reader.dq.eq(dq), self.clk.eq(clk)]


def has_pads(platform: object) -> bool:
    """Whether the design is for an FPGA: then it has its pads, and cells of its family."""
    return platform is not None and not isinstance(platform, TextPlatform)
