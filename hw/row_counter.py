# amaranth: UnusedElaboratable=no
"""RowCounter: the rows of a class-serial readout to scores or a class.

    bits ─▶ popcount << column ─▶ + score ─▶ argmax of the group ─▶ best ─▶ payload
              of each class        of each

Each arrow into a stage is a register; all classes of a group are counted at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import Component, In, Out

from lgncc.hw.argmax import Argmax
from lgncc.hw.popcount import Popcount
from lgncc.mapping.serial import SerialDesign


class RowCounter(Component):
    """Answers `latency` enabled cycles after the last row of a vector.

    Ports: `bits`, `row`, `active`: In, the row that is visible and its index; `enable`: In(1),
    clock enable; `payload`: Out, the class or the scores; `done`: Out(1), it is complete.
    """

    def __init__(self, design: SerialDesign) -> None:
        self.design = design
        readout, width = design.model.readout, design.form.width
        # The last group may have fewer classes; the others' scores stay 0, and win over none.
        self.n_groups = int(design.group[-1]) + 1
        self.argmax = None
        out_width = readout.n_classes * width
        if readout.kind == "class":
            self.argmax = Argmax(design.classes_a_cycle, unsigned(width), registered=True)
            out_width = max((readout.n_classes - 1).bit_length(), 1)
        super().__init__(
            {
                "bits": In(len(design.luts.outputs)),
                "row": In(range(max(design.rows, 2))),
                "active": In(1),
                "enable": In(1),
                "payload": Out(out_width),
                "done": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Registers: of the counts, of the scores, of the argmax's levels, of the best."""
        return 3 + (self.argmax.latency if self.argmax else 0)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self.design
        ends, final = Signal(), Signal()
        ends_group = np.append(np.diff(design.group) != 0, True)
        with m.Switch(self.row), m.Case(*np.flatnonzero(ends_group).tolist()):
            m.d.comb += ends.eq(self.active)
        m.d.comb += final.eq(self.active & (self.row == design.rows - 1))

        counting = self._delayed(m, self.active, 1)
        ends_1, final_1 = self._delayed(m, ends, 1), self._delayed(m, final, 1)
        group, fresh = Signal(range(max(self.n_groups, 2))), Signal(init=1)
        with m.If(self.enable & counting):
            m.d.sync += fresh.eq(ends_1)
            with m.If(ends_1):
                m.d.sync += group.eq(Mux(final_1, 0, group + 1))
        scores = [
            self._score(m, place, group, fresh, counting) for place in range(design.classes_a_cycle)
        ]

        later = 1 + (self.argmax.latency if self.argmax else 0)
        ends_2, final_2 = self._delayed(m, ends_1, later), self._delayed(m, final_1, later)
        with m.If(self.enable):
            m.d.sync += self.done.eq(final_2)
        if self.argmax:
            self._keep_best(m, self.argmax, scores, ends_2, final_2)
        else:
            self._keep_all(m, scores, ends_2)
        return m

    def _delayed(self, m: Module, flag: Any, cycles: int) -> Any:
        """The flag so many enabled cycles later."""
        for _ in range(cycles):
            later = Signal()
            with m.If(self.enable):
                m.d.sync += later.eq(flag)
            flag = later
        return flag

    def _score(self, m: Module, place: int, group: Any, fresh: Any, counting: Any) -> Any:
        """The register that adds up the rows of a group's class; it begins with the constant."""
        design, form = self.design, self.design.form
        mine = np.flatnonzero(design.lane[design.shown] // design.bits_a_cycle == place).tolist()
        m.submodules[f"popcount{place}"] = popcount = Popcount(len(mine))
        m.d.comb += popcount.bits.eq(Cat(self.bits[index] for index in mine))

        # Only marked rows differ from the plain case.
        weighted, amount = Signal(form.width), Signal(form.width)
        m.d.comb += weighted.eq(popcount.count)
        column = design.column[:, place]
        with m.Switch(self.row):
            for weight in range(1, int(column.max()) + 1):
                with m.Case(*np.flatnonzero(column == weight).tolist()):
                    m.d.comb += weighted.eq(popcount.count << weight)

        start, score = Signal(form.width), Signal(form.width)
        constants = form.constant[place :: design.classes_a_cycle].tolist()
        with m.Switch(group):
            for index, constant in enumerate(constants):
                with m.Case(index):
                    m.d.comb += start.eq(constant)
        with m.If(self.enable):
            m.d.sync += amount.eq(weighted)
            with m.If(counting):
                m.d.sync += score.eq(Mux(fresh, start, score) + amount)
        return score

    def _keep_best(self, m: Module, argmax: Argmax, scores: Any, ends: Any, final: Any) -> None:
        """The first of the highest so far."""
        m.submodules.argmax = argmax
        m.d.comb += [argmax.scores.eq(Cat(scores)), argmax.enable.eq(self.enable)]
        best = Signal(self.design.form.width, reset_less=True)
        first = Signal(len(self.payload))  # class of the group
        with m.If(self.enable & ends):
            m.d.sync += first.eq(Mux(final, 0, first + self.design.classes_a_cycle))
            # Strictly greater: at a tie the lower index stays.
            with m.If((first == 0) | (argmax.score > best)):
                m.d.sync += [best.eq(argmax.score), self.payload.eq(first + argmax.index)]

    def _keep_all(self, m: Module, scores: Any, ends: Any) -> None:
        """All scores, moved up to their places group by group."""
        kept = Signal(self.n_groups * len(Cat(scores)), reset_less=True)
        m.d.comb += self.payload.eq(kept)
        with m.If(self.enable & ends):
            m.d.sync += kept.eq(Cat(kept, *scores)[len(Cat(scores)) :])
