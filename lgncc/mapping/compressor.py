"""The compressors of a readout: leaves in, one word a class out, and the certificate's books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.mapping.column import Book, Carry, Column, Ghost, Pair, Plain
from lgncc.mapping.design import NormalForm
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.merge import Start, exclusive_or


@dataclass(frozen=True, eq=False)
class Leaves:
    """The terms of a NormalForm as nodes of the mapped network.

    A term is a plain bit, `literal`, or half of a pair. Of each pair (n,): its terms x and y,
    `p` the node of x ^ y, and x: term x's literal, or where `ghost`, the function `table` of
    the literals `fanin` (n, 2).

    literal: int64 (T,), of plain terms and of each x that is not a ghost.
    """

    literal: Integers
    x: Ids
    y: Ids
    p: Ids
    ghost: Bits
    table: Tables
    fanin: Integers

    @classmethod
    def plain(cls, literal: Integers) -> Leaves:
        none = np.zeros(0, np.int32)
        return cls(
            literal,
            x=none,
            y=none,
            p=none,
            ghost=none.astype(np.bool_),
            table=none.astype(np.uint64),
            fanin=np.zeros((0, 2), np.int64),
        )


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


def compress(
    form: NormalForm, leaves: Leaves, level: Ids, luts: LutWriter, ledger: Ledger
) -> Words:
    """Write the compressors of every class. level: int32 (nodes,), of the network's nodes."""
    words = Words(form)
    signals = _leaf_signals(form, leaves, level, ledger, words)
    for klass in range(len(form.constant)):
        arrived: list[Plain | Pair] = []
        for column in range(form.width):
            arrived += signals[klass][column]
            above = signals[klass][column + 1] if column + 1 < form.width else None
            one = int(form.constant[klass]) >> column & 1 == 1
            bit, arrived = _column(arrived, above, one, (klass, column), luts, ledger, words)
            if bit is not None:
                words.bit[klass, column] = bit.bit
                words.literal[klass, column] = bit.literal
    return words


def _leaf_signals(
    form: NormalForm, leaves: Leaves, level: Ids, ledger: Ledger, words: Words
) -> list[list[list[Plain | Pair]]]:
    """The leaves of each class and column, entered in the ledger."""
    signals: list[list[list[Plain | Pair]]] = [
        [[] for _ in range(form.width)] for _ in range(len(form.constant))
    ]
    places = list(zip(form.klass.tolist(), form.column.tolist(), strict=True))
    literals, levels = leaves.literal.tolist(), level.tolist()
    leaf = words.leaf.tolist()
    for index in range(len(leaves.x)):
        x, y, p = (int(ids[index]) for ids in (leaves.x, leaves.y, leaves.p))
        klass, column = places[x]
        if leaves.ghost[index]:
            fanin = tuple(leaves.fanin[index].tolist())
            table = int(leaves.table[index])
            ghost = Ghost(ledger.ghost(table, fanin), table, fanin)
            first, inverted, literal = ghost.node, 0, 0
            late = max(levels[f >> 1] for f in fanin)
        else:
            ghost, literal = None, literals[x]
            first, inverted = literal >> 1, literal & 1
            late = levels[first]
        leaf[x] = ledger.bit(first, inverted, klass, column)
        leaf[y] = ledger.bit(first, p, klass, column)
        signals[klass][column].append(
            Pair(max(levels[p], late), (leaf[x], leaf[y]), 2 * p + inverted, literal, ghost)
        )
    for term, (klass, column) in enumerate(places):
        if leaf[term] < 0:
            literal = literals[term]
            leaf[term] = ledger.bit(literal >> 1, literal & 1, klass, column)
            signals[klass][column].append(Plain(levels[literal >> 1], leaf[term], literal))
    words.leaf[:] = leaf
    return signals


def _column(
    arrived: list[Plain | Pair],
    above: list[Plain | Pair] | None,
    one: bool,
    place: tuple[int, int],
    luts: LutWriter,
    ledger: Ledger,
    words: Words,
) -> tuple[Plain | None, list[Plain | Pair]]:
    """Reduce a column; returns its bit of the word and the signals that it sends up. `above`: the
    leaves of the next column, None where there is none and nothing may be sent."""
    klass, column = place
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
            arrived, carried = _count_up(arrived, constant, place, above is not None, ledger)
            sent += carried
            start = "bit"
    elif count % 2 == 0 and arrived:
        start = "zero"
    work = Column(luts, ledger, klass, column)
    bit = work.reduce(arrived, start, constant)
    if above is not None:
        sent += _send(work.carries, work.books, above, place, luts, ledger)
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
    above: Sequence[Plain | Pair],
    place: tuple[int, int],
    luts: LutWriter,
    ledger: Ledger,
) -> list[Plain | Pair]:
    """Write the carries. One with a free input takes in a plain bit w of the next column and so
    makes a pair (w, w ^ carry) of both. Leaves that become part of a pair leave `above`."""
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
