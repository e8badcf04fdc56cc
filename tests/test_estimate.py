"""Which of several estimates is the best for a goal."""

from __future__ import annotations

from lgncc.estimate import Estimate
from lgncc.host.line import Line

SPATIAL = Estimate("spatial", 20, cells=2_600, latency_cycles=1, interval=1)
PIPELINED = Estimate("pipelined", 10, cells=2_500, latency_cycles=3, interval=1)
SERIAL = Estimate("class-serial", 8, cells=1_600, latency_cycles=120, interval=117)
FOLDED = Estimate("folded", 1, cells=800, latency_cycles=5_000, interval=5_001)
LANES = Estimate("folded", 32, cells=2_000, latency_cycles=5_000, interval=400)
ALL = (SPATIAL, PIPELINED, SERIAL, FOLDED, LANES)
LONG_REQUESTS = Line(request=6_000, response=1_000)


def best(goal, line=LONG_REQUESTS, among=ALL):
    return min(among, key=lambda one: one.rank(goal, line))


def test_latency_and_area_are_judged_without_the_link():
    assert best("latency") is SPATIAL
    assert best("area") is FOLDED


def test_throughput_that_the_link_cannot_use_is_not_worth_cells():
    assert best("throughput") is FOLDED
    assert best("throughput", Line(request=5_000, response=1_000)) is SERIAL


def test_a_hundredth_of_the_rate_is_not_worth_cells_either():
    # What the answer takes longer than the request is all that the core has.
    assert best("throughput", Line(request=1_000, response=1_000)) is PIPELINED
    assert best("throughput", Line(request=1_110, response=1_000)) is SERIAL


def test_where_the_link_gets_the_same_of_all_the_core_that_gives_more_is_better():
    slow = Line(request=100, response=100)
    assert best("throughput", slow, among=(FOLDED, LANES)) is LANES
