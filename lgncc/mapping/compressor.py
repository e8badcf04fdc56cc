"""The compressors of a readout: leaves in, one word a class out, and the certificate's books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.mapping.column import Book, Carry, Column, Ghost, Leaf, Pair, Plain, Term
from lgncc.mapping.design import NormalForm
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.merge import Start, exclusive_or


@dataclass(frozen=True, eq=False)
class Leaves:
    """The terms of a NormalForm as nodes of the mapped network.

    A term is a literal, or where `absorbed` the function `table` of two literals `fanin`, which
    no LUT of the network is. Terms of a row of `triples` are added at once. Of a pair, x is a
    term like others; y is p ^ x, and no more is said of it.

    literal: int64 (T,); absorbed: bool (T,); table: uint64 (T,); fanin: int64 (T, 2);
    triples: int32 (n, 3); x, y: int32 (m,), terms; p: int32 (m,), nodes.
    """

    literal: Integers
    absorbed: Bits
    table: Tables
    fanin: Integers
    triples: Ids
    x: Ids
    y: Ids
    p: Ids


class Words:
    """What `compress` made: literal int64 (C, width) of each word's bits, constant 0 where there
    is none, and their logical bits (C, width), -1 there; leaf (T,) and constants as in
    Compression."""

    def __init__(self, form: NormalForm) -> None:
        shape = (len(form.constant), form.width)
        self.literal = np.zeros(shape, np.int64)
        self.bit = np.full(shape, -1, np.int32)
        self.leaf = np.full(len(form.node), -1, np.int32)
        self.constants: list[int] = []


class _Leaf(NamedTuple):
    """What waits in a column: single bits, pairs, and triples to be added."""

    signals: list[Plain | Pair]
    triples: list[tuple[Term, Term, Term]]


def compress(
    form: NormalForm, leaves: Leaves, level: Ids, luts: LutWriter, ledger: Ledger
) -> Words:
    """Write the compressors of every class. level: int32 (nodes,), of the network's nodes."""
    words = Words(form)
    columns = _leaf_columns(form, leaves, level.tolist(), ledger, words)
    for klass in range(len(form.constant)):
        arrived: list[Plain | Pair] = []
        for column in range(form.width):
            one = int(form.constant[klass]) >> column & 1 == 1
            last = column + 1 == form.width
            place = (klass, column)
            own = columns[klass][column]
            bit, arrived = _column(arrived, own, one, place, last, luts, ledger, words)
            if bit is not None:
                words.bit[klass, column] = bit.bit
                words.literal[klass, column] = bit.literal
    return words


def _leaf_columns(
    form: NormalForm, leaves: Leaves, levels: list[int], ledger: Ledger, words: Words
) -> list[list[_Leaf]]:
    """The leaves of each class and column, entered in the ledger."""
    columns = [[_Leaf([], []) for _ in range(form.width)] for _ in range(len(form.constant))]
    places = list(zip(form.klass.tolist(), form.column.tolist(), strict=True))
    terms: list[Term] = []
    second = np.full(len(places), -1)
    second[leaves.y] = leaves.x
    for place, literal, absorbed, table, fanin, x in zip(
        places,
        leaves.literal.tolist(),
        leaves.absorbed.tolist(),
        leaves.table.tolist(),
        leaves.fanin.tolist(),
        second.tolist(),
        strict=True,
    ):
        if x >= 0:
            terms.append(Plain(0, -1, 0))  # it is entered with its pair
        elif absorbed:
            ghost = Ghost(ledger.ghost(table, fanin), table, tuple(fanin))
            late = max(levels[fanin[0] >> 1], levels[fanin[1] >> 1])
            terms.append(Leaf(late, ledger.bit(ghost.node, 0, *place), ghost))
        else:
            bit = ledger.bit(literal >> 1, literal & 1, *place)
            terms.append(Plain(levels[literal >> 1], bit, literal))
    words.leaf[:] = [term.bit for term in terms]
    single = np.ones(len(places), np.bool_)
    single[leaves.triples.reshape(-1)] = single[leaves.x] = single[leaves.y] = False
    for index in np.flatnonzero(single).tolist():
        columns[places[index][0]][places[index][1]].signals.append(terms[index])
    for first, *others in leaves.triples.tolist():
        klass, column = places[first]
        columns[klass][column].triples.append((terms[first], *(terms[t] for t in others)))
    for x, y, p in zip(leaves.x.tolist(), leaves.y.tolist(), leaves.p.tolist(), strict=True):
        klass, column = places[x]
        term = terms[x]
        if isinstance(term, Leaf):
            node, inverted, literal, ghost = term.ghost.node, 0, 0, term.ghost
        else:
            node, inverted, literal, ghost = term.literal >> 1, term.literal & 1, term.literal, None
        words.leaf[y] = bit = ledger.bit(node, p, klass, column)
        level = max(levels[p], term.level)
        pair = Pair(level, (term.bit, bit), 2 * p + inverted, literal, ghost)
        columns[klass][column].signals.append(pair)
    return columns


