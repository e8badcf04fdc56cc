"""LogicModel: encoder, netlist and readout, what a checkpoint is lowered to.

Each part is always explicit, so that what the hardware includes is never a matter of
taste. Where a fact came from is written down beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from lgncc.arrays import Ids, Integers, freeze
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.facts import ReadoutKind
from lgncc.netlist import Netlist

Source = Literal["from checkpoint", "given", "derived, exact"]

READOUT_KINDS: tuple[ReadoutKind, ...] = get_args(ReadoutKind)


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a model, and how it is known."""

    name: str
    value: str
    source: Source

    def __str__(self) -> str:
        return f"{self.name}: {self.value} ({self.source})"


@dataclass(frozen=True)
class Provenance:
    """Where a model came from: the family that was read, the file and its digest."""

    frontend: str
    path: str = ""
    sha256: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, eq=False)
class Readout:
    """Output bits to scores and a class.

    score[c] = bias[c] + the sum of weight[t] over the terms t of class c whose output
    bit is 1. The framework's own score is (score + beta) / tau. The class is the one
    with the highest score; the lowest index wins a tie. `bits` has no terms: the
    outputs leave as they are.

    output: int32 (T,), positions in the netlist's outputs; klass: int32 (T,);
    weight: int32 (T,); bias: int64 (C,). Raises InputError where they contradict.
    """

    kind: ReadoutKind
    output: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    klass: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    weight: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    bias: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    tau: float = 1.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        freeze(self, output=np.int32, klass=np.int32, weight=np.int32, bias=np.int64)
        if self.kind not in READOUT_KINDS:
            raise InputError(f"readout: unknown kind {self.kind!r}; one of {READOUT_KINDS}")
        if not self.output.shape == self.klass.shape == self.weight.shape:
            raise InputError("readout: output, klass and weight differ in length")
        if len(self.klass) and not 0 <= self.klass.min() <= self.klass.max() < self.n_classes:
            raise InputError(f"readout: a term names a class outside 0 to {self.n_classes - 1}")
        if self.kind != "bits" and self.n_classes == 0:
            raise InputError("readout: no classes")
        if not self.tau > 0:
            raise InputError(f"readout: tau is {self.tau}; it must be above 0")

    @classmethod
    def bits(cls) -> Readout:
        """Raw outputs, no classes."""
        return cls(kind="bits")

    @classmethod
    def group_sum(
        cls,
        n_outputs: int,
        classes: int,
        *,
        tau: float = 1.0,
        beta: float = 0.0,
        kind: ReadoutKind = "class",
    ) -> Readout:
        """GroupSum of difflogic: outputs in `classes` contiguous groups of one size, class 0 first.

        Raises InputError unless the groups come out even.
        """
        if classes < 1 or n_outputs % classes or n_outputs == 0:
            raise InputError(
                f"GroupSum: {n_outputs} outputs do not divide into {classes} groups of one size"
            )
        return cls(
            kind=kind,
            output=np.arange(n_outputs, dtype=np.int32),
            klass=np.arange(n_outputs, dtype=np.int32) // np.int32(n_outputs // classes),
            weight=np.ones(n_outputs, np.int32),
            bias=np.zeros(classes, np.int64),
            tau=tau,
            beta=beta,
        )

    @property
    def n_classes(self) -> int:
        return len(self.bias)

    @cached_property
    def score_range(self) -> tuple[int, int]:
        """The lowest and the highest integer score that any class can reach."""
        low, high = self.bias.copy(), self.bias.copy()
        np.add.at(low, self.klass, np.minimum(self.weight, 0))
        np.add.at(high, self.klass, np.maximum(self.weight, 0))
        return int(low.min()), int(high.max())


@dataclass(frozen=True, eq=False)
class LogicModel:
    """What is compiled. Raises InputError where the parts do not fit each other."""

    encoder: Encoder
    netlist: Netlist
    readout: Readout
    provenance: Provenance

    def __post_init__(self) -> None:
        if self.encoder.n_bits != self.netlist.n_inputs:
            raise InputError(
                f"model: the encoder makes {self.encoder.n_bits} bits, "
                f"the netlist takes {self.netlist.n_inputs}"
            )
        outputs, positions = len(self.netlist.outputs), self.readout.output
        if len(positions) and not 0 <= positions.min() <= positions.max() < outputs:
            raise InputError(f"model: the readout names an output outside 0 to {outputs - 1}")

    @property
    def step_width(self) -> int:
        """Bits of a step's input: the features packed and, with state, `first` above them, which
        is 1 where a sequence begins."""
        return self.encoder.input_width + (self.netlist.n_state > 0)
