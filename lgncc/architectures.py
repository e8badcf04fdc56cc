"""The four architectures of a core, and the choice among them for a board.

What each would take is estimated from the mapped model, without synthesis; the compiler tries the
estimates in their order until one is placed and routed. docs/explanation/architectures.md says
what they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from lgncc.arrival import split_encoder
from lgncc.boards import Board, list_boards, load_board
from lgncc.errors import DesignError
from lgncc.estimate import ARCHITECTURES, Architecture, Estimate, Goal, fitting
from lgncc.folds import Fold, folds
from lgncc.forms import Form, choose_form
from lgncc.host.frames import BITS_A_BYTE, bytes_for
from lgncc.host.line import Line
from lgncc.hw.sequence import Answering
from lgncc.lowering import (
    Lowered,
    affordable_levels,
    lower_folded,
    lower_luts,
    lower_serial,
)
from lgncc.mapping import map_model
from lgncc.mapping.assembler import assemble
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.program import Program
from lgncc.mapping.serial import SerialDesign, map_serial
from lgncc.mapping.stages import Stages, plan_stages
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.unread import without_unread
from lgncc.sim.vectors import AnswerFormat
from lgncc.wording import counted

# Logic cells of what stands around the core and in it, measured on the iCE40.
SHELL_CELLS = 400  # without what is kept of the input vector

SETTINGS: dict[Architecture, str] = {
    "spatial": "{levels}",
    "pipelined": "{levels} between registers",
    "class-serial": "bits counted a cycle: {number}",
    "folded": "lanes: {number}",
}
TYPICAL_BITS = 8  # a cycle: from one such design follows what the network of any other takes
LANES = (64, 32, 16, 8, 4, 2, 1)


class Planner:
    """Estimates for one model; what they are made from is computed once."""

    def __init__(self, model: LogicModel, answering: Answering = "each-step") -> None:
        self.model = without_unread(model)
        self.answering = answering
        # Of a model of features, and of what is left of it where they are encoded on arrival.
        self._mapped: dict[bool, MappedDesign] = {}
        self._map_serial = cache(lambda of_bits, *fold: map_serial(self._core(of_bits), *fold))
        self._folds = cache(lambda of_bits: _folds_of(self._map_serial(of_bits, TYPICAL_BITS)))
        self._program = cache(lambda of_bits: assemble(self._core(of_bits)))

    def mapped(self, form: Form) -> MappedDesign:
        of_bits = form.table is not None
        if of_bits not in self._mapped:
            self._mapped[of_bits] = map_model(self._core(of_bits))
        return self._mapped[of_bits]

    def adopt(self, form: Form, design: MappedDesign) -> None:
        """Take a better design of the same model for what `mapped` gives."""
        self._mapped[form.table is not None] = design

    def serial(self, form: Form, bits_a_cycle: int, classes_a_cycle: int = 1) -> SerialDesign:
        return self._map_serial(form.table is not None, bits_a_cycle, classes_a_cycle)

    def program(self, form: Form) -> Program:
        return self._program(form.table is not None)

    def form(self, architecture: Architecture, board: Board) -> Form:
        """What is kept of an input vector."""
        return choose_form(self.model, board, bit_serial=architecture == "folded")

    def _line(self, board: Board) -> Line:
        """The board's line, in cycles of its clock."""
        in_bytes = bytes_for(self.model.encoder.input_width)
        out_bytes = bytes_for(AnswerFormat.of(self.model).total_width)
        return Line.of(in_bytes, out_bytes, BITS_A_BYTE * board.clock.hz / board.uart.baud)

    def _core(self, of_bits: bool) -> LogicModel:
        return split_encoder(self.model)[1] if of_bits else self.model

    def estimates(
        self, board: Board, goal: Goal, only: Architecture | None = None
    ) -> list[Estimate]:
        """Those that can be built first, the best for the goal before the others; then those that
        cannot, each with its obstacle. `only` one architecture: then what is tight may be built,
        after the others."""
        wanted = ARCHITECTURES if only is None else (only,)
        found = [estimate for name in wanted for estimate in self._estimate(name, board, goal)]
        if only == "pipelined" and not found:
            found = [self._halved(board)]
        if only is not None:
            found = [replace(e, obstacle="") if e.tight else e for e in found]
        line = self._line(board)
        return sorted(found, key=lambda e: (bool(e.obstacle), e.tight, *e.rank(goal, line)))

    def lower(self, estimate: Estimate, board: Board) -> Lowered:
        """The design of an estimate. Raises DesignError where it turns out not to fit."""
        form = self.form(estimate.architecture, board)
        if estimate.architecture == "class-serial":
            design = self.serial(form, estimate.setting, estimate.classes)
            return lower_serial(design, board, form, self.answering)
        if estimate.architecture == "folded":
            return lower_folded(form, self.program(form), estimate.setting, board, self.answering)
        return lower_luts(self.mapped(form), board, estimate.setting, form, self.answering)

    def reason(
        self,
        chosen: Estimate,
        estimates: list[Estimate],
        board: Board,
        goal: Goal,
        tried: list[str],
    ) -> str:
        """Why an estimate was chosen, with the numbers that it was compared with."""
        best: dict[str, Estimate] = {}
        for estimate in estimates:
            best.setdefault(estimate.architecture, estimate)
        best.pop(chosen.architecture, None)
        others = [str(estimate) for estimate in best.values()]
        larger = self.next_larger(board, goal) if others else ""
        setting = SETTINGS[chosen.architecture].format(
            number=chosen.setting, levels=counted(chosen.setting, "LUT level")
        )
        if chosen.classes > 1:
            setting += f" of each of {chosen.classes} classes"
        why = f"the best for {goal}" if others else "as asked for"
        if goal == "throughput":
            samples_per_s = board.clock.hz / self._line(board).interval()
            why += f"; the link carries {samples_per_s:,.0f} samples a second"
        return "; ".join(
            [
                f"{setting}, about {chosen.cells:,} logic cells estimated, {why}",
                *([chosen.note] if chosen.note else []),
                str(self.form(chosen.architecture, board)),
                *(f"tried {one}" for one in tried),
                *others,
                *([f"on {larger}"] if larger else []),
            ]
        )

    def advice(self, board: Board, goal: Goal, only: Architecture | None) -> list[str]:
        """Where nothing can be built: what could, here by another architecture and by this one on
        the smallest board."""
        lines = []
        if only is not None and not (best := self.estimates(board, goal)[0]).obstacle:
            lines.append(f"without --arch {only}: {best}")
        for name in sorted(list_boards(), key=lambda name: _size(load_board(name))):
            best = self.estimates(load_board(name), goal, only)[0]
            if not best.obstacle:
                return [*lines, f"the smallest board that has room is {name}: {best}"]
        return lines

    def next_larger(self, board: Board, goal: Goal) -> str:
        """The next larger board and what it would give; empty for the largest."""
        larger = [one for one in map(load_board, list_boards()) if _size(one) > _size(board)]
        if not larger:
            return ""
        other = min(larger, key=_size)
        return f"{other.name}: {self.estimates(other, goal)[0]}"

    def _estimate(self, name: Architecture, board: Board, goal: Goal) -> list[Estimate]:
        try:
            return {
                "spatial": self._spatial,
                "pipelined": self._pipelined,
                "class-serial": self._serial,
                "folded": self._folded,
            }[name](board, goal)
        except DesignError as error:
            return [Estimate(name, 0, 0, 0, 0, obstacle=str(error).splitlines()[0])]

    def _spatial(self, board: Board, goal: Goal) -> list[Estimate]:
        form = self.form("spatial", board)
        luts = self.mapped(form).luts
        stages = plan_stages(luts, max(luts.depth, 1))
        estimate = self._of_stages("spatial", luts, stages, form, board)
        if stages.longest > affordable_levels(board, luts.n_gates):
            slow = f"{stages.longest} LUT levels in one cycle are too slow for the clock"
            return [Estimate("spatial", estimate.setting, estimate.cells, 0, 0, obstacle=slow)]
        return [estimate]

    def _pipelined(self, board: Board, goal: Goal) -> list[Estimate]:
        form = self.form("pipelined", board)
        luts = self.mapped(form).luts
        most = affordable_levels(board, luts.n_gates)
        stages = plan_stages(luts, min(most, max(luts.depth, 1)))
        if stages.ranks == 1:
            return []
        return [self._of_stages("pipelined", luts, stages, form, board)]

    def _halved(self, board: Board) -> Estimate:
        """A pipeline of what a single cycle has time for."""
        form = self.form("pipelined", board)
        luts = self.mapped(form).luts
        if luts.depth < 2:
            nothing = "one LUT level at most: there is nothing to cut"
            return Estimate("pipelined", 0, 0, 0, 0, obstacle=nothing)
        stages = plan_stages(luts, -(-luts.depth // 2))
        return self._of_stages("pipelined", luts, stages, form, board)

    def _of_stages(
        self, name: Architecture, luts: Netlist, stages: Stages, form: Form, board: Board
    ) -> Estimate:
        # A state bit is in the cell of the LUT that makes it, where it has one of its own.
        own = np.unique(luts.next_state[luts.next_state >= luts.first_gate])
        lone = stages.extra_cells + luts.n_state - len(own)
        cells = luts.n_gates + board.lone_flip_flops * lone + SHELL_CELLS + form.cells
        interval = stages.loop + 1
        turns = "as many sequences could take turns (lgncc export --sequences)" * (interval > 1)
        estimate = Estimate(name, stages.longest, cells, stages.ranks, interval, note=turns)
        return fitting(estimate, board)

    def _serial(self, board: Board, goal: Goal) -> list[Estimate]:
        form = self.form("class-serial", board)
        typical, found = self._folds(form.table is not None)
        luts = typical.luts
        network = luts.n_gates - len(typical.row)
        affordable = affordable_levels(board, luts.n_gates)
        estimates = []
        for fold in found:
            cells = network + fold.cells + SHELL_CELLS + form.cells
            estimate = Estimate(
                "class-serial",
                fold.bits,
                cells,
                fold.latency_cycles,
                fold.rows,
                classes=fold.classes,
            )
            estimate = fitting(estimate, board)
            levels = max(fold.levels, luts.depth)
            if levels > affordable and not estimate.obstacle:
                slow = f"{levels} LUT levels in one cycle are too slow for the clock"
                estimate = replace(estimate, obstacle=slow, tight=True)
            estimates.append(estimate)
        possible = [estimate for estimate in estimates if not estimate.obstacle]
        tight = [estimate for estimate in estimates if estimate.tight]
        smallest = min(tight, key=lambda estimate: estimate.cells, default=estimates[-1])
        return [*possible, smallest] if tight else possible or [smallest]

    def _folded(self, board: Board, goal: Goal) -> list[Estimate]:
        from lgncc.placement import place

        form = self.form("folded", board)
        program = self.program(form)
        many = goal == "throughput" and not self.model.netlist.n_state
        estimates = []
        obstacle = DesignError("folded: no memory")
        for lanes in LANES if many else (1,):
            try:
                placement = place(program, lanes, board, form.blocks)
            except DesignError as error:
                obstacle = error
                continue
            cells = placement.cells(self.model.readout) + SHELL_CELLS + form.cells
            # Features that are kept are kept twice.
            cells += 0 if form.in_memory else self.model.encoder.input_width
            pace = placement.pace
            estimate = Estimate("folded", lanes, cells, pace.latency_cycles, pace.interval(lanes))
            estimates.append(fitting(replace(estimate, note=str(placement)), board))
        if not estimates:
            raise obstacle
        return [e for e in estimates if not e.obstacle] or estimates[-1:]


def _folds_of(typical: SerialDesign) -> tuple[SerialDesign, list[Fold]]:
    """The design, and what could be counted in a cycle."""
    return typical, folds(typical.form, typical.model.readout)


def _size(board: Board) -> int:
    return board.capacity[board.logic_cells]
