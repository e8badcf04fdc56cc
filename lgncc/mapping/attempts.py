"""Attempts: designs up to their words, of which the best is taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from lgncc.arrays import Bits, Ids
from lgncc.mapping.compressor import Words, compress
from lgncc.mapping.design import NormalForm
from lgncc.mapping.fusion import (
    Known,
    absorbable_gates,
    expanded_gates,
    extend,
    known_nodes,
    map_leaves,
)
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.options import MappingOptions
from lgncc.netlist import Netlist

WORTH_GATES = 100_000  # gates to map in all attempts together, unless one has more


@dataclass(frozen=True, eq=False)
class Attempt:
    """A design up to its words, made by `script` and by absorbing `absorbable` (T,) where that can
    be. n_leaves: the first outputs of `network`, leaves that are built."""

    options: MappingOptions
    script: str
    absorbable: Bits
    network: Netlist
    n_leaves: int
    writer: LutWriter
    ledger: Ledger
    words: Words


def attempts(
    form: NormalForm, front: Netlist, terms: Ids, k: int, options: MappingOptions
) -> Iterator[Attempt]:
    """As many as the options say. terms: the node of `front` of each term."""
    ways = [_of_script(form, front, terms, k, script, options) for script in options.scripts]
    enough = max(1, WORTH_GATES // max(front.n_gates, 1))
    return islice(_in_turn(deque(ways)), options.attempts or enough)


def _in_turn(ways: deque[Iterator[Attempt]]) -> Iterator[Attempt]:
    """One of each, and again, none made before it is asked for."""
    while ways:
        way = ways.popleft()
        for one in way:
            yield one
            ways.append(way)
            break


def _of_script(
    form: NormalForm, front: Netlist, terms: Ids, k: int, script: str, options: MappingOptions
) -> Iterator[Attempt]:
    """Designs that differ in what the readout takes in of the last layer: what ABC leaves for it;
    with and without those that are read elsewhere too, gates of what was built for an attempt
    before, and those of that and more built for them; and gates of gates that few of them read."""

    tried: dict[tuple[bytes, int], Attempt] = {}

    def attempt(absorbable: Bits, below: int = options.expand_below) -> Iterator[Attempt]:
        """Nothing where it was made before."""
        key = absorbable.tobytes(), below if absorbable.any() else 0
        if key in tried:
            return
        network, leaves = map_leaves(form, front, terms, absorbable, below, k, script)
        writer, ledger = LutWriter(network), Ledger()
        words = compress(form, leaves, network.level, writer, ledger, options)
        n_leaves = int((~leaves.absorbed).sum())
        own = replace(options, expand_below=below)
        tried[key] = Attempt(own, script, absorbable, network, n_leaves, writer, ledger, words)
        yield tried[key]

    if options.absorb is not None:
        yield from attempt(options.absorbed(len(terms)))
        return
    yield from attempt(np.zeros(len(terms), np.bool_))
    found = _known(front, tried)
    # What is absorbed with all it expands to leaves the script little to do: one will do.
    expanding = script == options.scripts[0]
    if expanding:
        yield from attempt(expanded_gates(front, terms, k, k), k)
    for read_too in (True, False):
        yield from attempt(absorbable_gates(front, terms, found, read_too=read_too))
        known = _known(front, tried)
        extended = replace(known, built=extend(front, terms, known.built, options.extend_readers))
        yield from attempt(absorbable_gates(front, terms, extended, read_too=read_too))
    if expanding:
        yield from attempt(expanded_gates(front, terms, 2 * k, k), 2 * k)


def _known(front: Netlist, tried: dict[tuple[bytes, int], Attempt]) -> Known:
    """Of the last attempt."""
    last = next(reversed(tried.values()))
    return known_nodes(front, last.network, last.n_leaves)
