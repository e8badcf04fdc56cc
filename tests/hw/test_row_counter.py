# amaranth: UnusedElaboratable=no
"""The counter of a class-serial readout against plain sums and the first of the highest: for all
bits of every row, whenever the clock enable comes, by yosys's SAT solver."""

from __future__ import annotations

from dataclasses import replace

import builds
import numpy as np
import pytest
import yosys
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from lgncc.flow.run import ToolFailedError
from lgncc.hw.argmax import Argmax
from lgncc.hw.row_counter import RowCounter
from lgncc.mapping.serial import map_serial

STALLS = 2


class Compared(Component):
    """Rows without end; `right` is 0 where an answer is not that of the rows it is of."""

    def __init__(self, counter, design):
        self.counter, self.design = counter, design
        super().__init__({"bits": In(len(counter.bits)), "enable": In(1), "right": Out(1)})

    def elaborate(self, platform):
        m = Module()
        design = self.design
        m.submodules.counter = counter = self.counter
        row, enable = Signal.like(counter.row), self.enable
        past = [self.bits]  # of each row since then
        for age in range(design.rows + counter.latency):
            past.append(Signal(len(self.bits), name=f"past{age}"))
            with m.If(enable):
                m.d.sync += past[-1].eq(past[-2])
        with m.If(enable):
            m.d.sync += row.eq(Mux(row == design.rows - 1, 0, row + 1))
        m.d.comb += [
            counter.bits.eq(self.bits),
            counter.row.eq(row),
            counter.active.eq(1),
            counter.enable.eq(enable),
        ]
        scores = [int(constant) for constant in design.form.constant]
        for at in range(design.rows):
            seen = past[counter.latency + design.rows - 1 - at]
            for index, bit in enumerate(design.shown):
                place = int(design.lane[bit]) // design.bits_a_cycle
                klass = int(design.group[at]) * design.classes_a_cycle + place
                if klass < len(scores):
                    scores[klass] = scores[klass] + (seen[index] << int(design.column[at, place]))
        best, answer = scores[0], 0
        for klass, score in enumerate(scores[1:], 1):
            answer, best = Mux(score > best, klass, answer), Mux(score > best, score, best)
        m.d.comb += self.right.eq(~counter.done | (counter.payload == answer))
        return m


def prove(folder, bits_a_cycle, classes_a_cycle=1, change=lambda design: design):
    design = map_serial(builds.small_model(), bits_a_cycle, classes_a_cycle)
    top = Compared(RowCounter(change(design)), design)
    cycles = 2 * design.rows + top.counter.latency + STALLS
    (folder / "top.il").write_text(rtlil.convert(top, name="top"))
    return yosys.run(
        folder,
        [
            "read_rtlil top.il",
            "prep -top top -flatten",
            "async2sync",
            "opt -full",
            f"sat -tempinduct -tempinduct-baseonly -maxsteps {cycles} -set-init-zero "
            "-set rst 0 -prove right 1 -verify -show-ports",
        ],
    )


@pytest.mark.parametrize(("bits_a_cycle", "classes_a_cycle"), [(1, 1), (4, 1), (2, 2), (2, 4)])
def test_two_vectors_of_any_bits_are_counted_right(tmp_path, bits_a_cycle, classes_a_cycle):
    assert "base case for" in prove(tmp_path, bits_a_cycle, classes_a_cycle)


def another_group(design):
    group = design.group.copy()
    group[np.flatnonzero(np.diff(group))[0]] += 1
    return replace(design, group=group)


def another_constant(design):
    constant = design.form.constant.copy()
    constant[1] += 1
    return replace(design, form=replace(design.form, constant=constant))


def another_weight(design):
    column = design.column.copy()
    column[-1, 0] += 1
    return replace(design, column=column)


@pytest.mark.parametrize("change", [another_group, another_constant, another_weight])
def test_a_counter_of_another_design_is_refuted(tmp_path, change):
    refuted(tmp_path, 2, change=change)


def test_an_argmax_that_prefers_the_last_class_is_refuted(tmp_path, monkeypatch):
    monkeypatch.setattr(Argmax, "_upper_wins", lambda _, lower, upper: upper >= lower)
    refuted(tmp_path, 2, 4)


def refuted(folder, *sizes, **change):
    with pytest.raises(ToolFailedError):
        prove(folder, *sizes, **change)
    assert "Called with -verify and proof did fail!" in (folder / "yosys.log").read_text()
