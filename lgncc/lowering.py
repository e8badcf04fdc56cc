# amaranth: UnusedElaboratable=no
"""An optimized model to a design for a board: as gates for synthesis, or as LUTs of our own.

Below level 2 the core is gates and a readout that yosys maps. From there on lgncc maps the whole
model itself, proves that, and plans where registers stand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lgncc.boards import Board
from lgncc.emit.board import BoardDesign, emit_board, emit_core, emit_mapped_board
from lgncc.flow.platform import SHELL
from lgncc.flow.result import Timing, Usage, require_fit
from lgncc.forms import Form
from lgncc.hw.sequence import Answering, Sequencing
from lgncc.mapping.design import PARTS, MappedDesign
from lgncc.mapping.program import Program
from lgncc.mapping.serial import SerialDesign
from lgncc.mapping.stages import Stages, plan_stages, with_relays
from lgncc.model import LogicModel
from lgncc.passes.unread import without_unread

MAPPED_LEVEL = 2
"""From this -O level on, lgncc maps to LUTs itself."""

_CORE = f"{SHELL}.core"
GATE_PARTS = {
    f"{_CORE}.encoder": "encoder",
    f"{_CORE}.network": "network",
    _CORE: "network",  # the registers between network and readout
    f"{_CORE}.readout": "readout",
}
_ON_ARRIVAL = {f"{SHELL}.encoder": "encoder"}
SERIAL_PARTS = _ON_ARRIVAL | {
    f"{_CORE}.luts.encoder": "encoder",
    f"{_CORE}.luts": "network",
    _CORE: "readout",
}
FOLDED_PARTS = _ON_ARRIVAL | {f"{_CORE}.encoder": "encoder", _CORE: "network"}
LUT_PARTS = _ON_ARRIVAL | {_CORE: "network"} | {f"{_CORE}.luts.{part}": part for part in PARTS}


MEASURED_LUTS = 2_000
"""LUTs of the designs by which the boards' `register_ps` were measured."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """parts: of each hierarchical name, for the breakdown; the rest is the shell. levels: of
    gates, or of LUTs where the design is mapped. Of mapped, serial and program, what the core was
    built from; stages: those of `mapped`; form: what is kept of an input vector. answering: as of
    lgncc.hw.sequence."""

    architecture: str
    design: BoardDesign
    parts: Mapping[str, str]
    levels: int
    mapped: MappedDesign | None = None
    stages: Stages | None = None
    serial: SerialDesign | None = None
    program: Program | None = None
    form: Form | None = None
    answering: Answering = "each-step"


def lower_gates(model: LogicModel, board: Board) -> Lowered:
    """The core of gates. Raises DesignError where its registers alone are too many."""
    model = without_unread(model)
    distinct = len(np.unique(model.netlist.outputs))
    usage = {board.flip_flops: Usage(distinct, board.capacity[board.flip_flops])}
    require_fit(board, usage, "counting only the registers of the network's outputs")
    return Lowered("spatial", emit_board(model, board), GATE_PARTS, model.netlist.depth)


def lower_luts(
    mapped: MappedDesign,
    board: Board,
    max_levels: int | None = None,
    form: Form | None = None,
    answering: Answering = "each-step",
    relayed: bool = False,
) -> Lowered:
    """The core of LUTs, with at most `max_levels` between two registers, or as many as the
    board's clock allows. relayed: the network's wires have cycles of their own. Raises DesignError
    where they are too many."""
    luts = mapped.luts
    stages = plan_stages(luts, max_levels or affordable_levels(board, luts.n_gates))
    if relayed:
        # Wires of a network go anywhere; those behind the readout's first LUTs are short.
        is_network = mapped.part < PARTS.index("readout")
        highest = luts.level[luts.first_gate :][is_network].max(initial=0)
        stages = with_relays(luts, stages, int(highest))
    cells = luts.n_gates + board.lone_flip_flops * stages.extra_cells
    used = {board.flip_flops: stages.registers, board.logic_cells: cells}
    usage = {resource: Usage(count, board.capacity[resource]) for resource, count in used.items()}
    require_fit(board, usage, "counting only the LUTs and registers of the core")
    name = "spatial" if stages.ranks == 1 else "pipelined"
    design = emit_mapped_board(mapped, stages, board, form, sequencing=Sequencing(answering))
    return Lowered(
        name,
        design,
        LUT_PARTS,
        luts.depth,
        mapped=mapped,
        stages=stages,
        form=form,
        answering=answering,
    )


def lower_serial(
    design: SerialDesign,
    board: Board,
    form: Form | None = None,
    answering: Answering = "each-step",
) -> Lowered:
    """The class-serial core."""
    from lgncc.hw.serial_core import SerialCore

    # What the link received is the core's input register.
    def core() -> SerialCore:
        return SerialCore(design, answering=answering, input_register=False)

    return Lowered(
        "class-serial",
        emit_core(core, board, form),
        SERIAL_PARTS,
        design.luts.depth,
        serial=design,
        form=form,
        answering=answering,
    )


def lower_folded(
    form: Form,
    program: Program,
    lanes: int,
    board: Board,
    answering: Answering = "each-step",
) -> Lowered:
    """The gate processor. Raises DesignError where the part's memory is too small."""
    from lgncc.hw.folded import FoldedCore
    from lgncc.placement import place

    placement = place(program, lanes, board, form.blocks)

    def core(bit_serial: bool = form.in_memory) -> FoldedCore:
        memory, nodes = placement.make(program, board)
        return FoldedCore(
            form.model,
            lanes=lanes,
            sequencing=Sequencing(answering),
            program=program,
            memory=memory,
            nodes=nodes,
            bit_serial=bit_serial,
        )

    emitted = emit_core(core, board, form, lambda: core(bit_serial=False))
    levels = form.model.netlist.depth
    return Lowered("folded", emitted, FOLDED_PARTS, levels, program=program, form=form)


def affordable_levels(board: Board, n_luts: int = 0) -> int:
    """LUT levels that a clock cycle of the board has time for, in a design of so many LUTs: the
    slowest wire of a larger one is longer, as the area's side is."""
    register_ps = board.register_ps * math.sqrt(max(n_luts / MEASURED_LUTS, 1))
    return max(int((10**12 // board.clock.hz - register_ps) // board.level_ps), 1)


def faster(lowered: Lowered, board: Board, timing: tuple[Timing, ...]) -> Lowered | None:
    """The same with so many more registers that what missed its target by this much would meet
    it; None where there is nothing to cut. Wires come last: they are all that one level leaves."""
    if lowered.mapped is None or lowered.stages is None:
        return None
    if lowered.stages.longest <= 1:
        if lowered.stages.relays:
            return None
        return lower_luts(lowered.mapped, board, 1, lowered.form, lowered.answering, relayed=True)
    slowest = min(timing, key=lambda clock: clock.fmax_mhz / clock.target_mhz)
    # What of the cycle was reached and what it may be is left for LUTs.
    reached, allowed = (
        max(1e6 / mhz - board.register_ps, 1) for mhz in (slowest.fmax_mhz, slowest.target_mhz)
    )
    levels = max(int(lowered.stages.longest * allowed / reached * 0.95), 1)
    levels = min(levels, lowered.stages.longest - 1)
    return lower_luts(lowered.mapped, board, levels, lowered.form, lowered.answering)
