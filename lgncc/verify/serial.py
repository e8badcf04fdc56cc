"""Rung "mapping" of a class-serial design: what is loaded and counted is the model's readout.

The lemmas: the form is the readout; each term is loaded into one place of a row that counts for its
class at its weight, and nothing else is loaded; a cycle moves every row down by one. Together: when
all rows have been counted, each class has its word. The counter and the comparison of the words are
hardware (lgncc.hw.serial_core), which simulation covers.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.gates import A_AND_NOT_B, AND, OR
from lgncc.mapping.serial import SerialDesign
from lgncc.netlist import Netlist
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.normal_form import LEMMA as NORMAL_FORM
from lgncc.verify.normal_form import check_normal_form
from lgncc.verify.reference import append_cone, append_encoder, complement_where, source_ids
from lgncc.verify.rung import Rung

RUNG = "mapping"
ROWS, STEP = "rows", "step"


def check_serial(design: SerialDesign) -> Rung:
    """The rung of the ladder. Raises RefutedError where the design is wrong."""
    lemmas = (
        prove(NORMAL_FORM, lambda: check_normal_form(design.model, design.form)),
        prove(ROWS, lambda: check_rows(design)),
        compare_step(design).prove(),
    )
    return Proof(lemmas).rung(RUNG)


def check_rows(design: SerialDesign) -> str:
    """Every term has a place of its own, in a row of its class and column; row 0 is read."""
    form, rows = design.form, len(design.klass)
    n_state = design.luts.n_state
    if len(design.row) != n_state or len(design.lane) != n_state:
        raise RefutedError(ROWS, f"{len(design.row)} places for {n_state} state bits")
    if len(design.place) != len(form.node) or len(np.unique(design.place)) != len(form.node):
        raise RefutedError(ROWS, "a term has no place of its own")
    where = design.row[design.place]
    wrong = (design.klass[where] != form.klass) | (design.column[where] != form.column)
    if wrong.any():
        term = int(np.argmax(wrong))
        raise RefutedError(
            ROWS,
            f"term {term} counts for class {form.klass[term]} at column {form.column[term]}, its "
            f"row {where[term]} for {design.klass[where[term]]} at {design.column[where[term]]}",
        )
    key = design.row.astype(np.int64) * design.bits_a_cycle + design.lane
    if len(np.unique(key)) != n_state or (np.diff(design.klass) < 0).any():
        raise RefutedError(ROWS, "two state bits share a place, or the classes are out of order")
    if len(np.unique(design.klass)) != len(form.constant):
        raise RefutedError(ROWS, "a class has no row")
    first = design.luts.first_state + np.flatnonzero(design.row == 0)
    if not np.array_equal(np.sort(design.luts.outputs), first):
        raise RefutedError(ROWS, "the outputs are not the row that is counted")
    return f"{len(form.node):,} terms in {rows:,} rows of {design.bits_a_cycle}"


def compare_step(design: SerialDesign) -> Comparison:
    """The next state: the terms where `load` is 1, else the row above."""
    model, luts, form = design.model, design.luts, design.form
    reference = NetlistBuilder(luts.n_inputs, luts.n_state)
    load = int(reference.inputs[-1])
    bits = append_encoder(reference, model.encoder, reference.inputs[:-1])
    terms = append_cone(reference, model.netlist, form.node, source_ids(model.netlist), bits)
    loaded = np.zeros(luts.n_state, np.int32)
    loaded[design.place] = complement_where(reference, terms, form.inverted)
    stay = reference.gates(A_AND_NOT_B, _above(design, reference.state), load)
    next_state = reference.gates(OR, reference.gates(AND, loaded, load), stay)

    ours = NetlistBuilder(luts.n_inputs, luts.n_state)
    known_as = np.concatenate([ours.inputs, ours.state])
    roots = append_cone(ours, luts, luts.next_state, source_ids(luts), known_as)
    return Comparison(
        STEP,
        _combinational(reference, next_state),
        _combinational(ours, roots),
        lambda root: f"state bit {root} (row {design.row[root]}, place {design.lane[root]})",
        lambda found: describe_sample(model.encoder, found),
        f"{luts.n_state:,} state bits, loaded or moved down, by ABC",
    )


def _above(design: SerialDesign, state: Ids) -> Ids:
    """For each state bit the one a row up in its lane, constant 0 where there is none."""
    rows = len(design.klass)
    table = np.zeros((rows + 1, design.bits_a_cycle), np.int32)
    table[design.row, design.lane] = state
    above: Ids = table[design.row + 1, design.lane]
    return above


def _combinational(builder: NetlistBuilder, roots: Ids) -> Netlist:
    netlist = builder.finish(roots, next_state=builder.state, reset=np.zeros(len(builder.state)))
    n_inputs = netlist.n_inputs + netlist.n_state
    return Netlist(n_inputs, netlist.fanin, netlist.table, netlist.outputs)
