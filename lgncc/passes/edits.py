"""Edits of a whole model: nodes with one signature found, gates replaced, readout terms dropped.

What `lgncc.passes.lossy` is made of. Only `tidied` keeps every answer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers, Words
from lgncc.model import LogicModel
from lgncc.passes.dead import RemoveDead
from lgncc.passes.literals import absorb, identity
from lgncc.passes.pipeline import LEVELS, optimize

Floats = npt.NDArray[np.float64]


def signatures(values: Words) -> tuple[Integers, Bits]:
    """Rows of values (n, W) that are equal or complementary, row 0 being the constant 0.

    For each row the literal of the lowest such row, int64 (n,), and bool (n,): whether it is so,
    which hashes alone do not say. Bits beyond the last sample must be 0 in row 0 and in row 1,
    the constant 1, alike: complements are taken by row 1.
    """
    inverted = values[:, 0] & np.uint64(1) == 1
    plain = np.where(inverted[:, None], values ^ values[1], values)
    rng = np.random.default_rng(0)
    odd = rng.integers(0, 2**64, (2, values.shape[1]), np.uint64) | np.uint64(1)
    mixed = plain * odd[0]
    mixed ^= mixed >> np.uint64(32)
    key = (mixed * odd[1]).sum(axis=1, dtype=np.uint64)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    lowest = first[group]
    literal = 2 * lowest.astype(np.int64) + (inverted ^ inverted[lowest])
    return literal, (plain == plain[lowest]).all(axis=1)


def substituted(model: LogicModel, gates: Integers, literals: Integers) -> LogicModel:
    """The model with gates replaced by literals of lower nodes. A term takes a complement in."""
    netlist, readout = model.netlist, model.readout
    literal = identity(netlist)
    literal[gates] = literals
    table, a, b = absorb(netlist.table.astype(np.uint8), *literal[netlist.fanin].T)
    root = literal[netlist.outputs]
    inverted = (root & 1 == 1)[readout.output]
    bias = readout.bias.copy()
    np.add.at(bias, readout.klass[inverted], readout.weight[inverted])
    weight = np.where(inverted, -readout.weight, readout.weight)
    return replace(
        model,
        netlist=replace(
            netlist,
            fanin=np.stack([a, b], axis=1).astype(np.int32),
            table=table.astype(np.uint64),
            outputs=(root >> 1).astype(np.int32),
        ),
        readout=replace(readout, weight=weight, bias=bias),
    )


def without(
    model: LogicModel, terms: Integers, mean: Floats, owed: Floats
) -> tuple[LogicModel, Floats]:
    """The model with terms replaced by their means (T,), and what rounding then owes (C,)."""
    readout = model.readout
    owed = owed.copy()
    np.add.at(owed, readout.klass[terms], readout.weight[terms] * mean[terms])
    whole = np.rint(owed)
    fewer = replace(
        readout,
        output=np.delete(readout.output, terms),
        klass=np.delete(readout.klass, terms),
        weight=np.delete(readout.weight, terms),
        bias=readout.bias + whole.astype(np.int64),
    )
    return replace(model, readout=fewer), owed - whole


def tidied(model: LogicModel) -> LogicModel:
    """The same scores by fewer gates and terms: what is exact and costs nothing.

    Terms of a node become one a class, those of a constant bias. Outputs that no term reads
    stay, as constants: their number is the network's interface.
    """
    netlist = optimize(model, LEVELS[1], prove=False).model.netlist
    readout = model.readout
    node = netlist.outputs[readout.output].astype(np.int64)
    bias = readout.bias.copy()
    np.add.at(bias, readout.klass[node == 1], readout.weight[node == 1])
    real = np.flatnonzero(node > 1)
    pair, where = np.unique(node[real] * len(bias) + readout.klass[real], return_inverse=True)
    weight = np.zeros(len(pair), np.int64)
    np.add.at(weight, where, readout.weight[real])
    pair, weight = pair[weight != 0], weight[weight != 0]
    position = np.zeros(netlist.n_nodes, np.int32)
    position[netlist.outputs[::-1]] = np.arange(len(netlist.outputs), dtype=np.int32)[::-1]
    output = position[pair // len(bias)]
    outputs: Ids = np.zeros_like(netlist.outputs)
    outputs[output] = netlist.outputs[output]
    return replace(
        model,
        netlist=RemoveDead().apply(replace(netlist, outputs=outputs)),
        readout=replace(readout, output=output, klass=pair % len(bias), weight=weight, bias=bias),
    )
