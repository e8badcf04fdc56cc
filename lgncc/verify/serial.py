"""Rung "mapping" of a class-serial design: what is loaded and counted is the model's readout.

The lemmas: the form is the readout; each term is loaded into places that count for its class and
add up to its weight, and nothing else is loaded; a cycle moves every row down by one. Together:
when all rows have been counted, each class has its word. The counter and the comparison of the
words are hardware (lgncc.hw.row_counter), which simulation covers.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.gates import A_AND_NOT_B, AND, OR
from lgncc.mapping.serial import SerialDesign
from lgncc.netlist import Netlist
from lgncc.verify.comparison import Comparison, describe_step
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.normal_form import LEMMA as NORMAL_FORM
from lgncc.verify.normal_form import check_normal_form
from lgncc.verify.reference import append_cone, append_step, complement_where, source_ids
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
    """A term's places are of its class and add up to its weight; the groups are in order, and
    row 0 is read."""
    form, n_bits = design.form, design.luts.n_state - design.model.netlist.n_state
    if len(design.row) != n_bits or len(design.lane) != n_bits:
        raise RefutedError(ROWS, f"{len(design.row)} places for {n_bits} bits")
    if len(design.place) != len(design.term) or len(np.unique(design.place)) != len(design.place):
        raise RefutedError(ROWS, "two terms share a place")
    _check_groups(design)
    lanes = design.classes_a_cycle * design.bits_a_cycle
    for what, index, limit in (
        ("term", design.term, len(form.node)),
        ("place", design.place, n_bits),
        ("row", design.row, design.rows),
        ("lane", design.lane, lanes),
    ):
        if ((index < 0) | (index >= limit)).any():
            raise RefutedError(ROWS, f"a {what} outside the {limit:,} that there are")
    if len(np.unique(design.row.astype(np.int64) * lanes + design.lane)) != n_bits:
        raise RefutedError(ROWS, "two bits share a place")
    lane, row = design.lane[design.place], design.row[design.place]
    counted_for, klass = design.klass(lane, row), form.klass[design.term]
    if (wrong := np.flatnonzero(counted_for != klass)).size:
        at = wrong[0]
        raise RefutedError(
            ROWS,
            f"term {design.term[at]} counts for class {klass[at]}, its row {row[at]} for "
            f"{counted_for[at]}",
        )
    weight = np.zeros(len(form.node), np.int64)
    column = design.column[row, lane // design.bits_a_cycle].astype(np.int64)
    np.add.at(weight, design.term, np.left_shift(1, column))
    if (wrong := np.flatnonzero(weight != np.left_shift(1, form.column.astype(np.int64)))).size:
        term = wrong[0]
        raise RefutedError(
            ROWS, f"term {term} weighs {1 << form.column[term]}, its places {weight[term]}"
        )
    if not np.array_equal(design.shown, np.flatnonzero(design.row == 0)):
        raise RefutedError(ROWS, "the outputs are not the row that is counted")
    return (
        f"{len(form.node):,} terms in {design.rows:,} rows, {design.bits_a_cycle} of "
        f"{design.classes_a_cycle} in each"
    )


def _check_groups(design: SerialDesign) -> None:
    n_groups = -(-len(design.form.constant) // design.classes_a_cycle)
    steps = np.diff(design.group, prepend=-1, append=n_groups)
    if (steps[1:-1] >> 1).any() or steps[0] != 1 or steps[-1] != 1:
        raise RefutedError(ROWS, "the groups of classes are out of order, or one has no row")
    if design.column.shape != (design.rows, design.classes_a_cycle):
        raise RefutedError(ROWS, f"weights of shape {design.column.shape} for {design.rows} rows")
    if ((design.column < 0) | (design.column >= design.form.width)).any():
        raise RefutedError(ROWS, f"a weight outside the {design.form.width} columns of a score")


def compare_step(design: SerialDesign) -> Comparison:
    """The next state: a step's and the terms where `load` is 1, else the same and the row above."""
    model, luts, form = design.model, design.luts, design.form
    n_own = model.netlist.n_state
    reference = NetlistBuilder(luts.n_inputs, luts.n_state)
    inputs, load = np.split(reference.inputs, [model.step_width])
    state, shift = np.split(reference.state, [n_own])
    roots = np.concatenate([model.netlist.next_state, form.node])
    nodes = append_step(reference, model, roots, inputs, state)
    terms = complement_where(reference, nodes[n_own:], form.inverted)
    loaded = np.zeros(len(shift), np.int32)
    loaded[design.place] = terms[design.term]
    if_load = np.concatenate([nodes[:n_own], loaded])
    if_not = np.concatenate([state, _above(design, shift)])
    stay = reference.gates(A_AND_NOT_B, if_not, load)
    next_state = reference.gates(OR, reference.gates(AND, if_load, load), stay)

    ours = NetlistBuilder(luts.n_inputs, luts.n_state)
    known_as = np.concatenate([ours.inputs, ours.state])
    found = append_cone(ours, luts, luts.next_state, source_ids(luts), known_as)

    def name(root: int) -> str:
        if root < n_own:
            return f"next state {root}"
        bit = root - n_own
        return f"bit {bit} (row {design.row[bit]}, place {design.lane[bit]})"

    return Comparison(
        STEP,
        _combinational(reference, next_state),
        _combinational(ours, found),
        name,
        lambda bits: describe_step(model, np.delete(bits, model.step_width)),
        f"{luts.n_state:,} state bits, loaded or moved down, by ABC",
    )


def _above(design: SerialDesign, shift: Ids) -> Ids:
    """For each bit of the shift register the one a row up in its lane, or constant 0."""
    lanes = design.classes_a_cycle * design.bits_a_cycle
    table = np.zeros((design.rows + 1, lanes), np.int32)
    table[design.row, design.lane] = shift
    above: Ids = table[design.row + 1, design.lane]
    return above


def _combinational(builder: NetlistBuilder, roots: Ids) -> Netlist:
    netlist = builder.finish(roots, next_state=builder.state, reset=np.zeros(len(builder.state)))
    n_inputs = netlist.n_inputs + netlist.n_state
    return Netlist(n_inputs, netlist.fanin, netlist.table, netlist.outputs)
