"""Fusion: which gates of the last layer are never built, because the readout's LUTs take them in.

Three leaves that read at most k nodes between them are added by two LUTs, sum and carry, over those
nodes (`lgncc.mapping.grouping`). Two that read four, x = g(a, b) and y = h(c, d), need the LUT
p = x ^ y: the parity tree takes p, and a carry LUT takes x as g(a, b) where it has an input free.
Either saves two thirds of a LUT and more for each gate, but a, b, c, d have to be built; where they
would not have been, that may cost more. Only the mapper knows, so candidates are tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.arrays import Bits, Ids
from lgncc.gates import XNOR, XOR
from lgncc.golden import Simulator
from lgncc.mapping.abc import map_luts
from lgncc.mapping.compressor import Leaves
from lgncc.mapping.design import NormalForm
from lgncc.mapping.grouping import Grouping
from lgncc.netlist import Netlist

SIGNATURE_WORDS = 32  # 2,048 random samples tell nodes apart well enough for a choice

ENOUGH_READERS = 2


@dataclass(frozen=True, eq=False)
class Fusion:
    """triples: terms to be added at once, int32 (n, 3); x, y: pairs of terms, int32 (m,);
    absorbed: bool (T,), terms whose gate need not be built. x of a pair may be one; y is not
    built either, but only p = x ^ y."""

    triples: Ids
    x: Ids
    y: Ids
    absorbed: Bits


def fuse(form: NormalForm, front: Netlist, node: Ids, built: Bits, roomy: Bits, k: int) -> Fusion:
    """Group the terms; absorbable are gates that read only nodes that are `built`, (n_nodes,).

    front: encoder and network, two-input gates; node: its node (T,) of each term; roomy: bool
    (T,), terms whose LUT is theirs alone and can take in a node more.
    """
    fanin = _fanin(front, node)
    ready = built | (np.arange(front.n_nodes) < front.first_gate)
    absorbable = (node >= front.first_gate) & ready[fanin].all(axis=1)
    group = form.klass.astype(np.int64) * form.width + form.column
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order], prepend=-1))
    triples: list[Ids] = [np.zeros((0, 3), np.int32)]
    pairs: list[Ids] = [np.zeros((0, 2), np.int32)]
    for terms in np.split(order, bounds[1:]) if len(order) else ():
        free = absorbable[terms].tolist()
        reads = [
            frozenset(both if yes else (own,))
            for both, yes, own in zip(
                fanin[terms].tolist(), free, node[terms].tolist(), strict=True
            )
        ]
        groups = Grouping(reads, free, roomy[terms].tolist(), k).run()
        triples.append(terms[np.array(groups.triples, np.int64).reshape(-1, 3)].astype(np.int32))
        pairs.append(terms[np.array(groups.pairs, np.int64).reshape(-1, 2)].astype(np.int32))
    three, two = np.concatenate(triples), np.concatenate(pairs)
    absorbed = np.zeros(len(node), np.bool_)
    absorbed[three.reshape(-1)] = absorbable[three.reshape(-1)]
    absorbed[two[:, 0]] = absorbable[two[:, 0]]
    return Fusion(three, two[:, 0], two[:, 1], absorbed)


def map_leaves(
    form: NormalForm, front: Netlist, node: Ids, fusion: Fusion, k: int, script: str
) -> tuple[Netlist, Leaves]:
    """Encoder and network as LUTs, with every node that the readout reads, and its leaves."""
    x, y, absorbed = fusion.x, fusion.y, fusion.absorbed
    # y = p ^ x, where x is the node of a built x, but an absorbed x with its complement.
    flips = form.inverted[y] ^ (form.inverted[x] & absorbed[x])
    parity = np.where(flips, XNOR, XOR).astype(np.uint64)
    solid = ~absorbed
    solid[y] = False
    p = np.arange(front.n_nodes, front.n_nodes + len(x), dtype=np.int32)
    gates = replace(
        front,
        fanin=np.concatenate([front.fanin, np.stack([node[x], node[y]], axis=1)]),
        table=np.concatenate([front.table, parity]),
        outputs=np.concatenate([node[solid], p, _fanin(front, node[absorbed]).reshape(-1)]),
    )
    network = map_luts(gates, k, script=script)
    of_solid, of_p, of_fanin = np.split(network.outputs, np.cumsum([solid.sum(), len(x)]))
    literal = np.zeros(len(node), np.int64)
    literal[solid] = 2 * of_solid.astype(np.int64) + form.inverted[solid]
    fanin = np.zeros((len(node), 2), np.int64)
    fanin[absorbed] = 2 * of_fanin.reshape(-1, 2).astype(np.int64)
    table = np.zeros(len(node), np.uint64)
    table[absorbed] = front.table[node[absorbed] - front.first_gate]
    table[absorbed & form.inverted] ^= np.uint64(0xF)
    return network, Leaves(literal, absorbed, table, fanin, fusion.triples, x, y, of_p)


def _fanin(front: Netlist, node: Ids) -> Ids:
    """The fanins (n, 2) of gates; of anything else the node itself, twice."""
    gate = node - front.first_gate
    if not front.n_gates:
        return np.stack([node, node], axis=1)
    return np.where(gate[:, None] >= 0, front.fanin[np.maximum(gate, 0)], node[:, None])


def roomy_leaves(network: Netlist, leaves: Leaves) -> Bits:
    """bool (T,): terms that have a LUT for themselves with an input free, or had one: the y of
    built pairs."""
    solid = ~leaves.absorbed
    solid[leaves.y] = False
    node = leaves.literal >> 1
    readers = np.bincount(network.fanin.reshape(-1), minlength=network.n_nodes)
    readers += np.bincount(network.next_state, minlength=network.n_nodes)
    readers += np.bincount(node[solid], minlength=network.n_nodes)
    roomy = solid & (node >= network.first_gate) & (readers[node] == 1)
    gate = node[roomy] - network.first_gate
    roomy[roomy] = (network.fanin[gate] > 1).sum(axis=1) < network.k
    roomy[leaves.y] = ~leaves.absorbed[leaves.x]
    return roomy


def extend(front: Netlist, node: Ids, built: Bits) -> Bits:
    """`built` and every node that two terms' gates lack: it costs a LUT and saves one and a third,
    and two thirds for every further gate. Where many gates lack it, first."""
    gates = np.unique(node[node >= front.first_gate])
    fanin = _fanin(front, gates)
    built = built | (np.arange(front.n_nodes) < front.first_gate)
    while True:
        ready = built[fanin]
        lacking = np.where(ready[:, 0], fanin[:, 1], fanin[:, 0])[ready.sum(axis=1) == 1]
        count = np.bincount(lacking, minlength=front.n_nodes)
        most = int(count.max(initial=0))
        if most < ENOUGH_READERS:
            return built
        built |= count == most


def built_nodes(netlist: Netlist, mapped: Netlist) -> Bits:
    """Which nodes of `netlist` are, up to a complement, nodes of `mapped` as well: bool (n_nodes,).

    By their values on random inputs, which may err: it is for choosing only. Both have the same
    inputs and state.
    """
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 2**64, (netlist.n_inputs, SIGNATURE_WORDS), np.uint64)
    state = rng.integers(0, 2**64, (netlist.n_state, SIGNATURE_WORDS), np.uint64)
    odd = rng.integers(0, 2**64, SIGNATURE_WORDS, np.uint64) | np.uint64(1)
    keys = []
    for one in (netlist, mapped):
        every = replace(one, outputs=np.arange(one.n_nodes, dtype=np.int32), output_names=())
        value, _ = Simulator(every).run(inputs, state)
        value = np.where(value[:, :1] & np.uint64(1), ~value, value)
        keys.append((value * odd).sum(axis=1, dtype=np.uint64))
    return np.isin(keys[0], keys[1]) & (keys[0] != 0)  # what is never seen to change says nothing
