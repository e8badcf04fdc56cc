"""Lemma "normal form": the words of a NormalForm are the scores of the model's readout.

Both are linear forms over nodes of the model's netlist. Their coefficients are added up per class
and node, after nodes that are plainly the same (wires, inverters, constants, equal gates) have
become one, and compared as integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.gates import COMPLEMENT_A, COMPLEMENT_B, FIX_A0, FIX_B0, SWAP, TIE_B_TO_A
from lgncc.hw.readout import score_shape
from lgncc.mapping.design import NormalForm
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.verify.lemma import RefutedError

LEMMA = "normal form"
LARGEST = 1 << 62  # sums below it are exact in int64


@dataclass(frozen=True, eq=False)
class LinearForm:
    """word[c] = constant[c] + sum of coefficient[i] * node[i] over the i with klass[i] = c.

    Sorted by class, then node; a pair of both occurs once and no coefficient is 0.
    """

    klass: Integers
    node: Integers
    coefficient: Integers
    constant: list[int]


def check_normal_form(model: LogicModel, form: NormalForm) -> str:
    """Returns the detail; raises RefutedError."""
    readout, netlist = model.readout, model.netlist
    literal = canonical_literals(netlist)
    score = _linear(
        literal[netlist.outputs[readout.output]],
        readout.klass,
        readout.weight.astype(np.int64),
        readout.bias.tolist(),
    )
    weight = np.left_shift(np.int64(1), form.column.astype(np.int64))
    word = _linear(literal[form.node] ^ form.inverted, form.klass, weight, form.constant.tolist())
    excess = _difference(word, score)
    if readout.kind == "scores":
        _check_scores(readout_width=score_shape(readout).width, form=form, excess=excess)
    else:
        _check_offsets(excess, readout.n_classes)
        _check_range(word, form.width)
    return f"{len(readout.output):,} terms as {len(form.node):,} of {form.width} columns"


def canonical_literals(netlist: Netlist) -> Integers:
    """int64 (n_nodes,): 2 * node + complement of the first node that is plainly the same.

    Constants are 0 and 1. Every step is an identity of one gate: a constant or repeated fanin, a
    wire, an inverter, or a gate with the fanins and the table of an earlier one.
    """
    literal = 2 * np.arange(netlist.n_nodes, dtype=np.int64)
    literal[1] = 1
    if netlist.k != 2 or not netlist.n_gates:  # wider tables only stand for themselves
        return literal
    while True:
        found = _one_round(netlist, literal)
        if np.array_equal(found, literal):
            return literal
        literal = found


def _one_round(netlist: Netlist, literal: Integers) -> Integers:
    table = netlist.table.astype(np.int64)
    a, b = literal[netlist.fanin[:, 0]], literal[netlist.fanin[:, 1]]
    table = np.where(a & 1, COMPLEMENT_A[table], table)
    table = np.where(b & 1, COMPLEMENT_B[table], table)
    a, b = a & ~1, b & ~1
    table = np.where(a == 0, FIX_A0[table], table)
    table = np.where(b == 0, FIX_B0[table], table)
    table = np.where(a == b, TIE_B_TO_A[table], table)
    table = np.where(a > b, SWAP[table], table)
    a, b = np.minimum(a, b), np.maximum(a, b)
    phase = table & 1
    table = np.where(phase, table ^ 0xF, table)

    key = np.stack([a, b, table], axis=1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    first = first[group.reshape(-1)]
    own = 2 * (netlist.first_gate + first) + (phase ^ phase[first])
    # Of the tables whose row 0 is 0: 0 is constant, 0xA the fanin a and 0xC the fanin b.
    found = np.select([table == 0, table == 0xA, table == 0xC], [phase, a + phase, b + phase], own)
    return np.concatenate([literal[: netlist.first_gate], found])


def _linear(literal: Integers, klass: Ids, weight: Integers, bias: list[int]) -> LinearForm:
    """bias[c] + the sum of weight * (the value of literal), added up per class and node."""
    if len(weight) * max(1, int(np.abs(weight).max(initial=0))) >= LARGEST:
        raise RefutedError(LEMMA, f"weights up to {np.abs(weight).max()} are too large to add up")
    # A complement of weight w is w - w * node; literal 1, the constant, is w.
    inverted = literal & 1
    added = np.zeros(len(bias), np.int64)
    np.add.at(added, klass, weight * inverted)
    constant = [own + more for own, more in zip(bias, added.tolist(), strict=True)]
    node = literal >> 1
    signed = np.where(inverted, -weight, weight)
    return _add_up(klass, node, np.where(node == 0, 0, signed), constant)


def _add_up(
    klass: Integers | Ids, node: Integers, coefficient: Integers, constant: list[int]
) -> LinearForm:
    order = np.lexsort((node, klass))
    klass, node, coefficient = klass[order].astype(np.int64), node[order], coefficient[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(klass) != 0) | (np.diff(node) != 0)
    starts = np.flatnonzero(new)
    total = np.add.reduceat(coefficient, starts) if len(starts) else coefficient
    kept = total != 0
    return LinearForm(klass[starts][kept], node[starts][kept], total[kept], constant)


def _difference(ours: LinearForm, theirs: LinearForm) -> LinearForm:
    return _add_up(
        np.concatenate([ours.klass, theirs.klass]),
        np.concatenate([ours.node, theirs.node]),
        np.concatenate([ours.coefficient, -theirs.coefficient]),
        [a - b for a, b in zip(ours.constant, theirs.constant, strict=True)],
    )


def _check_scores(readout_width: int, form: NormalForm, excess: LinearForm) -> None:
    """Every word is its score modulo 2**width, and the width is that of the answer."""
    if form.width != readout_width:
        raise RefutedError(LEMMA, f"words of {form.width} bits; a score has {readout_width}")
    modulus = 1 << form.width
    wrong = np.flatnonzero(excess.coefficient % modulus)
    if len(wrong):
        raise RefutedError(LEMMA, _term(excess, int(wrong[0])))
    for klass, constant in enumerate(excess.constant):
        if constant % modulus:
            raise RefutedError(LEMMA, f"class {klass}: the word has {constant:+} too much")


def _check_offsets(excess: LinearForm, classes: int) -> None:
    """Every word differs from its score by the same linear form."""
    order = np.lexsort((excess.klass, excess.node))
    node, coefficient = excess.node[order], excess.coefficient[order]
    _, first, count = np.unique(node, return_index=True, return_counts=True)
    same = coefficient == np.repeat(coefficient[first], count)
    wrong = np.flatnonzero(~same | np.repeat(count != classes, count))
    if len(wrong):
        others = f"; the other {classes - 1} classes do not all have that"
        raise RefutedError(LEMMA, _term(excess, int(order[wrong[0]])) + others)
    for klass, constant in enumerate(excess.constant):
        if constant != excess.constant[0]:
            found = f"{constant:+} too much, class 0 {excess.constant[0]:+}"
            raise RefutedError(LEMMA, f"class {klass}: the word has {found}")


def _check_range(word: LinearForm, width: int) -> None:
    """Every word is within its width, so that no sum wraps."""
    low, high = (np.zeros(len(word.constant), np.int64) for _ in range(2))
    np.add.at(low, word.klass, np.minimum(word.coefficient, 0))
    np.add.at(high, word.klass, np.maximum(word.coefficient, 0))
    for klass, constant in enumerate(word.constant):
        bottom, top = constant + int(low[klass]), constant + int(high[klass])
        if bottom < 0 or top >= 1 << width:
            raise RefutedError(
                LEMMA, f"class {klass}: the word may be {bottom} to {top}, past {width} bits"
            )


def _term(excess: LinearForm, index: int) -> str:
    return (
        f"class {excess.klass[index]}: the word has {excess.coefficient[index]:+} times "
        f"node {excess.node[index]} of the model too much"
    )
