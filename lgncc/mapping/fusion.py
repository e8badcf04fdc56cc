"""Fusion: which gates of the last layer are never built, because the readout's LUTs take them in.

Two gates of one class and column, x = g(a, b) and y = h(c, d), need only the LUT p = x ^ y of a,
b, c and d: the parity tree takes p, and the carry LUT takes x as g(a, b) on an input it has free.
Against both gates built that saves a LUT and a third (a signal of the tree); where a, b, c, d have
to be built for it, it may cost more than that. Only the mapper knows, so candidates are tried.
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
from lgncc.netlist import Netlist

SIGNATURE_WORDS = 4  # 256 random samples tell nodes apart well enough for a choice


@dataclass(frozen=True, eq=False)
class Fusion:
    """Terms that become pairs: x the ghost, y; int32 (n,)."""

    x: Ids
    y: Ids


def fuse(form: NormalForm, front: Netlist, node: Ids, built: Bits) -> Fusion:
    """Pair up the terms whose gates read only nodes that are `built`, bool (n_nodes,).

    front: encoder and network, k = 2; node: its node (T,) of each term.
    """
    reads = _fanin(front, node)
    terms = np.flatnonzero((node >= front.first_gate) & (built | _is_source(front))[reads].all(1))
    group = form.klass[terms].astype(np.int64) * form.width + form.column[terms]
    terms = terms[np.argsort(group, kind="stable")]
    group = np.sort(group, kind="stable")
    first = np.flatnonzero(np.diff(group, prepend=-1))
    rank = np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))
    leads = np.flatnonzero((rank[:-1] % 2 == 0) & (group[:-1] == group[1:]))
    return Fusion(terms[leads].astype(np.int32), terms[leads + 1].astype(np.int32))


def map_leaves(
    form: NormalForm, front: Netlist, node: Ids, fusion: Fusion, k: int, script: str
) -> tuple[Netlist, Leaves]:
    """Encoder and network as LUTs, with every node that the readout reads, and its leaves."""
    x, y = fusion.x, fusion.y
    parity = np.where(form.inverted[x] ^ form.inverted[y], XNOR, XOR).astype(np.uint64)
    plain = np.ones(len(node), np.bool_)
    plain[x] = plain[y] = False
    reads = _fanin(front, node[x])
    p = np.arange(front.n_nodes, front.n_nodes + len(x), dtype=np.int32)
    gates = replace(
        front,
        fanin=np.concatenate([front.fanin, np.stack([node[x], node[y]], axis=1)]),
        table=np.concatenate([front.table, parity]),
        outputs=np.concatenate([node[plain], p, reads.reshape(-1)]),
    )
    network = map_luts(gates, k, script=script)
    of_plain, of_p, of_reads = np.split(
        network.outputs.astype(np.int64), np.cumsum([plain.sum(), len(x)])
    )
    literal = np.zeros(len(node), np.int64)
    literal[plain] = 2 * of_plain + form.inverted[plain]
    table = front.table[node[x] - front.first_gate]
    return network, Leaves(
        literal,
        x=x,
        y=y,
        p=of_p.astype(np.int32),
        ghost=np.ones(len(x), np.bool_),
        table=np.where(form.inverted[x], table ^ np.uint64(0xF), table),
        fanin=2 * of_reads.reshape(-1, 2),
    )


def _fanin(front: Netlist, node: Ids) -> Ids:
    """The fanins (n, 2) of gates; of anything else the node itself, twice."""
    gate = node - front.first_gate
    if not front.n_gates:
        return np.stack([node, node], axis=1)
    return np.where(gate[:, None] >= 0, front.fanin[np.maximum(gate, 0)], node[:, None])


def _is_source(front: Netlist) -> Bits:
    return np.arange(front.n_nodes) < front.first_gate


def built_nodes(netlist: Netlist, mapped: Netlist) -> Bits:
    """Which nodes of `netlist` are, up to a complement, nodes of `mapped` as well: bool (n_nodes,).

    By their values on random inputs, which may err: it is for choosing only. Both have the same
    inputs and state.
    """
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 2**64, (netlist.n_inputs, SIGNATURE_WORDS), np.uint64)
    state = rng.integers(0, 2**64, (netlist.n_state, SIGNATURE_WORDS), np.uint64)
    keys = []
    for one in (netlist, mapped):
        every = replace(one, outputs=np.arange(one.n_nodes, dtype=np.int32), output_names=())
        value, _ = Simulator(every).run(inputs, state)
        value = np.where(value[:, :1] & np.uint64(1), ~value, value)
        # Any fixed mixing of the words does.
        odd = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 1], np.uint64)
        keys.append((value * odd).sum(axis=1, dtype=np.uint64) ^ value[:, 0])
    return np.isin(keys[0], keys[1])
