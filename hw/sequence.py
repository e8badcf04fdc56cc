"""The stream of a core with state: what stands above the features, and whose turn it is.

    i.payload:  | last | first | features, feature 0 lowest |

`first` is 1 where a vector begins a sequence: the state before it is the reset value. Only a core
that answers at the end of sequences has `last`: it gives one answer for a vector with `last`, and
none for any other. Any other core answers every vector.

A core of `sequences` S takes vectors of S sequences by turns: vector k, counted from reset, is of
the sequence in slot k mod S, whose state no other slot sees, and `first` is its own. Where there
are fewer sequences than slots, any vector may stand in the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lgncc.errors import InputError
from lgncc.model import LogicModel

Answering = Literal["each-step", "last-step"]


@dataclass(frozen=True)
class Sequencing:
    """How a core with state takes its sequences. `sequences`: how many take turns."""

    answering: Answering = "each-step"
    sequences: int = 1


EACH_STEP = Sequencing()
"""One sequence, every step of it answered."""


def require_state(model: LogicModel, sequencing: Sequencing) -> None:
    """Raises InputError where anything is asked of the sequences of a model that has none."""
    if sequencing != EACH_STEP and not model.netlist.n_state:
        raise InputError(
            f"--answer {sequencing.answering}, {sequencing.sequences} sequences: the network has "
            "no state, so that every vector is answered by itself; leave both out"
        )


@dataclass(frozen=True)
class SequenceFlags:
    """Which flags there are: a model without state has none, `last` comes with `first` only."""

    first: bool
    last: bool

    @classmethod
    def of(cls, model: LogicModel, answering: Answering = "each-step") -> SequenceFlags:
        has_state = model.netlist.n_state > 0
        return cls(has_state, has_state and answering == "last-step")

    @property
    def width(self) -> int:
        """Bits above the features."""
        return self.first + self.last

    def describe(self, width: int) -> list[str]:
        """Lines on the bits above `width` bits of features."""
        last = "last, 1 where it ends one: no other vector is answered"
        return [
            *[f"bit {width}: first, 1 where the vector begins a sequence"] * self.first,
            *[f"bit {width + 1}: {last}"] * self.last,
        ]

    def first_of(self, payload: Any) -> Any:
        """The flag in a payload, which is an Amaranth value of all its bits; 0 without state."""
        return payload[-self.width] if self.first else 0

    def answered(self, payload: Any) -> Any:
        """Whether the payload's vector is answered."""
        return payload[-1] if self.last else 1


STATELESS = SequenceFlags(first=False, last=False)
