"""Each cell keeps the sum of its bits, in LUTs that are wide enough."""

from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lgncc.mapping.cells import PLAIN, SOLID, Element, cell, exclusive_or, fits

GHOST = Element(1, (), (0x8, 2))
AND, XOR = (0x8, (0, 1)), (0x6, (0, 1))
LEAF = Element(2, (AND,))
WIDE_LEAF = Element(3, ((0xCA, (0, 1, 2)),))
WITH_ITS_FANIN = Element(2, ((0b01, (0,)), AND))
PATH = Element(4, ((0x8, (0, 1)), (0x9, (1, 2)), (0x2, (3, 2))))
CYCLE = Element(4, ((0x8, (0, 1)), (0x6, (1, 2)), (0x2, (3, 2)), (0xE, (0, 3))))
TRIANGLE = Element(3, ((0x8, (0, 1)), (0x6, (1, 2)), (0x7, (0, 2))))

CELLS = [  # elements, start, LUTs at k = 4
    ((PLAIN, SOLID, SOLID, SOLID), "bit", 4),
    ((PLAIN, PLAIN, PLAIN, SOLID), "bit", 3),
    ((PLAIN, PLAIN, PLAIN, PLAIN), "bit", 2),
    ((PLAIN, PLAIN, SOLID, SOLID), "bit", 3),
    ((PLAIN, SOLID, GHOST, GHOST), "bit", 4),
    ((SOLID, SOLID, SOLID, SOLID), "zero", 5),
    ((PLAIN, PLAIN, SOLID, SOLID), "one", 4),
    ((SOLID,), "one", 2),
    ((PATH,), "bit", 2),
    ((CYCLE,), "bit", 2),
    ((TRIANGLE, PLAIN), "bit", 2),
    ((WITH_ITS_FANIN,), "bit", 1),
    ((LEAF, LEAF), "bit", 1),
    ((LEAF, PLAIN, PLAIN), "bit", 2),
    ((LEAF, SOLID, SOLID), "bit", 3),
    ((LEAF, PLAIN, GHOST), "bit", 2),
    ((WIDE_LEAF, PLAIN), "bit", 1),
    ((Element(1, ((0x6, (0, 0)),)), PLAIN, PLAIN), "bit", 2),  # a gate of one node twice
    ((WIDE_LEAF, GHOST), "bit", 2),
]


def row(table, bits):
    return table >> sum(bit << index for index, bit in enumerate(bits)) & 1


def check_sum(elements, start, k):
    """Of a cell that fits: for all values of its variables."""
    made = cell(elements, start, k)
    assert all(len(carry.reads) <= k for carry in made.carries)
    widths = [one.n_nodes for one in elements]
    behind = [0 if one.items else max(one.ghost[1], 1) for one in elements]
    for values in product((0, 1), repeat=sum(widths) + sum(behind)):
        at, x_at = 0, sum(widths)
        total, w = int(start == "one"), 0
        for index, (one, n, m) in enumerate(zip(elements, widths, behind, strict=True)):
            nodes, x = values[at : at + n], values[x_at : x_at + m]
            at, x_at = at + n, x_at + m
            if one.items:
                bits = [row(table, [nodes[i] for i in reads]) for table, reads in one.items]
            else:
                first = row(one.ghost[0], x) if one.ghost[1] else x[0]
                bits = [first, first ^ nodes[0]]
            total += sum(bits)
            if made.w is not None and made.w[0] == index:
                w = bits[made.w[1]]
        lut = row(made.table, values[: sum(widths)])
        known = (*values, lut)
        carries = sum(row(c.table, [known[read] for read in c.reads]) for c in made.carries)
        assert total - w == (lut ^ w) + 2 * carries
    return 1 + len(made.carries)


@pytest.mark.parametrize(("elements", "start", "luts"), CELLS)
def test_a_cell_keeps_the_sum_in_one_lut_and_one_a_carry(elements, start, luts):
    assert check_sum(elements, start, 4) == luts


ANY = st.sampled_from((PLAIN, SOLID, GHOST, LEAF, WIDE_LEAF, WITH_ITS_FANIN, PATH, TRIANGLE))


@given(st.lists(ANY, min_size=1, max_size=5), st.sampled_from(("bit", "zero", "one")))
def test_cells_of_six_inputs_keep_the_sum(elements, start):
    elements = tuple(elements)
    assume(fits(elements, start, 6))
    check_sum(elements, start, 6)


@pytest.mark.parametrize(
    ("elements", "start"),
    [
        ((PLAIN,) * 5, "bit"),  # five inputs
        ((PLAIN, GHOST, GHOST, GHOST), "bit"),  # the second carry reads five nodes
        ((LEAF, GHOST, GHOST), "bit"),
        ((PLAIN, SOLID), "zero"),  # an odd number of bits besides the constant
        ((SOLID, SOLID), "bit"),  # no bit to begin with
        ((Element(4, ((0xCA, (0, 1, 2)), (0xCA, (1, 2, 3)))),), "bit"),  # too wide to be left over
    ],
)
def test_what_does_not_fit_is_no_cell(elements, start):
    assert not fits(elements, start, 4)
    assert cell(elements, start, 4) is None


def test_three_pairs_take_four_luts_of_four_inputs_two_of_them_with_room():
    made = cell((PLAIN, SOLID, SOLID, SOLID), "bit", 4)
    assert sorted(len(carry.reads) for carry in made.carries) == [3, 3, 4]


def test_exclusive_or_takes_one_fanin_more():
    for a, b, w in product((0, 1), repeat=3):
        assert row(exclusive_or(0x8, 2), (a, b, w)) == (a & b) ^ w
