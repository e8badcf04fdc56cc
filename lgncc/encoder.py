"""Encoder: raw features to network inputs, as exact comparisons of fixed-point integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers, freeze
from lgncc.errors import InputError

MAX_FEATURE_BITS = 32


@dataclass(frozen=True, eq=False)
class Encoder:
    """Thermometer: network input j is `integer(feature[j]) > threshold[j]`, strictly.

    A feature is a fixed-point number of `bits` bits (two's complement where `signed`)
    with `fraction` of them behind the point; its integer is the value times
    2**fraction. Thresholds are integers of that format, so the comparison is exact.

    bits: int16 (F,); signed: bool (F,); fraction: int16 (F,); feature: int32 (B,);
    threshold: int64 (B,). Raises InputError where they contradict each other.
    """

    bits: npt.NDArray[np.int16]
    signed: Bits
    fraction: npt.NDArray[np.int16]
    feature: Ids
    threshold: Integers

    def __post_init__(self) -> None:
        freeze(
            self,
            bits=np.int16,
            signed=np.bool_,
            fraction=np.int16,
            feature=np.int32,
            threshold=np.int64,
        )
        if not self.bits.shape == self.signed.shape == self.fraction.shape:
            raise InputError(
                f"encoder: {self.bits.shape} widths, {self.signed.shape} signs and "
                f"{self.fraction.shape} fractions; each feature has one of each"
            )
        if self.feature.shape != self.threshold.shape:
            raise InputError(
                f"encoder: {len(self.feature)} bits but {len(self.threshold)} thresholds"
            )
        wrong = (self.feature < 0) | (self.feature >= self.n_features)
        if wrong.any():
            bit = int(np.argmax(wrong))
            raise InputError(
                f"encoder: bit {bit} reads feature {self.feature[bit]} of {self.n_features}"
            )
        wrong = (self.bits < 1) | (self.bits > MAX_FEATURE_BITS)
        if wrong.any():
            index = int(np.argmax(wrong))
            raise InputError(
                f"encoder: feature {index} is {self.bits[index]} bits wide; "
                f"1 to {MAX_FEATURE_BITS} are possible"
            )
        # Past either end the bit is constant; clipping keeps that and fits the format.
        low, high = (bound[self.feature] for bound in self.integer_range)
        object.__setattr__(self, "threshold", np.clip(self.threshold, low - 1, high))
        self.threshold.setflags(write=False)

    @classmethod
    def identity(cls, n_bits: int) -> Encoder:
        """For models that take bits: feature j is one bit, and network input j."""
        return cls.uniform(n_bits, bits=1, feature=np.arange(n_bits), threshold=np.zeros(n_bits))

    @classmethod
    def uniform(
        cls,
        n_features: int,
        *,
        bits: int,
        feature: npt.ArrayLike,
        threshold: npt.ArrayLike,
        signed: bool = False,
        fraction: int = 0,
    ) -> Encoder:
        """One format for all features; real thresholds are folded into it exactly.

        A representable value v is above t exactly where its integer is above
        floor(t * 2**fraction), so `x > 0.5` of an integer is `x > 0`.
        """
        real = np.asarray(threshold, np.float64)
        if np.isnan(real).any():
            raise InputError(f"encoder: threshold {int(np.argmax(np.isnan(real)))} is NaN")
        past_any_end = 2.0 ** (MAX_FEATURE_BITS + 1)
        with np.errstate(over="ignore"):  # infinity is past the end too
            folded = np.clip(np.floor(np.ldexp(real, fraction)), -past_any_end, past_any_end)
        return cls(
            bits=np.full(n_features, bits, np.int16),
            signed=np.full(n_features, signed),
            fraction=np.full(n_features, fraction, np.int16),
            feature=np.asarray(feature, np.int32),
            threshold=folded.astype(np.int64),
        )

    @property
    def n_features(self) -> int:
        return len(self.bits)

    @property
    def n_bits(self) -> int:
        """Network inputs that the encoder drives."""
        return len(self.feature)

    @property
    def input_width(self) -> int:
        """Bits of one packed input vector: the features, first one lowest."""
        return int(self.bits.sum())

    @cached_property
    def is_identity(self) -> bool:
        return bool(
            self.n_bits == self.n_features
            and (self.bits == 1).all()
            and not self.signed.any()
            and not self.fraction.any()
            and not self.threshold.any()
            and np.array_equal(self.feature, np.arange(self.n_bits))
        )

    @cached_property
    def integer_range(self) -> tuple[Integers, Integers]:
        """The lowest and the highest integer (F,) of each feature's format."""
        return _integer_range(self.bits.astype(np.int64), self.signed)

    def check(self, x: npt.NDArray[Any]) -> None:
        """Raises InputError unless x is numbers of shape (n, F)."""
        if x.dtype.kind not in "biuf":
            raise InputError(f"data: features have dtype {x.dtype}; numbers are needed")
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise InputError(f"data: x has shape {x.shape}; the model takes (n, {self.n_features})")

    def quantize(self, x: npt.ArrayLike, *, first_sample: int = 0) -> Integers:
        """Feature values (n, F) as the integers of their formats.

        Raises InputError for a value that its format cannot represent: rounding it
        would be a silent guess. first_sample is what errors call the first row.
        """
        values = np.asarray(x)
        self.check(values)
        if values.dtype == np.bool_:
            values = values.view(np.uint8)
        scaled = values
        if self.fraction.any():
            with np.errstate(over="ignore"):  # infinity is out of range too
                scaled = np.ldexp(values.astype(np.float64), self.fraction.astype(np.int64))
        low, high = self.integer_range
        # One number a feature, and NaN is neither: a mask of all values only where it fails.
        if len(scaled) and ((scaled.min(axis=0) >= low) & (scaled.max(axis=0) <= high)).all():
            integers = scaled.astype(np.int64)
            if scaled.dtype.kind != "f" or np.array_equal(integers, scaled):
                return integers
        wrong = ~((scaled == np.floor(scaled)) & (scaled >= low) & (scaled <= high))
        if wrong.any():
            sample, index = (int(i) for i in np.argwhere(wrong)[0])
            raise InputError(
                f"data: sample {first_sample + sample} has {values[sample, index]} in feature "
                f"{index}, which {self.format_name(index)} cannot represent; "
                "scale or quantize the data as it was for training"
            )
        return scaled.astype(np.int64)

    def encode(self, integers: Integers) -> Bits:
        """Quantized features (n, F) to network inputs bool (n, B)."""
        return integers[:, self.feature] > self.threshold

    def format_name(self, index: int) -> str:
        """`u5`, `s8`, or with a fraction `u8.4`: 8 bits, 4 of them behind the point."""
        fraction = f".{self.fraction[index]}" if self.fraction[index] else ""
        return f"{'s' if self.signed[index] else 'u'}{self.bits[index]}{fraction}"


def _integer_range(bits: int | Integers, signed: bool | Bits) -> tuple[Integers, Integers]:
    span = np.left_shift(np.int64(1), np.asarray(bits, np.int64))
    low = np.where(signed, -(span // 2), 0)
    return low, low + span - 1
