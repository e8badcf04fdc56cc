"""Lemmas that ABC proves: two netlists over the same free variables have equal roots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits
from lgncc.encoder import Encoder
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.verify.equivalence import Equivalence, check_equal, differ_on_random
from lgncc.verify.lemma import Lemma, RefutedError, prove


@dataclass(frozen=True, eq=False)
class Comparison:
    """reference and ours must agree. name: what an output is; describe: a counterexample in
    words; detail: what is shown if they do."""

    lemma: str
    reference: Netlist
    ours: Netlist
    name: Callable[[int], str]
    describe: Callable[[Bits], str]
    detail: str

    def try_random(self) -> None:
        """Raises RefutedError where a few hundred random values show a difference."""
        found = differ_on_random(self.reference, self.ours)
        if found is not None:
            raise self._refuted(found)

    def prove(self) -> Lemma:
        """Raises RefutedError, DesignError where ABC reaches no verdict."""

        def check() -> str:
            found = check_equal(self.reference, self.ours)
            if not found.equal:
                raise self._refuted(found)
            return self.detail

        return prove(self.lemma, check)

    def _refuted(self, found: Equivalence) -> RefutedError:
        assert found.counterexample is not None
        assert found.differing is not None
        others = len(found.differing) - 1
        what = f"{self.name(int(found.differing[0]))} is wrong"
        return RefutedError(
            self.lemma,
            f"{what}{f', and {others} others' if others else ''}, where "
            f"{self.describe(found.counterexample)}",
        )


def describe_step(model: LogicModel, bits: Bits) -> str:
    """A step's input, and state bits after it, in the user's terms."""
    if not model.netlist.n_state:
        return describe_sample(model.encoder, bits)
    width = model.encoder.input_width
    begins = ", in the first step of a sequence" if bits[width] else ""
    return describe_sample(model.encoder, np.delete(bits, width)) + begins


def describe_sample(encoder: Encoder, bits: Bits) -> str:
    """A packed input vector, and state bits after it, in the user's terms."""
    packed, state = np.split(bits, [encoder.input_width])
    stops = np.cumsum(encoder.bits.astype(np.int64))
    integers = [
        sum(1 << i for i in np.flatnonzero(part).tolist()) - (int(signed and part[-1]) << len(part))
        for part, signed in zip(np.split(packed, stops[:-1]), encoder.signed, strict=True)
    ]
    values = np.ldexp(np.array(integers, np.float64), -encoder.fraction.astype(np.int64))
    shown = " ".join(f"{i}={values[i]:g}" for i in np.flatnonzero(values)) or "none"
    at_1 = f" and the state bits at 1: {np.flatnonzero(state).tolist()}" if len(state) else ""
    return f"the features that are not 0 are {shown}{at_1}"
