"""The space of -O3: knobs of the mapper with their values, and moves from one design to the next.

What is not in it never helped on the networks it was measured on (docs/explanation/search.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lgncc.arrays import Bits
from lgncc.mapping import MappingOptions
from lgncc.mapping.options import pack_terms
from lgncc.search.terms import Terms

VERSION = 1
"""Of the space and the strategy: a journal of another one is not continued."""

PREPARE = ("", "resub; ", "resub; rewrite; ", "&get; &syn3; &put; ", "&get; &syn3; &put; resub; ")
MAP = ("if -K {k}", "if -K {k} -a", "if -K {k} -D 6")
FINISH = ("", "; mfs2 -a -e")
SCRIPTS = tuple(f"strash; {p}{m}{f}" for p in PREPARE for m in MAP for f in FINISH)

KNOBS: dict[str, tuple[Any, ...]] = {
    "script": SCRIPTS,
    "argmax_script": SCRIPTS,
    "extend_readers": (1, 2, 3, 4, 6),
    "expand_below": (0, 2, 3, 4, 6),
    "plain_every": (8, 12, 16, 20, 24, 32, 64),
    "argmax_few": (0, 2, 3, 5),
}
"""What one network's best may be good for on another."""

SEEDS = 1 << 20
KNOB_COST = 4.0
CHANGES = (1, 4, 16)


@dataclass(frozen=True)
class Move:
    """A way from a design to another. cost: makes rare what takes long to map, or has few values
    to try."""

    name: str
    make: Callable[[MappingOptions, np.random.Generator], MappingOptions]
    cost: float = 1.0


class Space:
    """Of one model. terms: None for a readout of bits; max_levels: of every design."""

    def __init__(self, terms: Terms | None, max_levels: int) -> None:
        self._terms = terms
        self._max_levels = max_levels
        knobs = ["script"] if terms is None else [*KNOBS]
        self._knobs = knobs
        self.moves: Sequence[Move] = [
            *(
                Move(name, self._turning(name), cost=KNOB_COST)
                for name in knobs
                if name != "extend_readers"
            ),
            Move("gate_order", self._reorder_gates, cost=KNOB_COST),
            *([] if terms is None else self._fusion_moves(terms)),
            Move("fresh", self._afresh, cost=8.0),
        ]

    def limited(self, options: MappingOptions) -> MappingOptions:
        return replace(options, max_levels=max(self._max_levels, 1))

    def sample(self, rng: np.random.Generator) -> MappingOptions:
        """Each knob at its default or, as often, at any of its values."""
        chosen = {name: _any(KNOBS[name], rng) for name in self._knobs if rng.random() < 0.5}
        return self.limited(MappingOptions(**chosen))

    def merged(self, parent: MappingOptions, children: Sequence[MappingOptions]) -> MappingOptions:
        """What all children changed of their parent, together; of two that changed the same, the
        first one's."""
        best, *others = children
        fields = (*self._knobs, "gate_order", "leaf_orders")
        changes = {name: getattr(best, name) for name in fields}
        chosen = self._chosen(best)
        taken = chosen ^ self._chosen(parent)
        for child in others:
            change = self._chosen(child) ^ self._chosen(parent)
            if not (change & taken).any():
                chosen ^= change
                taken |= change
            for name in fields:
                if changes[name] == getattr(parent, name):
                    changes[name] = getattr(child, name)
        return self.limited(replace(best, **changes, absorb=self._packed(chosen)))

    def _turning(self, name: str) -> Callable[..., MappingOptions]:
        def turn(options: MappingOptions, rng: np.random.Generator) -> MappingOptions:
            others = [value for value in KNOBS[name] if value != getattr(options, name)]
            return self.limited(replace(options, **{name: _any(others, rng)}))

        return turn

    def _reorder_gates(self, options: MappingOptions, rng: np.random.Generator) -> MappingOptions:
        return self.limited(replace(options, gate_order=int(rng.integers(1, SEEDS))))

    def _afresh(self, _options: MappingOptions, rng: np.random.Generator) -> MappingOptions:
        return self.sample(rng)

    def _fusion_moves(self, terms: Terms) -> list[Move]:
        def order(options: MappingOptions, rng: np.random.Generator) -> MappingOptions:
            seeds = np.zeros(terms.n_classes, np.int64)
            seeds[: len(options.leaf_orders)] = options.leaf_orders
            drawn = rng.random(terms.n_classes) < 0.5
            seeds[drawn] = rng.integers(1, SEEDS, int(drawn.sum()))
            return self.limited(replace(options, leaf_orders=tuple(seeds.tolist())))

        def changing(change: Callable[..., Bits], count: int) -> Callable[..., MappingOptions]:
            def move(options: MappingOptions, rng: np.random.Generator) -> MappingOptions:
                chosen = change(self._chosen(options), count, rng)
                return self.limited(replace(options, absorb=self._packed(chosen)))

            return move

        changes = (terms.without_nodes, terms.with_nodes, terms.flipped)
        return [
            Move("leaf_orders", order, cost=KNOB_COST),
            *(
                Move(f"{change.__name__}-{count}", changing(change, count))
                for change in changes
                for count in CHANGES
            ),
        ]

    def _chosen(self, options: MappingOptions) -> Bits:
        count = 0 if self._terms is None else len(self._terms.fanin)
        return options.absorbed(count)

    def _packed(self, chosen: Bits) -> str | None:
        return None if self._terms is None else pack_terms(chosen)


def transferable(options: MappingOptions, first: MappingOptions) -> MappingOptions:
    """The knobs that are not as in -O2's design, `first`, of the same network: all else means
    something for that network only."""
    changed = {name: getattr(options, name) for name in KNOBS}
    return MappingOptions(**{n: v for n, v in changed.items() if v != getattr(first, n)})


def _any(values: Sequence[Any], rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]
