"""Attempts: designs up to their words, of which the best is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

import numpy as np

from lgncc.arrays import Bits, Ids
from lgncc.mapping.compressor import Words, compress
from lgncc.mapping.design import NormalForm
from lgncc.mapping.fusion import absorbable_gates, extend, known_nodes, map_leaves
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.options import MappingOptions
from lgncc.netlist import Netlist

WORTH_GATES = 100_000  # gates to map in all attempts together, unless one has more


@dataclass(frozen=True, eq=False)
class Attempt:
    """A design up to its words, made by `script` and by absorbing `absorbable` (T,) where that can
    be. n_leaves: the first outputs of `network`, leaves that are built."""

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
    in_turn = (one for round_ in zip_longest(*ways) for one in round_ if one is not None)
    enough = max(1, WORTH_GATES // max(front.n_gates, 1))
    return islice(in_turn, options.attempts or enough)


def _of_script(
    form: NormalForm, front: Netlist, terms: Ids, k: int, script: str, options: MappingOptions
) -> Iterator[Attempt]:
    """Designs that differ in what the readout takes in of the last layer: what ABC leaves for it;
    and, with and without those that are read elsewhere too, gates of what was built for an
    attempt before, and those of that and more built for them."""

    def attempt(absorbable: Bits) -> Attempt:
        network, leaves = map_leaves(form, front, terms, absorbable, k, script)
        writer, ledger = LutWriter(network), Ledger()
        words = compress(form, leaves, network.level, writer, ledger, options)
        n_leaves = int((~leaves.absorbed).sum())
        return Attempt(script, absorbable, network, n_leaves, writer, ledger, words)

    if options.absorb is not None:
        yield attempt(options.absorbed(len(terms)))
        return
    first = attempt(np.zeros(len(terms), np.bool_))
    yield first
    found = known_nodes(front, first.network, first.n_leaves)
    for read_too in (False, True):
        made = attempt(absorbable_gates(front, terms, found, read_too=read_too))
        yield made
        known = known_nodes(front, made.network, made.n_leaves)
        extended = replace(known, built=extend(front, terms, known.built, options.extend_readers))
        yield attempt(absorbable_gates(front, terms, extended, read_too=read_too))
