"""What a mapped design must compute, built here as gates from the model's definitions alone.

Comparators of an encoder, the cone of some nodes, the class of a vector of words: the parts of
the netlists that proofs compare with. Nothing of the mapper or of the hardware is used.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Bits, Ids
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.gates import A_AND_NOT_B, A_OR_NOT_B, AND, NOT_A, OR, XOR
from lgncc.model import LogicModel
from lgncc.netlist import Netlist


def append_cone(
    builder: NetlistBuilder, netlist: Netlist, roots: Ids, known: Ids, known_as: Ids
) -> Ids:
    """Append what computes `roots` (n,) from the nodes `known`; their ids in the builder (n,).

    known: node ids, all that stand for something outside; known_as: what each is in the builder.
    Where a node is known its gate is not used. A source that is reached and not known is an error.
    """
    given = np.zeros(netlist.n_nodes, np.bool_)
    given[known] = True
    given[:2] = True
    used = _reached(netlist, roots, given)
    assert given[: netlist.first_gate][used[: netlist.first_gate]].all(), "an unknown source"
    ids = np.zeros(netlist.n_nodes, np.int32)
    ids[1] = 1
    ids[known] = known_as
    for level in netlist.by_level():
        live = level[used[level] & ~given[level]]
        gates = live - netlist.first_gate
        ids[live] = builder.luts(netlist.table[gates], ids[netlist.fanin[gates]])
    return ids[roots]


def sources_reached(netlist: Netlist, roots: Ids, cut: Ids) -> Ids:
    """The inputs and state bits on which `roots` depend past the nodes `cut`."""
    given = np.zeros(netlist.n_nodes, np.bool_)
    given[cut] = True
    reached = np.flatnonzero((_reached(netlist, roots, given) & ~given)[2 : netlist.first_gate])
    return (reached + 2).astype(np.int32)


def _reached(netlist: Netlist, roots: Ids, stop: Bits) -> Bits:
    """Nodes on a way to `roots`, no further than those of `stop`, which are among them."""
    used = np.zeros(netlist.n_nodes, np.bool_)
    used[roots] = True
    for ids in reversed(list(netlist.by_level())):
        live = ids[used[ids] & ~stop[ids]]
        used[netlist.fanin[live - netlist.first_gate]] = True
    return used


def source_ids(netlist: Netlist) -> Ids:
    """The ids of inputs and state bits."""
    return np.arange(2, netlist.first_gate, dtype=np.int32)


def exclusive_or(builder: NetlistBuilder, a: Ids, b: Ids) -> Ids:
    """a ^ b, elementwise."""
    return builder.gates(XOR, a, b)


def complement_where(builder: NetlistBuilder, nodes: Ids, inverted: Bits) -> Ids:
    """The nodes, complemented where asked."""
    result = nodes.copy()
    result[inverted] = builder.gates(NOT_A, nodes[inverted], 0)
    return result


def append_encoder(builder: NetlistBuilder, encoder: Encoder, vector: Ids) -> Ids:
    """Network inputs (B,) of the packed input vector (input_width,), feature 0 lowest.

    x > t bit by bit from the lowest: at a bit where t is 0, above if x is 1 or already above;
    where it is 1, above if x is 1 and already above. In two's complement the sign bit counts the
    other way, so there both are complemented.
    """
    first = np.cumsum(encoder.bits) - encoder.bits
    bits, signed = encoder.bits[encoder.feature], encoder.signed[encoder.feature]
    offset = np.where(signed, np.int64(1) << (bits.astype(np.int64) - 1), 0)
    threshold = encoder.threshold + offset
    above: Ids = np.zeros(encoder.n_bits, np.int32)
    for position in range(int(bits.max(initial=0))):
        mine = np.flatnonzero(position < bits)
        x = vector[first[encoder.feature[mine]] + position]
        x = complement_where(builder, x, signed[mine] & (position == bits[mine] - 1))
        one = (threshold[mine] >> position & 1).astype(np.bool_)
        above[mine] = builder.gates(np.where(one, AND, OR), x, above[mine])
    return np.where(threshold < 0, 1, above).astype(np.int32)


def append_step(
    builder: NetlistBuilder, model: LogicModel, roots: Ids, inputs: Ids, state: Ids
) -> Ids:
    """The nodes `roots` of a model's netlist, of the `inputs` of a step and the `state`, which
    counts as its reset values where `first`, the highest input, is 1: ids in the builder."""
    netlist = model.netlist
    features, first = np.split(inputs, [model.encoder.input_width])
    if netlist.n_state:
        begins = np.repeat(first, netlist.n_state)
        reset = netlist.reset.astype(np.int32)  # nodes 0 and 1
        state = _select(builder, begins, reset[:, None], state[:, None])[:, 0]
    known_as = np.concatenate([append_encoder(builder, model.encoder, features), state])
    return append_cone(builder, netlist, roots, source_ids(netlist), known_as)


def append_argmax(builder: NetlistBuilder, words: Ids) -> Ids:
    """The index, lowest bit first, of the largest of the words (C, width); the lowest at a tie.

    Of neighbours the upper one wins only if it is larger. At least one bit, as a payload has.
    """
    index: Ids = np.zeros((len(words), 0), np.int32)
    while len(words) > 1:
        paired = len(words) // 2 * 2
        low, high = words[:paired:2], words[1:paired:2]
        upper_wins: Ids = np.zeros(len(low), np.int32)
        for bit in range(words.shape[1]):
            upper_wins = _larger(builder, high[:, bit], low[:, bit], upper_wins)
        won = _select(builder, upper_wins, high, low)
        won_index = _select(builder, upper_wins, index[1:paired:2], index[:paired:2])
        last = np.concatenate([index[paired:], np.zeros((len(words) - paired, 1), np.int32)], 1)
        index = np.concatenate([np.concatenate([won_index, upper_wins[:, None]], 1), last])
        words = np.concatenate([won, words[paired:]])
    return index[0] if index.shape[1] else np.zeros(1, np.int32)


def _larger(builder: NetlistBuilder, a: Ids, b: Ids, so_far: Ids) -> Ids:
    """a > b, given whether the lower bits are: a where they differ, else `so_far`."""
    only_a = builder.gates(A_AND_NOT_B, a, b)
    at_least = builder.gates(AND, so_far, builder.gates(A_OR_NOT_B, a, b))
    return builder.gates(OR, only_a, at_least)


def _select(builder: NetlistBuilder, choose: Ids, if_set: Ids, if_clear: Ids) -> Ids:
    """if_set (n, w) or if_clear (n, w), by `choose` (n,)."""
    n, width = if_set.shape
    if not width:
        return if_set
    clear, select = if_clear.reshape(-1), np.repeat(choose, width)
    flip = builder.gates(AND, select, builder.gates(XOR, if_set.reshape(-1), clear))
    return builder.gates(XOR, clear, flip).reshape(n, width)
