"""The strategy: which candidates to try next, given what those of earlier generations cost.

Generations have a fixed size and depend on completed ones only, so that the n-th candidate is a
function of the seed and of n, however many workers there are and whoever finishes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lgncc.mapping import MappingOptions
from lgncc.search.candidate import Evaluation
from lgncc.search.space import Space

GENERATION = 16
DRAWS = 8  # of a move, until it makes something new


@dataclass(frozen=True)
class Proposal:
    """origin: the move, the recipe, or what else it came from."""

    origin: str
    options: MappingOptions


@dataclass
class _Yield:
    """What a move has brought."""

    trials: int = 0
    cells: int = 0


class Strategy:
    """One incumbent, and candidates a move away from it. Moves that helped are made more often;
    what helped in different places is put together in the next generation."""

    def __init__(self, space: Space, first: Evaluation, max_levels: int, seed: int) -> None:
        assert first.pinned is not None, "without a first design there is nothing to improve"
        self._space = space
        self._max_levels = max_levels
        self._seed = seed
        self._generation = 0
        self._incumbent, self._rank = first.pinned, first.rank(max_levels)
        self._merge: MappingOptions | None = None
        self._yields = {move.name: _Yield() for move in space.moves}
        self._seen: set[MappingOptions] = set()

    @property
    def best_cells(self) -> int:
        return self._rank[1]

    def propose(self, recipes: Sequence[Proposal] = ()) -> list[Proposal]:
        """The next generation: first `recipes`, then the merge, then moves."""
        rng = np.random.default_rng((self._seed, self._generation))
        made = [Proposal(one.origin, self._space.limited(one.options)) for one in recipes]
        if self._merge is not None and self._merge not in self._seen:
            made.append(Proposal("merge", self._merge))
        weight = np.array(
            [
                (1 + self._yields[move.name].cells)
                / (2 + self._yields[move.name].trials)
                / move.cost
                for move in self._space.moves
            ]
        )
        self._seen.update(one.options for one in made)
        while len(made) < GENERATION:
            move = self._space.moves[int(rng.choice(len(weight), p=weight / weight.sum()))]
            options = move.make(self._incumbent, rng)
            for _ in range(DRAWS):
                if options not in self._seen:
                    break
                options = move.make(self._incumbent, rng)
            self._seen.add(options)
            made.append(Proposal(move.name, options))
        self._generation += 1
        return made

    def learn(self, proposals: Sequence[Proposal], found: Sequence[Evaluation]) -> None:
        """Of a whole generation, in its order."""
        parent, parent_rank = self._incumbent, self._rank
        better: list[tuple[tuple[bool, int, int], int]] = []
        for index, (proposal, one) in enumerate(zip(proposals, found, strict=True)):
            gain = 0
            if one.pinned is not None:
                rank = one.rank(self._max_levels)
                if rank <= self._rank:  # the same cost is a step to the side
                    self._incumbent, self._rank = one.pinned, rank
                if rank < parent_rank:
                    gain = max(parent_rank[1] - rank[1], 0)
                    if proposal.options.absorb == one.pinned.absorb:
                        better.append((rank, index))
            if proposal.origin in self._yields:
                self._yields[proposal.origin].trials += 1
                self._yields[proposal.origin].cells += gain
        self._merge = None
        if len(better) > 1:
            children = [proposals[index].options for _, index in sorted(better)]
            self._merge = self._space.merged(parent, children)
