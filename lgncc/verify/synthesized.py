"""Rung "synthesis": the netlist that yosys leaves for place and route computes the mapped LUTs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lgncc.flow.platform import SHELL, TOP
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.serial import SerialDesign
from lgncc.mapping.stages import feed_forward, taken_at
from lgncc.netlist import Netlist
from lgncc.verify.cells import read_cells
from lgncc.verify.comparison import Comparison, describe_step
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.pipeline import CONSTANT, Cells, Cone, Ports, read_pipeline
from lgncc.verify.pipeline import LEMMA as STRUCTURE
from lgncc.verify.rung import Rung
from lgncc.wording import counted

RUNG = "synthesis"
FUNCTION = "function"
INSTANCE = f"{SHELL}.core.luts"
"""Where the LUTs are in the board design; see lgncc.hw.mapped_core."""


def check_synthesized(
    design: MappedDesign | SerialDesign,
    synthesized: Path,
    ranks: int,
    instance: str = INSTANCE,
    *,
    loop: int = 0,
    state_outside: bool = False,
) -> Rung:
    """The rung of the ladder: `instance` of the flat netlist `synthesized` (JSON) answers as
    `design.luts`, `ranks` enabled clock cycles later, and has its state, taken `loop` cycles later.
    state_outside: as of lgncc.emit.luts.

    Raises RefutedError where not, InputError where the file is no such netlist.
    """

    def read(luts: Netlist) -> tuple[Cells, Ports]:
        return read_cells(synthesized, TOP, instance, luts)

    return prove_pipeline(read, design, ranks, loop, state_outside=state_outside).rung(RUNG)


def prove_pipeline(
    read: Callable[[Netlist], tuple[Cells, Ports]],
    design: MappedDesign | SerialDesign,
    ranks: int,
    loop: int,
    *,
    state_outside: bool,
) -> Proof:
    """What `read` reads, for the LUTs that it is given, is a pipeline of `ranks` ranks, of which
    next states have passed `loop`, and computes the LUTs of the design."""
    cones: list[Cone] = []
    taken = taken_at(design.luts, ranks, loop)
    luts = feed_forward(design.luts) if state_outside else design.luts
    outputs = len(design.luts.outputs)

    def name(root: int) -> str:
        return f"bit {root} of the answer" if root < outputs else f"next state {root - outputs}"

    def structure() -> str:
        cone = read_pipeline(*read(luts))
        cones.append(cone)
        found = (cone.netlist.n_inputs, len(cone.netlist.outputs))
        wanted = (luts.n_inputs, len(luts.outputs))
        if found != wanted:
            raise RefutedError(STRUCTURE, f"(inputs, outputs) {found}; the LUTs have {wanted}")
        wrong = (cone.ranks != taken) & (cone.ranks != CONSTANT)
        if wrong.any():
            root = int(np.argmax(wrong))
            raise RefutedError(
                STRUCTURE,
                f"{name(root)} is behind {cone.ranks[root]} ranks of registers; "
                f"{taken[root]} were planned",
            )
        registers = f"{counted(cone.registers, 'register')} in {counted(ranks, 'rank')}"
        return f"{counted(cone.luts, 'LUT')}, {registers}, one clock"

    read_back = prove(STRUCTURE, structure)
    comparison = Comparison(
        FUNCTION,
        replace(luts, reset=np.zeros(luts.n_state, np.bool_)),  # registers here have no reset
        cones[0].netlist,
        name,
        lambda found: describe_step(design.model, found),
        f"{len(luts.roots):,} bits of answer and state are those of the mapped LUTs, by ABC",
    )
    comparison.try_random()
    return Proof((read_back, comparison.prove()))
