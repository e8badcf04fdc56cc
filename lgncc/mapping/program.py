"""The program of a gate processor: what the `folded` architecture runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Integers, Words, freeze

WRITE_TO_READ = 2
"""Instructions from one that writes a node to the first that may read it."""

WORD_BITS = 64


class Op(IntEnum):
    """What an instruction does with `value = table(node[a], node[b])` or with its immediate."""

    NOP = 0
    GATE = 1  # node[dst] = value
    LOAD = 2  # node[dst] = feature > immediate; then, where table is THEN_NEXT, the next feature
    NEXT = 3  # the next feature
    RESET = 4  # node[dst] = immediate, in the first step of a sequence only
    COUNT = 5  # score += value
    CLASS = 6  # the score is complete; the next one starts from the immediate
    BIT = 7  # value is the next bit of the answer


THEN_NEXT = 1

OP_BITS = 3
TABLE_BITS = 4


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions in the order in which they run, a sample after the other.

    op: uint8 (n,), of Op; table: uint8 (n,); a, b, dst: int32 (n,), addresses of the node memory;
    immediate: int64 (n,), never negative; depth: words of the node memory. The first `n_loads`
    instructions load a sample and read no node.
    """

    op: npt.NDArray[np.uint8]
    table: npt.NDArray[np.uint8]
    a: Ids
    b: Ids
    dst: Ids
    immediate: Integers
    depth: int
    n_loads: int

    def __post_init__(self) -> None:
        freeze(
            self,
            op=np.uint8,
            table=np.uint8,
            a=np.int32,
            b=np.int32,
            dst=np.int32,
            immediate=np.int64,
        )

    def __len__(self) -> int:
        return len(self.op)

    @property
    def address_bits(self) -> int:
        return max((self.depth - 1).bit_length(), 1)

    @property
    def immediate_bits(self) -> int:
        return max(int(self.immediate.max(initial=0)).bit_length(), 1)

    @property
    def operand_bits(self) -> int:
        """`a` and `b`, or the immediate."""
        return max(2 * self.address_bits, self.immediate_bits)

    @property
    def width(self) -> int:
        """Bits of an instruction."""
        return OP_BITS + TABLE_BITS + self.address_bits + self.operand_bits

    @cached_property
    def words(self) -> Words:
        """uint64 (n,): op, table, dst, then a and b or the immediate; the op lowest."""
        shift = np.cumsum([OP_BITS, TABLE_BITS, self.address_bits, self.address_bits])
        op, table, dst, a, b, immediate = (
            column.astype(np.uint64)
            for column in (self.op, self.table, self.dst, self.a, self.b, self.immediate)
        )
        at = [np.uint64(bits) for bits in shift.tolist()]
        packed: Words = op | table << at[0] | dst << at[1] | (a | immediate) << at[2] | b << at[3]
        return packed

    @property
    def octets(self) -> npt.NDArray[np.uint8]:
        """uint8 (n, 8): the words, the lowest octet first."""
        return self.words.astype("<u8").view(np.uint8).reshape(-1, 8)
