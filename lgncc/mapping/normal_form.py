"""A readout as words of unsigned bits: each bit once a class and weight, constants apart."""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.gates import BUF_A, BUF_B, CONST0, CONST1, FIX_A0, FIX_B0, NOT_A, NOT_B, TIE_B_TO_A
from lgncc.mapping.design import NormalForm
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.literals import absorb, identity


def normal_form(model: LogicModel) -> NormalForm:
    """The words of `model.readout`; the contract is NormalForm's.

    Constants, wires and inverters are followed to what they carry. The weights of one bit
    in one class are added up, so that duplicates move to higher columns and a bit and its
    complement become a constant. Where only the class is asked for, a weight that most
    classes give to a bit is taken from all. Raises ValueError for a readout of kind
    "bits": it has no words.
    """
    readout = model.readout
    if readout.kind == "bits":
        raise ValueError("a readout of raw bits has no scores")
    literal = wires(model.netlist)[model.netlist.outputs][readout.output]
    weight = readout.weight.astype(np.int64)
    constant = readout.bias.copy()
    # A complemented bit of weight w is w, less w times the bit. Constant 1 is such a bit.
    node, inverted = literal >> 1, literal & 1 == 1
    np.add.at(constant, readout.klass[inverted], weight[inverted])
    real = node > 0
    weight = np.where(inverted, -weight, weight)
    node, klass, weight = _summed(node[real], readout.klass[real], weight[real])
    if readout.kind == "class":
        node, klass, weight = _without_shared(node, klass, weight, readout.n_classes)
    # A bit of negative weight is its complement, less a constant.
    inverted = weight < 0
    np.add.at(constant, klass[inverted], weight[inverted])
    weight = np.abs(weight)
    if readout.kind == "class":
        constant -= constant.min()
        highest = constant.copy()
        np.add.at(highest, klass, weight)
        width = max(int(highest.max()).bit_length(), 1)
    else:
        width = score_width(*readout.score_range)
        constant &= (1 << width) - 1
    term, column = np.nonzero(weight[:, None] >> np.arange(width) & 1)
    order = np.lexsort((node[term], column, klass[term]))
    term, column = term[order], column[order]
    return NormalForm(
        node=node[term].astype(np.int32),
        inverted=inverted[term],
        klass=klass[term].astype(np.int32),
        column=column.astype(np.int32),
        constant=constant,
        width=width,
    )


def score_width(low: int, high: int) -> int:
    """Bits of the narrowest number that holds low .. high, two's complement where low < 0."""
    if low < 0:
        return max((~low).bit_length(), max(high, 0).bit_length()) + 1
    return max(high.bit_length(), 1)


def wires(netlist: Netlist) -> Integers:
    """int64 (n_nodes,): the literal that each node carries, 2 * node + complement.

    Constant 1 is literal 1. A gate is another's literal where it is a constant, a wire or
    an inverter once its fanins are known. Takes k = 2.
    """
    literal = identity(netlist)
    for ids in netlist.by_level():
        gates = ids - netlist.first_gate
        t, a, b = absorb(netlist.table[gates].astype(np.uint8), *literal[netlist.fanin[gates]].T)
        t = np.where(a == 0, FIX_A0[t], t)
        t = np.where(b == 0, FIX_B0[t], t)
        t = np.where(a == b, TIE_B_TO_A[t], t)
        literal[ids] = np.select(
            [t == CONST0, t == CONST1, t == BUF_A, t == NOT_A, t == BUF_B, t == NOT_B],
            [0, 1, 2 * a, 2 * a + 1, 2 * b, 2 * b + 1],
            literal[ids],
        )
    return literal


def _summed(
    node: Integers, klass: Ids | Integers, weight: Integers
) -> tuple[Integers, Integers, Integers]:
    """Each (node, class) once, sorted, with the sum of its weights; none of weight 0."""
    order = np.lexsort((klass, node))
    node, klass, weight = node[order], klass[order].astype(np.int64), weight[order]
    first = np.ones(len(node), np.bool_)
    first[1:] = (np.diff(node) != 0) | (np.diff(klass) != 0)
    starts = np.flatnonzero(first)
    if len(starts):
        weight = np.add.reduceat(weight, starts)
    kept = weight != 0
    return node[starts][kept], klass[starts][kept], weight[kept]


def _without_shared(
    node: Integers, klass: Integers, weight: Integers, n_classes: int
) -> tuple[Integers, Integers, Integers]:
    """Of nodes that more than half of the classes read, the commonest weight taken from all."""
    distinct, count = np.unique(node, return_counts=True)
    shared = distinct[2 * count > n_classes]
    if not len(shared) or n_classes == 1:
        return node, klass, weight
    row = np.searchsorted(shared, node)
    mine = (row < len(shared)) & (shared[np.minimum(row, len(shared) - 1)] == node)
    table = np.zeros((len(shared), n_classes), np.int64)
    table[row[mine], klass[mine]] = weight[mine]
    ordered = np.sort(table, axis=1)
    # The commonest value of a row, if more than half have it, is the one in the middle.
    middle = ordered[:, n_classes // 2]
    table -= np.where((table == middle[:, None]).sum(axis=1) * 2 > n_classes, middle, 0)[:, None]
    at, of = np.nonzero(table)
    return _summed(
        np.concatenate([node[~mine], shared[at]]),
        np.concatenate([klass[~mine], of]),
        np.concatenate([weight[~mine], table[at, of]]),
    )
