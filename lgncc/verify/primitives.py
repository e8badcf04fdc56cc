"""The cells of the FPGA families that proofs understand: LUTs, carries and plain flip-flops."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

MAJORITY = 0xE8


@dataclass(frozen=True)
class Primitive:
    """A cell with one output. table: a LUT's function, or the parameter that holds it.

    inputs: pins, the lowest bit of the row first. A flip-flop (`clock` is a pin) passes its one
    input on at a rising edge where `enable` is 1; its other pins and its parameters must be as
    `tied` and `settings` say.
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
    ("SB_DFFE", Primitive(("D",), "Q", clock="C", enable="E")),
    # ECP5
    ("LUT4", Primitive(("A", "B", "C", "D"), "Z", "INIT")),
    (
        "TRELLIS_FF",
        Primitive(
            ("DI",),
            "Q",
            clock="CLK",
            enable="CE",
            tied={"LSR": "0"},
            settings={"CEMUX": "CE", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"},
        ),
    ),
    # Gowin, whose LUT4 has other pins than that of ECP5
    *((f"LUT{n}", Primitive(("I0", "I1", "I2", "I3")[:n], "F", "INIT")) for n in range(1, 5)),
    ("DFFE", Primitive(("D",), "Q", clock="CLK", enable="CE")),
)
"""By the type of the cell, and where that is not enough by its output pin."""

_BY_KIND = {(kind, primitive.output): primitive for kind, primitive in PRIMITIVES}
_OUTPUTS = {kind: [p.output for k, p in PRIMITIVES if k == kind] for kind, _ in PRIMITIVES}


def primitive_of(kind: str, pins: Container[str]) -> Primitive | None:
    """What a cell of a type with these pins is; None if that is not understood."""
    for output in _OUTPUTS.get(kind, ()):
        if output in pins:
            return _BY_KIND[kind, output]
    return None
