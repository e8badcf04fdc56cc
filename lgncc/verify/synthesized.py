"""Rung "synthesis": the netlist that yosys leaves for place and route computes the mapped LUTs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lgncc.encoder import Encoder
from lgncc.flow.platform import SHELL, TOP
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.serial import SerialDesign
from lgncc.netlist import Netlist
from lgncc.verify.cells import read_cells
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.pipeline import LEMMA as STRUCTURE
from lgncc.verify.pipeline import Cells, Cone, Ports, read_pipeline
from lgncc.verify.rung import Rung

RUNG = "synthesis"
FUNCTION = "function"
INSTANCE = f"{SHELL}.core.luts"
"""Where the LUTs are in the board design; see lgncc.hw.mapped_core."""


def check_synthesized(
    design: MappedDesign | SerialDesign, synthesized: Path, ranks: int, instance: str = INSTANCE
) -> Rung:
    """The rung of the ladder: `instance` of the flat netlist `synthesized` (JSON) answers as
    `design.luts`, `ranks` enabled clock cycles later, and has its state.

    Raises RefutedError where not, InputError where the file is no such netlist.
    """
    proof = prove_pipeline(
        lambda: read_cells(synthesized, TOP, instance, design.luts),
        design.luts,
        ranks,
        design.model.encoder,
    )
    return proof.rung(RUNG)


def prove_pipeline(
    read: Callable[[], tuple[Cells, Ports]], luts: Netlist, ranks: int, encoder: Encoder
) -> Proof:
    """What `read` reads is a pipeline of `ranks` ranks, and computes `luts`."""
    cones: list[Cone] = []

    def structure() -> str:
        cone = read_pipeline(*read())
        cones.append(cone)
        found = (cone.netlist.n_inputs, len(cone.netlist.outputs))
        wanted = (luts.n_inputs, len(luts.outputs))
        if found != wanted:
            raise RefutedError(STRUCTURE, f"(inputs, outputs) {found}; the LUTs have {wanted}")
        if cone.ranks not in (ranks, None):
            raise RefutedError(STRUCTURE, f"{cone.ranks} ranks of registers; {ranks} were planned")
        return f"{cone.luts:,} LUTs, {cone.registers:,} registers in {ranks} ranks, one clock"

    def name(root: int) -> str:
        outputs = len(luts.outputs)
        return f"bit {root} of the answer" if root < outputs else f"next state {root - outputs}"

    read_back = prove(STRUCTURE, structure)
    comparison = Comparison(
        FUNCTION,
        replace(luts, reset=np.zeros(luts.n_state, np.bool_)),  # registers here have no reset
        cones[0].netlist,
        name,
        lambda found: describe_sample(encoder, found),
        f"{len(luts.roots):,} bits of answer and state are those of the mapped LUTs, by ABC",
    )
    comparison.try_random()
    return Proof((read_back, comparison.prove()))
