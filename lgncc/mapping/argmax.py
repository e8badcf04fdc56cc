"""Argmax as gates: a tournament of neighbours, in which only a higher score beats a lower index."""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.gates import AND, OR, XOR


def argmax_gates(builder: NetlistBuilder, words: Ids, few: int) -> Ids:
    """words: nodes (C, width), lowest bit first; few: see MappingOptions. Returns the nodes of the
    index of the first highest word, lowest bit first: as many as C - 1 has bits."""
    n_classes = len(words)
    index = np.zeros((n_classes, 0), np.int32)
    while len(words) > 1:
        pairs = len(words) // 2
        lower, upper = words[0 : 2 * pairs : 2], words[1 : 2 * pairs : 2]
        # Scores arrive lowest bit first, and one comparison in the first rounds waits for them; a
        # later one starts with all bits at hand, and few gates make it shorter.
        wins = (_greater if len(words) > few else _greater_by_twos)(builder, upper, lower)
        # The last comparison is of indices only; their new highest bit says who won.
        values = _choose(builder, wins, upper, lower) if len(words) > 2 else lower[:, :0]
        below = _choose(builder, wins, index[1 : 2 * pairs : 2], index[0 : 2 * pairs : 2])
        bye, bye_index = words[2 * pairs :], index[2 * pairs :]
        index = np.concatenate([below, wins[:, None]], axis=1)
        # Who meets nobody stays as it is, with a highest index bit of 0.
        padded = np.pad(bye_index, ((0, 0), (0, 1)))
        index = np.concatenate([index, padded])
        words = np.concatenate([values, bye[:, : values.shape[1]]])
    return index[0] if n_classes > 1 else np.zeros(0, np.int32)


def _greater(builder: NetlistBuilder, a: Ids, b: Ids) -> Ids:
    """a > b of each row, from the lowest bit up: the higher bit decides where the two differ."""
    above = builder.gates(0x2, a[:, 0], b[:, 0])
    for bit in range(1, a.shape[1]):
        above = _mux(builder, builder.gates(XOR, a[:, bit], b[:, bit]), a[:, bit], above)
    return above


def _greater_by_twos(builder: NetlistBuilder, a: Ids, b: Ids) -> Ids:
    """The same of two bits at a time: half the levels, and a LUT more for each two."""
    above = _greater(builder, a[:, :2], b[:, :2])
    for bit in range(2, a.shape[1], 2):
        digit = slice(bit, bit + 2)
        differ = builder.gates(XOR, a[:, bit], b[:, bit])
        if bit + 1 < a.shape[1]:
            differ = builder.gates(OR, differ, builder.gates(XOR, a[:, bit + 1], b[:, bit + 1]))
        above = _mux(builder, differ, _greater(builder, a[:, digit], b[:, digit]), above)
    return above


def _choose(builder: NetlistBuilder, select: Ids, if_set: Ids, if_clear: Ids) -> Ids:
    """select ? if_set : if_clear, of nodes (n, width)."""
    width = if_set.shape[1]
    if not width:
        return if_set
    chosen = _mux(builder, np.repeat(select, width), if_set.reshape(-1), if_clear.reshape(-1))
    return chosen.reshape(-1, width)


def _mux(builder: NetlistBuilder, select: Ids, if_set: Ids, if_clear: Ids) -> Ids:
    high = builder.gates(AND, select, if_set)
    low = builder.gates(0x4, select, if_clear)
    return builder.gates(0xE, high, low)
