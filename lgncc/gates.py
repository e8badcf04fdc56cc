"""The sixteen two-input gates: the one table that everything else is derived from.

Truth-table convention of the whole project: a table is an integer whose bit `i` is
the output when the fanins spell `i` in binary with **fanin 0 as the least significant
bit**. For two fanins a (fanin 0) and b (fanin 1), bit `a + 2*b` is the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Gate:
    """A two-input gate: truth table, name, Verilog expression, and the same as a function.

    The expression uses `{a}` and `{b}` for the fanins; constants are `1'b0` and `1'b1`.
    The function takes whatever has `~ & | ^` over bits of its own width: numpy words,
    Amaranth values.
    """

    table: int
    name: str
    expression: str
    function: Callable[[Any, Any], Any]


GATES: tuple[Gate, ...] = (
    Gate(0x0, "false", "1'b0", lambda a, b: a ^ a),
    Gate(0x1, "nor", "~({a} | {b})", lambda a, b: ~(a | b)),
    Gate(0x2, "a_and_not_b", "{a} & ~{b}", lambda a, b: a & ~b),
    Gate(0x3, "not_b", "~{b}", lambda a, b: ~b),
    Gate(0x4, "not_a_and_b", "~{a} & {b}", lambda a, b: ~a & b),
    Gate(0x5, "not_a", "~{a}", lambda a, b: ~a),
    Gate(0x6, "xor", "{a} ^ {b}", lambda a, b: a ^ b),
    Gate(0x7, "nand", "~({a} & {b})", lambda a, b: ~(a & b)),
    Gate(0x8, "and", "{a} & {b}", lambda a, b: a & b),
    Gate(0x9, "xnor", "~({a} ^ {b})", lambda a, b: ~(a ^ b)),
    Gate(0xA, "a", "{a}", lambda a, b: a),
    Gate(0xB, "a_or_not_b", "{a} | ~{b}", lambda a, b: a | ~b),
    Gate(0xC, "b", "{b}", lambda a, b: b),
    Gate(0xD, "not_a_or_b", "~{a} | {b}", lambda a, b: ~a | b),
    Gate(0xE, "or", "{a} | {b}", lambda a, b: a | b),
    Gate(0xF, "true", "1'b1", lambda a, b: ~(a ^ a)),
)
"""Indexed by truth table: `GATES[t].table == t`."""

CONST0, NOR, A_AND_NOT_B, NOT_B, NOT_A_AND_B, NOT_A, XOR, NAND = range(8)
AND, XNOR, BUF_A, A_OR_NOT_B, BUF_B, NOT_A_OR_B, OR, CONST1 = range(8, 16)


def _per_table(bit_of_row: list[int]) -> npt.NDArray[np.uint8]:
    """For each of the 16 tables, the table whose row r is the row `bit_of_row[r]` of the first."""
    tables = np.arange(16)
    rows = [(tables >> source & 1) << row for row, source in enumerate(bit_of_row)]
    table: npt.NDArray[np.uint8] = np.sum(rows, axis=0, dtype=np.uint8)
    return table


# Each array below maps a table to a table. Rows are numbered a + 2*b: 0=00, 1=a, 2=b, 3=ab.
COMPLEMENT_A = _per_table([1, 0, 3, 2])
"""Table of g(~a, b)."""
COMPLEMENT_B = _per_table([2, 3, 0, 1])
"""Table of g(a, ~b)."""
SWAP = _per_table([0, 2, 1, 3])
"""Table of g(b, a)."""
FIX_A0 = _per_table([0, 0, 2, 2])
"""Table of g(0, b), a function of b alone."""
FIX_B0 = _per_table([0, 1, 0, 1])
"""Table of g(a, 0), a function of a alone."""
TIE_B_TO_A = _per_table([0, 3, 0, 3])
"""Table of g(a, a), a function of a alone."""
