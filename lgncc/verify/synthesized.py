"""Rung "synthesis": the netlist that yosys leaves for place and route computes the mapped LUTs."""

from __future__ import annotations

from pathlib import Path

from lgncc.errors import InputError
from lgncc.flow.platform import SHELL, TOP
from lgncc.mapping.design import MappedDesign
from lgncc.verify.cells import LEMMA as STRUCTURE
from lgncc.verify.cells import Cone, read_cone
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.rung import Rung

RUNG = "synthesis"
FUNCTION = "function"
INSTANCE = f"{SHELL}.core.luts"
"""Where the LUTs are in the board design; see lgncc.hw.mapped_core."""


def check_synthesized(
    design: MappedDesign, synthesized: Path, ranks: int, instance: str = INSTANCE
) -> Rung:
    """The rung of the ladder; see `prove_synthesized`."""
    return prove_synthesized(design, synthesized, ranks, instance).rung(RUNG)


def prove_synthesized(
    design: MappedDesign, synthesized: Path, ranks: int, instance: str = INSTANCE
) -> Proof:
    """`instance` of the flat netlist `synthesized` (JSON) answers as `design.luts`, `ranks` enabled
    clock cycles later.

    Raises RefutedError where not, InputError where the file is no such netlist.
    """
    luts = design.luts
    if luts.n_state:
        raise InputError("synthesis: a design with state has no feed-forward pipeline to compare")
    cones: list[Cone] = []

    def structure() -> str:
        cone = read_cone(synthesized, TOP, instance)
        cones.append(cone)
        found = (cone.netlist.n_inputs, len(cone.netlist.outputs))
        wanted = (luts.n_inputs, len(luts.outputs))
        if found != wanted:
            raise RefutedError(STRUCTURE, f"(inputs, outputs) {found}; the LUTs have {wanted}")
        if cone.registers and cone.ranks != ranks:
            raise RefutedError(STRUCTURE, f"{cone.ranks} ranks of registers; {ranks} were planned")
        return f"{cone.luts:,} LUTs, {cone.registers:,} registers in {cone.ranks} ranks, one clock"

    read = prove(STRUCTURE, structure)
    comparison = Comparison(
        FUNCTION,
        luts,
        cones[0].netlist,
        lambda root: f"bit {root} of the answer",
        lambda found: describe_sample(design.model.encoder, found),
        f"{len(luts.outputs):,} bits of the answer are those of the mapped LUTs, by ABC",
    )
    comparison.try_random()
    return Proof((read, comparison.prove()))
