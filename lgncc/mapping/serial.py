"""The class-serial readout: the last layer's bits in a shift register that counts them out.

A register of the shift register takes `load ? f : next`, and with a last layer of two-input gates
that is one LUT4 and its flip-flop, so that loading costs nothing. Each cycle the lowest row is
counted and everything moves down by one row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.arrays import Ids, freeze
from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.errors import DesignError
from lgncc.gates import A_AND_NOT_B, AND, NOT_A, OR
from lgncc.mapping.abc import map_luts
from lgncc.mapping.design import NormalForm
from lgncc.mapping.front import place_step
from lgncc.mapping.normal_form import normal_form
from lgncc.mapping.rows import place_terms, plan_rows
from lgncc.model import LogicModel
from lgncc.netlist import Netlist


@dataclass(frozen=True, eq=False)
class SerialDesign:
    """A model whose readout is counted out of a shift register.

    luts: inputs: those of a step, then `load`; state: the network's, then the shift register;
        outputs: the bits of row 0, in their order. Where `load` is 1, the network takes its step
        and the shift register the readout's terms; else the network's state stays and the shift
        register takes what is one row up, zeros coming in from above.
    form: the words to count. term, place: int32 (P,), terms and the bits of the shift register that
        they are loaded into; all others are loaded with 0.
    row, lane: int32 (S,), the row of each bit of the shift register and its place there: there are
        `bits_a_cycle` for the first class of the row's group, as many for the next one, and so on
        for `classes_a_cycle` classes.
    group: int32 (R,), of each row: classes `classes_a_cycle` * group and up. Rows are in the order
        of the groups; every group has one. column: int32 (R, classes_a_cycle): a bit of that class
        counts 2**column.
    """

    model: LogicModel
    luts: Netlist
    bits_a_cycle: int
    classes_a_cycle: int
    form: NormalForm
    term: Ids
    place: Ids
    row: Ids
    lane: Ids
    group: Ids
    column: Ids

    def __post_init__(self) -> None:
        names = ("term", "place", "row", "lane", "group", "column")
        freeze(self, **dict.fromkeys(names, np.int32))

    @property
    def rows(self) -> int:
        return len(self.group)

    @property
    def shown(self) -> Ids:
        """The bits of the shift register that the outputs are."""
        shown: Ids = self.luts.outputs - self.luts.first_state - self.model.netlist.n_state
        return shown

    def klass(self, lane: Ids, row: Ids) -> Ids:
        """What a bit in that lane of that row counts for."""
        klass: Ids = self.group[row] * self.classes_a_cycle + lane // self.bits_a_cycle
        return klass


def map_serial(
    model: LogicModel, bits_a_cycle: int, classes_a_cycle: int = 1, k: int = 4
) -> SerialDesign:
    """Raises DesignError for a model without classes or scores."""
    if model.readout.kind == "bits":
        raise DesignError("class-serial: the model reads out bits; there is nothing to count")
    model = replace(model, netlist=to_two_input(model.netlist))
    form = normal_form(model)
    rows = plan_rows(form, bits_a_cycle, classes_a_cycle)
    term, row, lane = place_terms(form, rows)
    # What a row holds moves down through the same lane of every row below.
    exists = np.zeros((len(rows), classes_a_cycle * bits_a_cycle), np.bool_)
    exists[row, lane] = True
    exists = np.logical_or.accumulate(exists[::-1])[::-1]
    register = np.cumsum(exists).reshape(exists.shape) - 1

    netlist = model.netlist
    builder = NetlistBuilder(model.step_width + 1, netlist.n_state + int(exists.sum()))
    load = int(builder.inputs[-1])
    state, shift = np.split(builder.state, [netlist.n_state])
    node = place_step(builder, model, state)
    value = node[form.node]
    value[form.inverted] = builder.gates(NOT_A, value[form.inverted], 0)
    loaded = np.zeros(exists.shape, np.int32)
    loaded[row, lane] = value[term]
    above = np.zeros(exists.shape, np.int32)
    above[:-1][exists[1:]] = shift[register[1:][exists[1:]]]
    if_load = np.concatenate([node[netlist.next_state], loaded[exists]])
    if_not = np.concatenate([state, above[exists]])
    sequential = builder.finish(
        shift[: int(exists[0].sum())],
        next_state=builder.gates(
            OR, builder.gates(AND, if_load, load), builder.gates(A_AND_NOT_B, if_not, load)
        ),
        reset=np.zeros(len(if_load), np.bool_),  # `first` sees to that
    )
    where = np.nonzero(exists)
    return SerialDesign(
        model=model,
        luts=map_luts(sequential, k),
        bits_a_cycle=bits_a_cycle,
        classes_a_cycle=classes_a_cycle,
        form=form,
        term=term,
        place=register[row, lane].astype(np.int32),
        row=where[0].astype(np.int32),
        lane=where[1].astype(np.int32),
        group=rows.group,
        column=rows.column,
    )
