"""The LUT and flip-flop primitives of each FPGA family, as text templates.

Every family's table has our own order: its lowest bit is the output when all inputs are 0, and the
first input is the lowest bit of the row (tests/emit check that against yosys's models).
"""

from __future__ import annotations

from dataclasses import dataclass

from lgncc.errors import DesignError


@dataclass(frozen=True)
class Family:
    """lut: the name of the cell, `{n}` its number of inputs where there is one of each size.

    sized: a cell of each size from 1 to 4; else every LUT takes a cell of four inputs.
    table: the parameter; inputs, output: pins. flip_flop: `{name}`, `{d}`, `{q}` and the net
    `{enable}`; on the rising edge of the net clk. free_flip_flop: the same without an enable.
    """

    lut: str
    sized: bool
    table: str
    inputs: tuple[str, ...]
    output: str
    flip_flop: str
    free_flip_flop: str


FAMILIES: dict[str, Family] = {
    "ice40": Family(
        lut="SB_LUT4",
        sized=False,
        table="LUT_INIT",
        inputs=("I0", "I1", "I2", "I3"),
        output="O",
        flip_flop="SB_DFFE {name} (.D({d}), .C(clk), .E({enable}), .Q({q}));",
        free_flip_flop="SB_DFF {name} (.D({d}), .C(clk), .Q({q}));",
    ),
    "ecp5": Family(
        lut="LUT4",
        sized=False,
        table="INIT",
        inputs=("A", "B", "C", "D"),
        output="Z",
        flip_flop='TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("CE"), .CLKMUX("CLK"), .LSRMUX("LSR"), '
        '.REGSET("RESET")) {name} (.DI({d}), .CLK(clk), .LSR(1\'b0), .CE({enable}), .Q({q}));',
        free_flip_flop='TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), '
        '.LSRMUX("LSR"), .REGSET("RESET")) {name} (.DI({d}), .CLK(clk), .LSR(1\'b0), .Q({q}));',
    ),
    "gowin": Family(
        lut="LUT{n}",
        sized=True,
        table="INIT",
        inputs=("I0", "I1", "I2", "I3"),
        output="F",
        flip_flop="DFFE {name} (.D({d}), .CLK(clk), .CE({enable}), .Q({q}));",
        free_flip_flop="DFF {name} (.D({d}), .CLK(clk), .Q({q}));",
    ),
}
"""By the family of a board."""


def family_of(name: str) -> Family:
    """Raises DesignError for a family whose cells are not known here."""
    if name not in FAMILIES:
        raise DesignError(
            f"mapped designs cannot be built for {name} yet, only for {', '.join(FAMILIES)}; "
            "compile with -O 1"
        )
    return FAMILIES[name]
