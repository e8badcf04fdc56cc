"""Encoding features as they arrive: a table that a link walks through instead of keeping them.

The features of an input vector come one after the other. Of each, only the comparisons that the
network reads are kept, a bit each, so that neither the features nor a comparator a threshold take
logic. What is left of the model is one of bits, `split_encoder`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lgncc.arrays import Bits, Integers, Words, freeze
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.host.frames import bytes_for
from lgncc.model import LogicModel

MAX_WIDTH = 16
"""Of a feature in bits: up to here the table is checked value by value."""


@dataclass(frozen=True, eq=False)
class ArrivalTable:
    """Entries in the order of the features, those of a feature in the order of their thresholds.

    An entry makes the next network input, `number >= threshold`, if it is `compared`; behind the
    feature's `last` the next feature's begin. `number` is the feature without a sign: of two's
    complement, the value above its lowest. All features are `feature_bits` wide. A feature that is
    not read has one entry, and so have those that the unused bits of the last byte complete.

    threshold: int64 (n,); compared, last: bool (n,).
    """

    feature_bits: int
    signed: bool
    n_features: int
    threshold: Integers
    compared: Bits
    last: Bits

    def __post_init__(self) -> None:
        freeze(self, threshold=np.int64, compared=np.bool_, last=np.bool_)

    @classmethod
    def of(cls, encoder: Encoder) -> ArrivalTable:
        """The table of an encoder that lgncc.passes.inputs left.

        Raises DesignError where there is none: for features of several or of very wide formats, or
        where the network reads none.
        """
        if encoder.n_bits == 0:
            raise DesignError("encoder on arrival: the network reads no feature")
        if len(np.unique(encoder.bits)) != 1 or len(np.unique(encoder.signed)) != 1:
            raise DesignError("encoder on arrival: the features differ in width or sign")
        width, signed = int(encoder.bits[0]), bool(encoder.signed[0])
        if width > MAX_WIDTH:
            raise DesignError(
                f"encoder on arrival: features of {width} bits; at most {MAX_WIDTH} are built"
            )
        complete = 8 * bytes_for(encoder.input_width) // width
        unread = np.setdiff1d(np.arange(complete), encoder.feature)
        low, _ = encoder.integer_range
        threshold = encoder.threshold - low[encoder.feature] + 1
        feature = np.concatenate([encoder.feature, unread])
        order = np.lexsort([np.concatenate([threshold, 0 * unread]), feature])
        compared = order < encoder.n_bits
        assert (np.diff(order[compared]) > 0).all(), "bits in the order of their arrival"
        return cls(
            feature_bits=width,
            signed=signed,
            n_features=encoder.n_features,
            threshold=np.concatenate([threshold, 0 * unread])[order],
            compared=compared,
            last=np.append(np.diff(feature[order]) != 0, True),
        )

    def __len__(self) -> int:
        return len(self.threshold)

    @property
    def input_width(self) -> int:
        """Bits of the packed features."""
        return self.n_features * self.feature_bits

    @property
    def n_bits(self) -> int:
        """Network inputs."""
        return int(self.compared.sum())

    @property
    def threshold_bits(self) -> int:
        return max(int(self.threshold.max()).bit_length(), 1)

    @property
    def width(self) -> int:
        """Bits of a word."""
        return 2 + self.threshold_bits

    @cached_property
    def words(self) -> Words:
        """uint64 (n,): `last` lowest, `compared`, then the threshold."""
        columns = (self.last, self.compared, self.threshold)
        shifted = [column.astype(np.uint64) << np.uint64(i) for i, column in enumerate(columns)]
        packed: Words = shifted[0] | shifted[1] | shifted[2]
        return packed

    @cached_property
    def busiest_byte(self) -> int:
        """The most entries of the features that one byte completes."""
        feature: Integers = np.cumsum(self.last) - self.last
        byte = ((feature + 1) * self.feature_bits - 1) // 8
        return int(np.bincount(byte).max())


def split_encoder(model: LogicModel) -> tuple[ArrivalTable, LogicModel]:
    """The table of a model that lgncc.passes.inputs left, and the rest of it, whose features are
    the bits that the table makes. Raises DesignError as `ArrivalTable.of` does."""
    table = ArrivalTable.of(model.encoder)
    return table, replace(model, encoder=Encoder.identity(model.encoder.n_bits))
