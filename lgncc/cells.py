"""The update rules of recurrent cells, each written once for whatever carries signals.

A rule wires a few stacks of gate layers into one step. Training runs it on tensors, the
compiler on node ids: both bring the same three operations, an `Algebra`.

    recompute    h' = update
    gated        h' = gate ? h : candidate
    set_reset    h' = set | ~reset & h
    toggle       h' = toggle ^ h
    gru          C' = gate ? C : candidate               h' = readout[out_proj; C']
    lstm         C' = C & forget | input & candidate     h' = readout[out_proj; C']

Stacks read z = [x; h], the features of a step and the last answer; all memories start at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lgncc.gates import A_AND_NOT_B, AND, OR, XOR

T = TypeVar("T")


class Algebra(Protocol[T]):
    """What a rule needs of signals, element by element."""

    def gate(self, table: int, a: T, b: T) -> T: ...

    def mux(self, select: T, if_set: T, if_clear: T) -> T: ...

    def join(self, first: T, second: T) -> T:
        """Side by side."""


class Step(Protocol):
    """(algebra, stacks by name, z, memories) to the answer h' and the next memories.

    The first memory is h, the second, if there is one, C.
    """

    def __call__(
        self,
        algebra: Algebra[T],
        stacks: Mapping[str, Callable[[T], T]],
        z: T,
        memories: tuple[T, ...],
    ) -> tuple[T, tuple[T, ...]]: ...


@dataclass(frozen=True)
class Cell:
    """stacks: their names; memories: how many words of h's width the state has."""

    title: str
    stacks: tuple[str, ...]
    memories: int
    step: Step


def _recompute(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    answer = stacks["update"](z)
    return answer, (answer,)[: len(memories)]  # nothing is kept where there is no memory


def _gated(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    answer = algebra.mux(stacks["gate"](z), memories[0], stacks["candidate"](z))
    return answer, (answer,)


def _set_reset(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    held = algebra.gate(A_AND_NOT_B, memories[0], stacks["reset_net"](z))
    answer = algebra.gate(OR, stacks["set_net"](z), held)
    return answer, (answer,)


def _toggle(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    answer = algebra.gate(XOR, stacks["toggle_net"](z), memories[0])
    return answer, (answer,)


def _gru(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    memory = algebra.mux(stacks["gate"](z), memories[1], stacks["candidate"](z))
    answer = stacks["readout"](algebra.join(stacks["out_proj"](z), memory))
    return answer, (answer, memory)


def _lstm(
    algebra: Algebra[T], stacks: Mapping[str, Callable[[T], T]], z: T, memories: tuple[T, ...]
) -> tuple[T, tuple[T, ...]]:
    kept = algebra.gate(AND, memories[1], stacks["forget"](z))
    written = algebra.gate(AND, stacks["input"](z), stacks["candidate"](z))
    memory = algebra.gate(OR, kept, written)
    answer = stacks["readout"](algebra.join(stacks["out_proj"](z), memory))
    return answer, (answer, memory)


READOUT = "readout"
"""The one stack that does not read z but [out_proj; C'], two words of h's width."""

CELLS: dict[str, Cell] = {
    "recompute": Cell("recompute", ("update",), 1, _recompute),
    "gated": Cell("gated", ("gate", "candidate"), 1, _gated),
    "set_reset": Cell("set/reset latch", ("set_net", "reset_net"), 1, _set_reset),
    "toggle": Cell("toggle", ("toggle_net",), 1, _toggle),
    "gru": Cell("gated with cell state", ("gate", "candidate", "out_proj", READOUT), 2, _gru),
    "lstm": Cell("LSTM", ("forget", "input", "candidate", "out_proj", READOUT), 2, _lstm),
}