def _column(
    arrived: list[Plain | Pair],
    own: _Leaf,
    one: bool,
    place: tuple[int, int],
    last: bool,
    luts: LutWriter,
    ledger: Ledger,
    words: Words,
) -> tuple[Plain | None, list[Plain | Pair]]:
    """Reduce a column of what came from below and its own leaves; returns its bit of the word and
    the signals that it sends up, none from the last one."""
    klass, column = place
    work = Column(luts, ledger, klass, column)
    arrived = arrived + own.signals + [work.add(triple) for triple in own.triples]
    count = sum(2 if isinstance(signal, Pair) else 1 for signal in arrived)
    start: Start = "bit"
    constant = -1
    sent: list[Plain | Pair] = []
    if one:
        constant = ledger.bit(1, 0, klass, column)
        words.constants.append(constant)
        if not arrived:
            return Plain(0, constant, 2), []
        start = "one"
        if count % 2:
            arrived, carried = _count_up(arrived, constant, place, not last, ledger)
            sent += carried
            start = "bit"
    elif count % 2 == 0 and arrived:
        start = "zero"
    bit = work.reduce(arrived, start, constant)
    if not last:
        sent += _send(work.carries, work.books, place, luts, ledger)
    for book in work.books:
        ledger.block(*book)
    return bit, sent


def _count_up(
    arrived: list[Plain | Pair], one: int, place: tuple[int, int], send: bool, ledger: Ledger
) -> tuple[list[Plain | Pair], list[Plain | Pair]]:
    """A plain bit x and a one are not x, and x a column up: no LUT at all."""
    klass, column = place
    index = min(
        (i for i, s in enumerate(arrived) if isinstance(s, Plain)), key=lambda i: arrived[i].level
    )
    x = arrived[index]
    assert isinstance(x, Plain), "an odd number of bits has one outside pairs"
    node, inverted = x.literal >> 1, x.literal & 1
    flipped = ledger.bit(node, 1 - inverted, klass, column)
    up = ledger.bit(node, inverted, klass, column + 1) if send else -1
    ledger.block([x.bit, one], [flipped, up] if send else [flipped], [])
    rest = [*arrived[:index], Plain(x.level, flipped, x.literal ^ 1), *arrived[index + 1 :]]
    return rest, [Plain(x.level, up, x.literal)] if send else []


def _send(
    carries: Sequence[Carry],
    books: Sequence[Book],
    place: tuple[int, int],
    luts: LutWriter,
    ledger: Ledger,
) -> list[Plain | Pair]:
    """Write the carries. One with a free input takes in a plain bit w of the next column and so
    makes a pair (w, w ^ carry) of both."""
    klass, column = place[0], place[1] + 1
    sent: list[Plain | Pair] = []
    plains: list[Plain] = []
    for carry in sorted(carries, key=lambda c: c.level):
        room = len(carry.literals) < luts.k
        book = books[carry.book]
        if room and plains:
            w = plains.pop()
            table = exclusive_or(carry.table, len(carry.literals))
            node = luts.lut(table, (*carry.literals, w.literal & ~1))
            bit = ledger.bit(node, w.literal >> 1, klass, column)
            level = max(carry.level, w.level + 1)
            sent.append(Pair(level, (w.bit, bit), 2 * node + (w.literal & 1), w.literal, None))
        else:
            node = luts.lut(carry.table, carry.literals)
            bit = ledger.bit(node, 0, klass, column)
            plains.append(Plain(carry.level, bit, 2 * node))
        book.outputs.append(bit)
        book.gates.append(node)
    return sent + plains
