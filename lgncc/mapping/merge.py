"""Merges: the compressors that a readout is made of, for lookup tables of k inputs.

A column of a popcount is a parity tree with a carry for every two bits it takes in. Bits come
plain or as a pair (x, p = x ^ y), which is one signal of the tree and two bits of the count. One
merge is one LUT of the tree, s = the parity of up to k signals, and one LUT a carry: running from
the first plain bit z through the steps (a pair x, y of plain bits, or an encoded pair x, p),

    carry = majority(parity so far, x, y)   or   p ? parity so far : x

and "parity so far" comes from the signals before the step, or from s and the signals after it,
whichever is fewer. With all LUTs of the tree full, N bits in n signals take (N - 1) / 2 carries
and (n - 1) / (k - 1) LUTs of the tree: at k = 4, 5/3 LUTs a bit removed of plain bits, 4/3 of
pairs, where a full adder takes 2.

An even number of plain bits gives an odd number to sum, and one over, w: s ^ w is then the second
signal of the pair (w, s ^ w), so that nothing is lost. z may be a constant, at no input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

Start = Literal["bit", "zero", "one"]


@dataclass(frozen=True)
class Carry:
    """One carry LUT. slots: the merge's signals that it reads, in the order of its fanins, then
    x of the step as its last fanin; `reads_sum`: it reads s, before all. table: of these fanins.
    """

    reads_sum: bool
    slots: tuple[int, ...]
    table: int

    @property
    def n_fanins(self) -> int:
        return self.reads_sum + len(self.slots) + 1


@dataclass(frozen=True)
class Merge:
    """One shape of merge. Its signals: z unless constant, then per plain step x and y, per
    encoded step p, then w. `sum_table` is over all of them. carries: one a step."""

    start: Start
    steps: str
    with_w: bool
    n_signals: int
    sum_table: int
    carries: tuple[Carry, ...]


@cache
def merge(start: Start, steps: str, with_w: bool) -> Merge:
    """The merge of these steps: `x` for a plain one, `p` for an encoded one."""
    place = int(start == "bit")
    before: tuple[int, ...] = tuple(range(place))  # signals of the parity so far
    places = []
    for step in steps:
        places.append((step, place, before))
        width = 2 if step == "x" else 1
        before += tuple(range(place, place + width))
        place += width
    n = place + with_w
    one = int(start == "one")
    carries = []
    for step, at, prefix in places:
        own = 2 if step == "x" else 1
        suffix = tuple(range(at + own, n))
        # Without the step's own y or p, which is the first fanin after the parity's.
        reads_sum = 1 + len(suffix) < len(prefix)
        parity = suffix if reads_sum else prefix
        slots = (*parity, at + 1 if step == "x" else at)
        carries.append(Carry(reads_sum, slots, _carry_table(step, reads_sum, len(parity), one)))
    sum_table = _table(n, lambda bits: sum(bits) + one)
    return Merge(start, steps, with_w, n, sum_table, tuple(carries))


def _carry_table(step: str, reads_sum: bool, n_parity: int, one: int) -> int:
    """Fanins: s where read, the parity's, then y (or p), then x."""

    def carry(bits: tuple[int, ...]) -> int:
        *parity, second, x = bits
        y = second if step == "x" else second ^ x
        own = x ^ y if reads_sum else one  # s has the constant in it already
        so_far = (sum(parity) + own) % 2
        return so_far if x != y else x

    return _table(reads_sum + n_parity + 2, carry)


def _table(n: int, function: object) -> int:
    assert callable(function)
    rows = (bits[::-1] for bits in product((0, 1), repeat=n))
    return sum((function(bits) & 1) << row for row, bits in enumerate(rows))


@cache
def exclusive_or(table: int, n: int) -> int:
    """The table of n fanins as one of n + 1: its exclusive or with the last."""
    ones = (1 << (1 << n)) - 1
    return table | (table ^ ones) << (1 << n)


@cache
def absorbed(table: int, n: int, inner: int, n_inner: int) -> int:
    """The table of n fanins whose last one is the function `inner` of n_inner new fanins."""
    low = 1 << (n - 1)
    halves = (table & ((1 << low) - 1), table >> low)
    rows = (halves[inner >> row & 1] << (row * low) for row in range(1 << n_inner))
    return sum(rows)
