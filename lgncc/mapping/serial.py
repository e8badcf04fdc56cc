"""The class-serial readout: the last layer's bits in a shift register that counts them out.

A register of the shift register takes `load ? f : next`, and with a last layer of two-input gates
that is one LUT4 and its flip-flop, so that loading costs nothing. Each cycle the lowest
`bits_a_cycle` registers are counted and everything moves down by as many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.arrays import Ids, Integers, freeze
from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.errors import DesignError
from lgncc.gates import A_AND_NOT_B, AND, NOT_A, OR
from lgncc.mapping.abc import map_luts
from lgncc.mapping.design import NormalForm
from lgncc.mapping.front import place_network
from lgncc.mapping.normal_form import normal_form
from lgncc.model import LogicModel
from lgncc.netlist import Netlist


@dataclass(frozen=True, eq=False)
class SerialDesign:
    """A model whose readout is counted out of a shift register.

    luts: inputs: the packed features, then `load`; state: the shift register, in rows of
        `bits_a_cycle`, the row that is counted first lowest; outputs: that row. Where `load` is 1,
        the next state is the readout's terms, else it is the state one row down, zeros coming in
        from above.
    form: the words to count. place: int32 (T,), the state bit that each term is loaded into; all
        others are loaded with 0.
    row: int32 (n_state,), the row of each state bit, and lane: int32 (n_state,), its place there.
    klass, column: int32 (rows,), what each row counts for: 2**column a bit, for that class. Rows
        are in the order of the classes; every class has one.
    """

    model: LogicModel
    luts: Netlist
    bits_a_cycle: int
    form: NormalForm
    place: Ids
    row: Ids
    lane: Ids
    klass: Ids
    column: Ids

    def __post_init__(self) -> None:
        names = ("place", "row", "lane", "klass", "column")
        freeze(self, **dict.fromkeys(names, np.int32))

    @property
    def rows(self) -> int:
        return len(self.klass)


def map_serial(model: LogicModel, bits_a_cycle: int, k: int = 4) -> SerialDesign:
    """Raises DesignError for a model with state or without classes or scores."""
    if model.readout.kind == "bits":
        raise DesignError("class-serial: the model reads out bits; there is nothing to count")
    if model.netlist.n_state:
        raise DesignError(
            f"class-serial: the network has {model.netlist.n_state} state bits; it is built for "
            "stateless networks only"
        )
    model = replace(model, netlist=to_two_input(model.netlist))
    form = normal_form(model)
    place, klass, column = _rows(form, bits_a_cycle)
    exists = np.zeros(len(klass) * bits_a_cycle, np.bool_)
    exists[place] = True
    # What a row holds moves down through the same place of every row below.
    lanes = exists.reshape(-1, bits_a_cycle)
    exists = np.logical_or.accumulate(lanes[::-1])[::-1].reshape(-1)
    register = np.cumsum(exists) - 1

    builder = NetlistBuilder(model.encoder.input_width + 1, int(exists.sum()))
    load = int(builder.inputs[-1])
    node = place_network(builder, model, builder.state[:0])  # without state
    value = np.zeros(len(exists), np.int32)
    value[place] = node[form.node]
    term = place[form.inverted]
    value[term] = builder.gates(NOT_A, value[term], 0)
    above = np.zeros(len(exists), np.int32)
    moved = np.flatnonzero(exists[bits_a_cycle:])
    above[moved] = builder.state[register[moved + bits_a_cycle]]
    loaded = builder.gates(AND, value[exists], load)
    shifted = builder.gates(A_AND_NOT_B, above[exists], load)
    sequential = builder.finish(
        builder.state[: int(exists[:bits_a_cycle].sum())],
        next_state=builder.gates(OR, loaded, shifted),
        reset=np.zeros(len(loaded), np.bool_),
    )
    return SerialDesign(
        model=model,
        luts=map_luts(sequential, k),
        bits_a_cycle=bits_a_cycle,
        form=form,
        place=register[place],
        row=(np.flatnonzero(exists) // bits_a_cycle).astype(np.int32),
        lane=(np.flatnonzero(exists) % bits_a_cycle).astype(np.int32),
        klass=klass,
        column=column,
    )


def _rows(form: NormalForm, bits_a_cycle: int) -> tuple[Integers, Ids, Ids]:
    """The place of each term, row by row, and what each row counts for.

    A row holds terms of one class and column; a class without terms has an empty row.
    """
    key = form.klass.astype(np.int64) * form.width + form.column
    empty = np.setdiff1d(np.arange(len(form.constant)), form.klass) * form.width
    groups, terms = np.unique(np.concatenate([key, empty]), return_counts=True)
    terms[np.isin(groups, empty)] = 0
    rows = np.maximum(-(-terms // bits_a_cycle), 1)
    order = np.argsort(key, kind="stable")
    rank = np.empty(len(key), np.int64)
    rank[order] = np.arange(len(key)) - np.repeat(np.cumsum(terms) - terms, terms)
    first_row = np.cumsum(rows) - rows
    place = first_row[np.searchsorted(groups, key)] * bits_a_cycle + rank
    of_row = np.repeat(groups, rows)
    return place, (of_row // form.width).astype(np.int32), (of_row % form.width).astype(np.int32)
