"""Rung "encoder": the table that encodes features as they arrive makes the encoder's bits.

The words of the table are executed for every value that a feature can have, all features together,
and compared with the golden encoder, value by value. The component that walks through the table is
hardware (lgncc.hw.arrival), which simulation covers.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.arrival import ArrivalTable
from lgncc.encoder import Encoder
from lgncc.host.frames import bytes_for
from lgncc.model import LogicModel
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.models import prove_same_model
from lgncc.verify.rung import Rung

RUNG = "encoder"
ENTRIES, VALUES = "entries", "values"
BLOCK_BITS = 1 << 24  # of network inputs that are computed at once


def check_arrival(model: LogicModel, pruned: LogicModel, table: ArrivalTable) -> Rung:
    """The rung of the ladder: the table is that of `pruned`, which answers as `model`.

    Raises RefutedError where not.
    """
    encoder = pruned.encoder
    lemmas = (
        prove_same_model(model, pruned),
        prove(ENTRIES, lambda: check_entries(encoder, table)),
        prove(VALUES, lambda: check_values(encoder, table)),
    )
    return Proof(lemmas).rung(RUNG)


def check_entries(encoder: Encoder, table: ArrivalTable) -> str:
    """There are entries for as many features as the bytes of a vector complete, and each network
    input is made, in its place among those of the features before."""
    width = table.feature_bits
    if (encoder.bits != width).any() or (encoder.signed != table.signed).any():
        raise RefutedError(ENTRIES, f"features are not all {width} bits wide, or of another sign")
    completed = 8 * bytes_for(encoder.input_width) // width
    last = (table.words & np.uint64(1)).astype(np.bool_)
    if last.sum() != completed or not last[-1]:
        raise RefutedError(
            ENTRIES, f"there are ends of {last.sum()} features; the bytes have {completed}"
        )
    if not np.array_equal(_features(table)[_compared(table)], encoder.feature):
        raise RefutedError(ENTRIES, "the network's inputs are not those of the table, in its order")
    return f"{len(table):,} for {encoder.n_features:,} features"


def check_values(encoder: Encoder, table: ArrivalTable) -> str:
    """Each network input, for each value of its feature."""
    low, high = (int(bound[0]) for bound in encoder.integer_range)
    rows = max(BLOCK_BITS // encoder.n_bits, 1)
    for start in range(low, high + 1, rows):
        values = np.arange(start, min(start + rows, high + 1))
        integers = np.repeat(values[:, None], encoder.n_features, axis=1)
        expected = encoder.encode(integers)
        wrong = execute(table, integers) != expected
        if wrong.any():
            row, bit = (int(index) for index in np.argwhere(wrong)[0])
            raise RefutedError(
                VALUES,
                f"feature {encoder.feature[bit]} at {values[row]}: network input {bit} is "
                f"{int(expected[row, bit])}, the table makes it {int(not expected[row, bit])}",
            )
    return f"{encoder.n_bits:,} network inputs, all {high - low + 1:,} values of a feature"


def execute(table: ArrivalTable, integers: Integers) -> Bits:
    """The network inputs (n, B) that the words make of features (n, F) at their formats."""
    compared = _compared(table)
    threshold = (table.words >> np.uint64(2)).astype(np.int64)[compared]
    sign = 1 << (table.feature_bits - 1) if table.signed else 0
    made: Bits = integers[:, _features(table)[compared]] + sign >= threshold
    return made


def _features(table: ArrivalTable) -> Integers:
    """The feature of each word: a new one begins behind each `last`."""
    last = (table.words & np.uint64(1)).astype(np.int64)
    feature: Integers = np.cumsum(last) - last
    return feature


def _compared(table: ArrivalTable) -> Bits:
    compared: Bits = table.words >> np.uint64(1) & np.uint64(1) == 1
    return compared
