"""What a core is asked and what it must answer, as the bytes on its ports.

A vector is packed as hw/core.py says: the features first to last, each least significant
bit first; row k of an array here is vector k, bit i of it is bit i % 8 of byte i // 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.facts import ReadoutKind
from lgncc.golden import Predictions
from lgncc.model import LogicModel

Packed = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class AnswerFormat:
    """An answer is `count` fields of `width` bits: one class, the scores, or the bits."""

    kind: ReadoutKind
    count: int
    width: int
    signed: bool

    @classmethod
    def of(cls, model: LogicModel) -> AnswerFormat:
        """Of the core that is built from `model`, the optimized one."""
        from lgncc.hw.readout import score_shape

        readout = model.readout
        if readout.kind == "bits":
            return cls("bits", max(len(model.netlist.outputs), 1), 1, False)
        if readout.kind == "class":
            return cls("class", 1, max((readout.n_classes - 1).bit_length(), 1), False)
        shape = score_shape(readout)
        return cls("scores", readout.n_classes, shape.width, shape.signed)

    @property
    def total_width(self) -> int:
        return self.count * self.width

    def pack(self, predictions: Predictions) -> Packed:
        """The payloads of all answers. Raises DesignError where a score does not fit."""
        if self.kind == "bits":
            bits = np.zeros((len(predictions.bits), self.count), np.bool_)
            bits[:, : predictions.bits.shape[1]] = predictions.bits
            return np.packbits(bits, axis=1, bitorder="little")
        fields = predictions.classes if self.kind == "class" else predictions.scores
        assert fields is not None, "the model reads out what its core does"
        low = -(1 << self.width - 1) if self.signed else 0
        if ((fields < low) | (fields >= low + (1 << self.width))).any():
            sign = "signed" if self.signed else "unsigned"
            raise DesignError(
                f"rtl: refuted: the model's {self.kind} reach from {fields.min()} to "
                f"{fields.max()}; the core gives them {self.width} {sign} bits"
            )
        columns = fields.reshape(len(fields), self.count)
        return _pack_bits(columns, np.full(self.count, self.width))

    def values(self, payload: int) -> list[int]:
        """The fields of one payload."""
        found = [
            payload >> at & (1 << self.width) - 1 for at in range(0, self.total_width, self.width)
        ]
        sign = 1 << self.width - 1 if self.signed else 0
        return [(value ^ sign) - sign for value in found]

    def unpack(self, payloads: Packed) -> npt.NDArray[np.int64]:
        """The fields int64 (n, count) of payloads uint8 (n, bytes)."""
        bits = np.unpackbits(payloads, axis=1, count=self.total_width, bitorder="little")
        fields = bits.reshape(len(payloads), self.count, self.width).astype(np.int64)
        values: npt.NDArray[np.int64] = fields @ (1 << np.arange(self.width, dtype=np.int64))
        sign = 1 << self.width - 1 if self.signed else 0
        return (values ^ sign) - sign

    def difference(self, expected: int, got: int) -> str:
        """For a message: `expected class 3, got 5`; of several fields the first that differs."""
        if self.kind == "class":
            return f"expected class {expected}, got {got}"
        pairs = list(zip(self.values(expected), self.values(got), strict=True))
        name = {"scores": "score of class", "bits": "output bit"}[self.kind]
        differing = [index for index, (ours, theirs) in enumerate(pairs) if ours != theirs]
        if not differing:
            return f"expected payload {expected:#x}, got {got:#x}"
        ours, theirs = pairs[differing[0]]
        return (
            f"expected {ours}, got {theirs} as {name} {differing[0]} "
            f"({len(differing)} of {self.count} differ)"
        )


def pack_samples(encoder: Encoder, x: npt.ArrayLike) -> Packed:
    """Samples x (n, F) as input vectors. Raises InputError where x does not fit the formats."""
    return _pack_bits(encoder.quantize(x), encoder.bits.astype(np.int64))


def pack_sequences(encoder: Encoder, x: npt.NDArray[np.float64], *, last: bool = False) -> Packed:
    """Sequences x (n, steps, F) as input vectors of a core with state, one after the other, with
    the flag `last` only if asked for."""
    n, steps, features = x.shape
    step = np.tile(np.arange(steps), n)
    ends = step == steps - 1 if last else None
    return pack_steps(encoder, x.reshape(n * steps, features), step == 0, ends)


def pack_steps(encoder: Encoder, x: npt.ArrayLike, first: Bits, last: Bits | None = None) -> Packed:
    """Steps x (n, F) as input vectors of a core with state: above the features stand the flags of
    lgncc.hw.sequence, bool (n,)."""
    flags = [first] if last is None else [first, last]
    widths = np.append(encoder.bits.astype(np.int64), np.ones(len(flags), np.int64))
    return _pack_bits(np.column_stack([encoder.quantize(x), *flags]).astype(np.int64), widths)


def by_turns(n: int, steps: int, sequences: int) -> npt.NDArray[np.int64]:
    """The order in which n sequences are taken, so many of them by turns: index `i * steps + step`
    for each vector. Where the last turns would be too few, sequences are repeated."""
    rounds = -(-n // sequences)
    sequence = np.arange(rounds * sequences).reshape(rounds, 1, sequences) % n
    order: npt.NDArray[np.int64] = sequence * steps + np.arange(steps)[:, None]
    return order.reshape(-1)


def _pack_bits(fields: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]) -> Packed:
    """Integers (n, F) of these widths (F,), side by side, in two's complement."""
    starts = np.cumsum(widths) - widths
    within = np.arange(int(widths.sum())) - np.repeat(starts, widths)
    bits: Bits = (np.repeat(fields, widths, axis=1) >> within & 1).astype(np.bool_)
    return np.packbits(bits, axis=1, bitorder="little")
