"""Which of the readout's terms share a gate below them: what moves of the search speak of.

A move picks gates, or terms, that it did not pick before, as long as there are any: most changes
are worth one try, and few are worth a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, freeze
from lgncc.builder import to_two_input
from lgncc.mapping.front import front_gates
from lgncc.mapping.normal_form import normal_form
from lgncc.model import LogicModel


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of a model's NormalForm, as the mapper numbers them.

    fanin: int32 (T, 2), the nodes that the gate of each term reads, -1 where a term is no gate.
    first_gate: nodes below it are inputs or state. n_classes: of the readout.
    """

    fanin: Ids
    first_gate: int
    n_classes: int
    _picked: dict[str, set[int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        freeze(self, fanin=np.int32)

    @property
    def gates(self) -> Bits:
        """bool (T,)"""
        found: Bits = self.fanin[:, 0] >= 0
        return found

    def without_nodes(self, chosen: Bits, count: int, rng: np.random.Generator) -> Bits:
        """The chosen terms (T,) without those that read any of `count` gates below them: these need
        not be built."""
        read = self.fanin[chosen & self.gates]
        picked = self._pick("without", read[read >= self.first_gate], count, rng)
        return chosen & ~np.isin(self.fanin, picked).any(axis=1)

    def with_nodes(self, chosen: Bits, count: int, rng: np.random.Generator) -> Bits:
        """The chosen terms (T,) and those that `count` more gates make ready to be taken in."""
        left = self.gates & ~chosen
        if not left.any():
            return chosen
        built = np.arange(self.fanin.max() + 1) < self.first_gate
        built[self.fanin[chosen & self.gates]] = True
        lacking = self.fanin[left]
        built[self._pick("with", lacking[~built[lacking]], count, rng)] = True
        more: Bits = chosen | left & built[self.fanin].all(axis=1)
        return more

    def flipped(self, chosen: Bits, count: int, rng: np.random.Generator) -> Bits:
        """The choice (T,) changed for `count` terms."""
        picked = self._pick("flipped", np.flatnonzero(self.gates), count, rng)
        flipped = chosen.copy()
        flipped[picked] ^= True
        return flipped

    def _pick(
        self, move: str, values: Ids | Integers, count: int, rng: np.random.Generator
    ) -> Integers:
        """At most `count` different ones of the values."""
        picked = self._picked.setdefault(move, set())
        left = [value for value in np.unique(values).tolist() if value not in picked]
        if len(left) < count:
            picked.clear()
            left = np.unique(values).tolist()
        order = rng.permutation(np.array(left, np.int64))
        picked.update(order[:count].tolist())
        return order[:count]


def terms_of(model: LogicModel) -> Terms | None:
    """None for a readout of bits."""
    if model.readout.kind == "bits":
        return None
    model = replace(model, netlist=to_two_input(model.netlist))
    front, node = front_gates(model)
    form = normal_form(model)
    gate = node[form.node] - front.first_gate
    fanin = np.full((len(gate), 2), -1, np.int32)
    fanin[gate >= 0] = front.fanin[gate[gate >= 0]]
    return Terms(fanin, front.first_gate, len(form.constant))
