"""The compressors of a readout: leaves in, one word a class out, and the certificate's books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Tables
from lgncc.mapping.cells import exclusive_or
from lgncc.mapping.column import Column
from lgncc.mapping.design import NormalForm
from lgncc.mapping.layout import Start
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.options import MappingOptions
from lgncc.mapping.signals import Book, Carry, Ghost, Leaf, Pair, Plain, Term


@dataclass(frozen=True, eq=False)
class Leaves:
    """The terms of a NormalForm as nodes of the mapped network.

    A term is a literal, or where `absorbed` a function that no LUT of the network is: `table` of
    the first `count` literals of `fanin`, fewer than k and none complemented.

    literal: int64 (T,); absorbed: bool (T,); table: uint64 (T,); fanin: int64 (T, k); count:
    int64 (T,).
    """

    literal: Integers
    absorbed: Bits
    table: Tables
    fanin: Integers
    count: Integers


class Words:
    """What `compress` made: literal int64 (C, width) of each word's bits, constant 0 where there
    is none, their LUT levels (C, width), and their logical bits (C, width), -1 where none; leaf
    (T,) and constants as in Compression."""

    def __init__(self, form: NormalForm) -> None:
        shape = (len(form.constant), form.width)
        self.literal = np.zeros(shape, np.int64)
        self.level = np.zeros(shape, np.int64)
        self.bit = np.full(shape, -1, np.int32)
        self.leaf = np.full(len(form.node), -1, np.int32)
        self.constants: list[int] = []


def compress(
    form: NormalForm,
    leaves: Leaves,
    level: Ids,
    luts: LutWriter,
    ledger: Ledger,
    options: MappingOptions,
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
            bit, arrived = _column(arrived, own, one, place, last, luts, ledger, words, options)
            if bit is not None:
                words.bit[klass, column] = bit.bit
                words.literal[klass, column] = bit.literal
                words.level[klass, column] = bit.level
    return words


def _leaf_columns(
    form: NormalForm, leaves: Leaves, levels: list[int], ledger: Ledger, words: Words
) -> list[list[list[Term]]]:
    """The leaves of each class and column, entered in the ledger."""
    columns: list[list[list[Term]]] = [
        [[] for _ in range(form.width)] for _ in range(len(form.constant))
    ]
    for term, (klass, column, literal, absorbed, table, fanin, count) in enumerate(
        zip(
            form.klass.tolist(),
            form.column.tolist(),
            leaves.literal.tolist(),
            leaves.absorbed.tolist(),
            leaves.table.tolist(),
            leaves.fanin.tolist(),
            leaves.count.tolist(),
            strict=True,
        )
    ):
        one: Term
        if absorbed:
            own, read = _of_distinct(table, tuple(fanin[:count]))
            ghost = Ghost(ledger.ghost(own, read), own, read)
            late = max(levels[literal >> 1] for literal in read)
            one = Leaf(late, ledger.bit(ghost.node, 0, klass, column), ghost)
        else:
            bit = ledger.bit(literal >> 1, literal & 1, klass, column)
            one = Plain(levels[literal >> 1], bit, literal)
        words.leaf[term] = one.bit
        columns[klass][column].append(one)
    return columns


def _of_distinct(table: int, read: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The same function of each literal once."""
    once = tuple(dict.fromkeys(read))
    if len(once) == len(read):
        return table, read
    place = [once.index(literal) for literal in read]
    rows = (
        table >> sum((row >> at & 1) << slot for slot, at in enumerate(place)) & 1
        for row in range(1 << len(once))
    )
    return sum(bit << row for row, bit in enumerate(rows)), once


def _column(
    arrived: list[Plain | Pair],
    own: list[Term],
    one: bool,
    place: tuple[int, int],
    last: bool,
    luts: LutWriter,
    ledger: Ledger,
    words: Words,
    options: MappingOptions,
) -> tuple[Plain | None, list[Plain | Pair]]:
    """Reduce a column of what came from below and its own leaves; returns its bit of the word and
    the signals that it sends up, none from the last one."""
    klass, column = place
    count = len(own) + sum(2 if isinstance(signal, Pair) else 1 for signal in arrived)
    start: Start = "bit"
    constant = -1
    sent: list[Plain | Pair] = []
    work = Column(luts, ledger, klass, column)
    own = [own[index] for index in options.leaf_order(klass, column, len(own)).tolist()]
    if one:
        constant = ledger.bit(1, 0, klass, column)
        words.constants.append(constant)
        if not count:
            return Plain(0, constant, 2), []
        start = "one"
        if count % 2:
            if not any(isinstance(signal, Plain) for signal in arrived):
                term = own.pop()
                arrived.append(term if isinstance(term, Plain) else work.build(term))
            arrived, carried = _count_up(arrived, constant, place, not last, ledger)
            sent += carried
            start = "bit"
    elif count % 2 == 0 and count:
        start = "zero"
    bit = work.reduce(arrived, own, start, constant)
    if not last:
        sent += _send(work.carries, work.books, place, luts, ledger, options.plain_every)
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
    plain_every: int,
) -> list[Plain | Pair]:
    """Write the carries. One with a free input takes in a plain bit w of the next column and so
    makes a pair (w, w ^ carry) of both. A few bits stay plain: they start the chains of that
    column, and so many are built at a time."""
    klass, column = place[0], place[1] + 1
    sent: list[Plain | Pair] = []
    plains: list[Plain] = []
    for index, carry in enumerate(sorted(carries, key=lambda c: c.level)):
        room = len(carry.literals) < luts.k
        book = books[carry.book]
        if room and len(plains) > index // plain_every:
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
