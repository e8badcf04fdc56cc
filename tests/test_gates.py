"""The gate table against its own expressions, evaluated by Python."""

from __future__ import annotations

import numpy as np
import pytest

from lgncc import gates
from lgncc.gates import GATES

ROWS = [(0, 0), (1, 0), (0, 1), (1, 1)]  # (a, b); row number a + 2*b


def output(table, a, b):
    return table >> (a + 2 * b) & 1


def from_rows(function):
    return sum(function(a, b) << row for row, (a, b) in enumerate(ROWS))


def test_there_are_sixteen_gates_and_each_stands_at_its_table():
    assert [gate.table for gate in GATES] == list(range(16))
    assert len({gate.name for gate in GATES}) == 16


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_the_expression_says_what_the_table_says(gate):
    python = gate.expression.replace("1'b", "")
    for a, b in ROWS:
        assert eval(python.format(a=a, b=b)) & 1 == output(gate.table, a, b), (a, b)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_the_function_says_what_the_table_says_on_every_bit_of_a_word(gate):
    rows = np.arange(64)
    a, b = (np.packbits(rows >> slot & 1).view(np.uint64) for slot in (0, 1))
    expected = [output(gate.table, row & 1, row >> 1 & 1) for row in range(64)]
    assert np.unpackbits(gate.function(a, b).view(np.uint8)).tolist() == expected
    for value_a, value_b in ROWS:
        assert gate.function(value_a, value_b) & 1 == output(gate.table, value_a, value_b)


def test_the_named_tables_are_the_functions_of_their_names():
    assert from_rows(lambda a, b: a & b) == gates.AND
    assert from_rows(lambda a, b: a | b) == gates.OR
    assert from_rows(lambda a, b: a ^ b) == gates.XOR
    assert from_rows(lambda a, b: 1 - (a & b)) == gates.NAND
    assert from_rows(lambda a, b: 1 - (a | b)) == gates.NOR
    assert from_rows(lambda a, b: 1 - (a ^ b)) == gates.XNOR
    assert from_rows(lambda a, b: a) == gates.BUF_A
    assert from_rows(lambda a, b: b) == gates.BUF_B
    assert from_rows(lambda a, b: 1 - a) == gates.NOT_A
    assert from_rows(lambda a, b: 1 - b) == gates.NOT_B
    assert from_rows(lambda a, b: a & (1 - b)) == gates.A_AND_NOT_B
    assert from_rows(lambda a, b: (1 - a) & b) == gates.NOT_A_AND_B
    assert from_rows(lambda a, b: a | (1 - b)) == gates.A_OR_NOT_B
    assert from_rows(lambda a, b: (1 - a) | b) == gates.NOT_A_OR_B
    assert from_rows(lambda a, b: 0) == gates.CONST0
    assert from_rows(lambda a, b: 1) == gates.CONST1


@pytest.mark.parametrize(
    ("derived", "arguments"),
    [
        (gates.COMPLEMENT_A, lambda a, b: (1 - a, b)),
        (gates.COMPLEMENT_B, lambda a, b: (a, 1 - b)),
        (gates.SWAP, lambda a, b: (b, a)),
        (gates.FIX_A0, lambda a, b: (0, b)),
        (gates.FIX_B0, lambda a, b: (a, 0)),
        (gates.TIE_B_TO_A, lambda a, b: (a, a)),
    ],
    ids=["complement_a", "complement_b", "swap", "fix_a0", "fix_b0", "tie_b_to_a"],
)
def test_a_derived_table_is_the_gate_of_the_changed_arguments(derived, arguments):
    for table in range(16):
        for a, b in ROWS:
            assert output(int(derived[table]), a, b) == output(table, *arguments(a, b))
