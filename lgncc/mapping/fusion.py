"""Fusion: which gates of the last layer are never built, because the readout's LUTs take them in.

The gate of a leaf can be absorbed where its fanins are LUTs, and does not need to be one then. Its
fanins have to be, and where they would not have been, that may cost more than it saves. Only the
mapper knows, so candidates are tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.arrays import Bits, Ids, Words
from lgncc.golden import Simulator
from lgncc.mapping.abc import map_luts
from lgncc.mapping.compressor import Leaves
from lgncc.mapping.cuts import WIDEST, cuts, expandable
from lgncc.mapping.design import NormalForm
from lgncc.netlist import Netlist
from lgncc.passes.dead import RemoveDead

SIGNATURE_WORDS = 32  # 2,048 random samples tell nodes apart well enough for a choice


def absorbable_gates(front: Netlist, node: Ids, known: Known, *, read_too: bool) -> Bits:
    """bool (T,): the terms, nodes (T,) of `front`, that are gates of built nodes or inputs, and
    that nothing else reads, or those too."""
    ready = known.built | (np.arange(front.n_nodes) < front.first_gate)
    gates: Bits = (node >= front.first_gate) & ready[_fanin(front, node)].all(axis=1)
    return gates if read_too else gates & ~known.read[node]


def expanded_gates(front: Netlist, node: Ids, expand_below: int, k: int) -> Bits:
    """bool (T,): the terms that are gates with a cut of fewer than k nodes, where some fanin is
    expanded for it."""
    gates: Bits = node >= front.first_gate
    expand = expandable(front, node[gates], expand_below)
    if not expand[_fanin(front, node[gates])].any():
        return np.zeros(len(node), np.bool_)
    gates[gates] = 2 + expand[_fanin(front, node[gates])].sum(axis=1) < k
    return gates


def map_leaves(
    form: NormalForm,
    front: Netlist,
    node: Ids,
    absorbable: Bits,
    expand_below: int,
    k: int,
    script: str,
) -> tuple[Netlist, Leaves]:
    """Encoder and network as LUTs, without those that only are a leaf each and leave an input of
    a LUT free: the readout can take them in. `absorbable`: leaves that it is to take in as
    functions of their `cuts`."""
    absorbable = absorbable & (node >= front.first_gate)
    cut = cuts(front, node[absorbable], expand_below, k - 1)
    outputs = np.concatenate([node[~absorbable], cut.node[cut.used]])
    network = map_luts(replace(front, outputs=outputs), k, script=script)
    own = np.zeros(len(node), np.int32)
    n_own = int((~absorbable).sum())
    own[~absorbable], of_cut = network.outputs[:n_own], network.outputs[n_own:]
    absorbed = absorbable | _lone_leaves(network, own, ~absorbable)
    lone = absorbed & ~absorbable

    fanin = np.zeros((len(node), k), np.int32)
    used = np.zeros((len(node), k), np.bool_)
    used[absorbable, :WIDEST] = cut.used
    fanin[used] = of_cut
    fanin[lone] = network.fanin[own[lone] - network.first_gate]
    count = (fanin > 1).sum(axis=1)
    count[absorbable] = cut.count
    table = np.zeros(len(node), np.uint64)
    table[absorbable] = cut.table
    table[lone] = network.table[own[lone] - network.first_gate]
    rows = (np.uint64(1) << (np.uint64(1) << count.astype(np.uint64))) - np.uint64(1)
    table = np.where(absorbed & form.inverted, ~table, table) & rows
    # ABC may have found that a leaf depends on one node only, or on none: then it is a literal.
    always = table == rows
    constant = absorbed & (always | (table == 0))
    wire = absorbed & (count == 1) & ~constant
    flipped = np.where(constant, False, np.where(wire, table == 1, form.inverted))
    own[wire] = fanin[wire, 0]
    own[constant] = always[constant]
    absorbed &= ~wire & ~constant

    used = np.arange(k) < np.where(absorbed, count, 0)[:, None]
    outputs = np.concatenate([own[~absorbed], fanin[used]])
    network = RemoveDead().apply(replace(network, outputs=outputs))
    literal = np.zeros(len(node), np.int64)
    n_own = int((~absorbed).sum())
    literal[~absorbed] = 2 * network.outputs[:n_own].astype(np.int64) + flipped[~absorbed]
    literals = np.zeros((len(node), k), np.int64)
    literals[used] = 2 * network.outputs[n_own:].astype(np.int64)
    return network, Leaves(literal, absorbed, table, literals, np.where(absorbed, count, 0))


def _lone_leaves(network: Netlist, node: Ids, leaves: Bits) -> Bits:
    """bool (T,): the `leaves`, nodes (T,) of `network`, whose LUT nothing else reads and has an
    input free."""
    readers = np.bincount(network.fanin.reshape(-1), minlength=network.n_nodes)
    readers += np.bincount(network.roots, minlength=network.n_nodes)
    lone: Bits = leaves & (node >= network.first_gate) & (readers[node] == 1)
    if not network.n_gates:
        return lone
    fanin = network.fanin[node[lone] - network.first_gate]
    # Constants only after all others, and 0, or the table would have to be reordered.
    read = (fanin > 1).astype(np.int8)
    ordered = (read[:, -1] == 0) & (np.diff(read, axis=1) <= 0).all(axis=1)
    lone[lone] = ordered & (fanin != 1).all(axis=1)
    return lone


def _fanin(front: Netlist, node: Ids) -> Ids:
    """The fanins (n, 2) of gates; of anything else the node itself, twice."""
    gate = node - front.first_gate
    if not front.n_gates:
        return np.stack([node, node], axis=1)
    return np.where(gate[:, None] >= 0, front.fanin[np.maximum(gate, 0)], node[:, None])


@dataclass(frozen=True, eq=False)
class Known:
    """Of a mapping, as nodes of the gates that were mapped, bool (n_nodes,): built, what a LUT or
    an input is, and read, what LUTs or absorbed leaves read of that."""

    built: Bits
    read: Bits


def extend(front: Netlist, node: Ids, built: Bits, readers: int) -> Bits:
    """`built` and every node that the gates of so many terms lack, where most lack it first.

    It costs a LUT. It saves two thirds of a LUT a gate, whose other fanin is there.
    """
    gates = np.unique(node[node >= front.first_gate])
    fanin = _fanin(front, gates)
    built = built | (np.arange(front.n_nodes) < front.first_gate)
    while True:
        ready = built[fanin]
        lacking = np.where(ready[:, 0], fanin[:, 1], fanin[:, 0])[ready.sum(axis=1) == 1]
        count = np.bincount(lacking, minlength=front.n_nodes)
        most = int(count.max(initial=0))
        if most < readers:
            return built
        built |= count == most


def known_nodes(front: Netlist, network: Netlist, n_leaves: int) -> Known:
    """Which nodes of `front` are, up to a complement, nodes of `network`, whose outputs are
    `n_leaves` leaves and then what absorbed leaves read.

    By their values on random inputs, which may err: it is for choosing only.
    """
    read = np.zeros(network.n_nodes, np.bool_)
    read[network.fanin] = True
    read[network.outputs[n_leaves:]] = True
    own, mapped = _signatures(front), _signatures(network)
    changes = own != 0  # what is never seen to change says nothing
    return Known(np.isin(own, mapped) & changes, np.isin(own, mapped[read]) & changes)


def _signatures(netlist: Netlist) -> Words:
    """uint64 (n_nodes,): a hash of each node's values on the same random samples."""
    rng = np.random.default_rng(0)
    shape = (netlist.n_inputs + netlist.n_state, SIGNATURE_WORDS)
    sources = rng.integers(0, 2**64, shape, np.uint64)
    odd = rng.integers(0, 2**64, SIGNATURE_WORDS, np.uint64) | np.uint64(1)
    every = replace(netlist, outputs=np.arange(netlist.n_nodes, dtype=np.int32), output_names=())
    value, _ = Simulator(every).run(sources[: netlist.n_inputs], sources[netlist.n_inputs :])
    value = np.where(value[:, :1] & np.uint64(1), ~value, value)
    signature: Words = (value * odd).sum(axis=1, dtype=np.uint64)
    return signature
