"""Leaves that share nodes are grouped, each once and within the inputs of a LUT."""

from hypothesis import given
from hypothesis import strategies as st

from lgncc.mapping.grouping import Grouping

LEAVES = st.lists(st.frozensets(st.integers(0, 12), min_size=2, max_size=3), max_size=30)


@given(LEAVES, st.sampled_from((4, 6)))
def test_every_leaf_is_in_one_group_that_fits(reads, k):
    groups = Grouping(reads, k).run()
    seen = [leaf for group in (*groups.threes, *groups.twos) for leaf in group] + groups.ones
    assert sorted(seen) == list(range(len(reads)))
    for group in groups.threes:
        assert len(frozenset().union(*(reads[leaf] for leaf in group))) <= k
    for group in groups.twos:
        assert len(frozenset().union(*(reads[leaf] for leaf in group))) < k


def test_a_path_of_three_is_one_group():
    reads = [frozenset(pair) for pair in ((1, 2), (2, 3), (3, 4), (8, 9))]
    groups = Grouping(reads, 4).run()
    assert [sorted(three) for three in groups.threes] == [[0, 1, 2]]
    assert groups.ones == [3]


def test_two_that_share_a_node_leave_room_for_any_bit():
    groups = Grouping([frozenset((1, 2)), frozenset((2, 3))], 4).run()
    assert [sorted(two) for two in groups.twos] == [[0, 1]]
