"""The cells of the FPGA families that proofs understand: LUTs, carries and plain flip-flops."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

MAJORITY = 0xE8


@dataclass(frozen=True)
class Primitive:
    """A cell with one output. table: a LUT's function, or the parameter that holds it.

    inputs: pins, the lowest bit of the row first. A flip-flop (`clock` is a pin) passes its one
    input on at a rising edge where `enable`, if it has one, is 1; its other pins and its parameters
    must be as `tied` and `settings` say.
    """

    inputs: tuple[str, ...]
    output: str
    table: str | int = 0
    clock: str = ""
    enable: str = ""
    tied: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


PRIMITIVES: tuple[tuple[str, Primitive], ...] = (
    # iCE40
    ("SB_LUT4", Primitive(("I0", "I1", "I2", "I3"), "O", "LUT_INIT")),
    ("SB_CARRY", Primitive(("I0", "I1", "CI"), "CO", MAJORITY)),
    ("SB_DFF", Primitive(("D",), "Q", clock="C")),
    ("SB_DFFE", Primitive(("D",), "Q", clock="C", enable="E")),
    # ECP5
    ("LUT4", Primitive(("A", "B", "C", "D"), "Z", "INIT")),
    *(
        (
            "TRELLIS_FF",
            Primitive(
                ("DI",),
                "Q",
                clock="CLK",
                enable=enable,
                tied={"LSR": "0"},
                settings={"CEMUX": mux, "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"},
            ),
        )
        # yosys appends a blank to a text that would read as a number.
        for mux, enable in (("CE", "CE"), ("1 ", ""))
    ),
    # Gowin, whose LUT4 has other pins than that of ECP5
    *((f"LUT{n}", Primitive(("I0", "I1", "I2", "I3")[:n], "F", "INIT")) for n in range(1, 5)),
    ("DFF", Primitive(("D",), "Q", clock="CLK")),
    ("DFFE", Primitive(("D",), "Q", clock="CLK", enable="CE")),
)
"""By the type of the cell, and where that is not enough by its output pin and its settings."""

_BY_KIND = {
    kind: [primitive for other, primitive in PRIMITIVES if other == kind] for kind, _ in PRIMITIVES
}


def primitive_of(
    kind: str, pins: Container[str], parameters: Mapping[str, object]
) -> Primitive | None:
    """What a cell of a type with these pins and parameters is; None if that is not understood."""
    for primitive in _BY_KIND.get(kind, ()):
        if primitive.output in pins and primitive.settings.items() <= parameters.items():
            return primitive
    return None
