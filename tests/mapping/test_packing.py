"""Bits that share nodes are packed, each once and within the inputs of a LUT."""

from hypothesis import given
from hypothesis import strategies as st

from lgncc.mapping.packing import Packing

READS = st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=3), max_size=30)


def saved(reads, pieces):
    return sum(
        sum(len(reads[bit]) for bit in piece) - len(frozenset().union(*(reads[b] for b in piece)))
        for piece in pieces
    )


@given(READS, st.sampled_from((4, 6)))
def test_every_bit_is_in_one_piece_that_fits(reads, k):
    pieces = Packing(reads, k).run()
    assert sorted(bit for piece in pieces for bit in piece) == list(range(len(reads)))
    for piece in pieces:
        assert len(frozenset().union(*(reads[bit] for bit in piece))) <= k


def test_a_path_of_three_is_one_piece():
    reads = [frozenset(pair) for pair in ((1, 2), (2, 3), (3, 4), (8, 9))]
    assert sorted(Packing(reads, 4).run()) == [[0, 1, 2], [3]]


def test_a_bit_joins_the_gate_that_reads_it():
    reads = [frozenset((1, 2)), frozenset((7,)), frozenset((2,))]
    assert sorted(Packing(reads, 4).run()) == [[0, 2], [1]]


def test_a_cycle_of_four_saves_four_inputs():
    reads = [frozenset(pair) for pair in ((1, 2), (2, 3), (3, 4), (4, 1))]
    assert saved(reads, Packing(reads, 4).run()) == 4


def test_a_path_of_six_is_two_pieces_of_three():
    reads = [frozenset((i, i + 1)) for i in range(6)]
    assert saved(reads, Packing(reads, 4).run()) == 4
