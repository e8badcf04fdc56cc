"""What a compositional proof is made of: lemmas, each proved or refuted by its own check."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lgncc.errors import DesignError
from lgncc.verify.rung import Rung


class RefutedError(DesignError):
    """A lemma does not hold; the message says where, with a counterexample where there is one."""

    def __init__(self, lemma: str, found: str) -> None:
        super().__init__(f"{lemma}: refuted: {found}")
        self.lemma = lemma


@dataclass(frozen=True)
class Lemma:
    """A lemma that was proved. detail: over how much."""

    name: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Proof:
    """The lemmas that together entail what was to be shown."""

    lemmas: tuple[Lemma, ...]

    @property
    def seconds(self) -> float:
        return sum(lemma.seconds for lemma in self.lemmas)

    def lines(self) -> list[str]:
        """One line a lemma."""
        return [f"{lemma.name}: {lemma.detail} ({lemma.seconds:.2f} s)" for lemma in self.lemmas]

    def rung(self, name: str) -> Rung:
        """The proof as a rung of the ladder."""
        detail = "; ".join(f"{lemma.name}: {lemma.detail}" for lemma in self.lemmas)
        return Rung(name, "proved", detail, self.seconds)


def prove(name: str, check: Callable[[], str]) -> Lemma:
    """Run a check, which returns its detail or raises RefutedError."""
    started = time.perf_counter()
    detail = check()
    return Lemma(name, detail, time.perf_counter() - started)
