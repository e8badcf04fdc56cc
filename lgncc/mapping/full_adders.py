"""The plain readout, which compressors are measured by: full-adder trees as gates, for ABC."""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.gates import AND, OR, XOR
from lgncc.mapping.design import NormalForm


def sum_gates(builder: NetlistBuilder, form: NormalForm, bits: Ids) -> Ids:
    """bits: the node (T,) of each term. Returns the words' nodes (C, width), lowest bit first."""
    words = np.zeros((len(form.constant), form.width), np.int32)
    for klass in range(len(words)):
        mine = form.klass == klass
        carries = np.zeros(0, np.int32)
        for column in range(form.width):
            one = np.full(int(form.constant[klass]) >> column & 1, 1, np.int32)
            heap = np.concatenate([bits[mine & (form.column == column)], one, carries])
            words[klass, column], carries = _column(builder, heap)
    return words


def _column(builder: NetlistBuilder, heap: Ids) -> tuple[int, Ids]:
    """The sum bit of a column, and its carries."""
    carries = []
    while len(heap) > 1:
        adders = max(len(heap) // 3, 1)
        a, b, c = np.pad(heap, (0, max(3 - len(heap), 0)))[: 3 * adders].reshape(3, adders)
        half = builder.gates(XOR, a, b)
        heap = np.concatenate([builder.gates(XOR, half, c), heap[3 * adders :]])
        both = builder.gates(AND, a, b)
        carries.append(builder.gates(OR, both, builder.gates(AND, half, c)))
    none = np.zeros(0, np.int32)
    return int(heap[0]) if len(heap) else 0, np.concatenate([none, *carries])
