"""Each shape of merge keeps the sum of its bits; tables of LUTs say what they are made of."""

from itertools import product

import pytest

from lgncc.mapping.merge import absorbed, exclusive_or, merge

SHAPES = [
    ("bit", "ppp", False, 4),
    ("bit", "xp", False, 3),
    ("bit", "x", True, 2),
    ("bit", "pp", True, 3),
    ("bit", "p", False, 2),
    ("zero", "pppp", False, 5),
    ("one", "xpp", False, 4),
    ("one", "p", True, 2),
    ("zero", "xx", False, 3),
]


def row(table, bits):
    return table >> sum(bit << index for index, bit in enumerate(bits)) & 1


@pytest.mark.parametrize(("start", "steps", "with_w", "luts"), SHAPES)
def test_a_merge_keeps_the_sum_in_one_lut_and_one_a_carry(start, steps, with_w, luts):
    form = merge(start, steps, with_w)
    assert 1 + len(form.carries) == luts
    n_bits = (start == "bit") + 2 * len(steps) + with_w
    for bits in product((0, 1), repeat=n_bits):
        rest = list(bits)
        w = rest.pop() if with_w else 0
        signals, xs = [], []
        total = int(start == "one") + sum(rest)
        if start == "bit":
            signals.append(rest.pop(0))
        for step in steps:
            x, y = rest.pop(0), rest.pop(0)
            xs.append(x)
            signals += [x, y] if step == "x" else [x ^ y]
        signals += [w] * with_w
        parity = row(form.sum_table, signals)
        carries = 0
        for carry, x in zip(form.carries, xs, strict=True):
            assert carry.n_fanins <= 4
            read = [parity] * carry.reads_sum + [signals[slot] for slot in carry.slots] + [x]
            carries += row(carry.table, read)
        assert total == (parity ^ w) + 2 * carries


def test_three_pairs_take_four_luts_of_four_inputs_two_of_them_with_room():
    assert [carry.n_fanins for carry in merge("bit", "ppp", False).carries] == [3, 4, 3]


def test_an_absorbed_gate_takes_the_place_of_the_last_fanin():
    select = 0b1100_1010  # c ? b : a
    table = absorbed(select, 3, 0x8, 2)  # c := d & e
    for a, b, d, e in product((0, 1), repeat=4):
        assert row(table, (a, b, d, e)) == row(select, (a, b, d & e))


def test_exclusive_or_takes_one_fanin_more():
    for a, b, w in product((0, 1), repeat=3):
        assert row(exclusive_or(0x8, 2), (a, b, w)) == (a & b) ^ w
