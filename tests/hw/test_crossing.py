# amaranth: UnusedElaboratable=no
"""Items cross between two clocks once each, in order, and whole, whatever the clocks' ratio."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from lgncc.hw.crossing import Crossing

ITEMS = [5, 0, 15, 15, 7, 1, 8, 8]
LONG_ENOUGH = 1000  # cycles of the sink


def cross(source_ns, sink_ns, seed):
    """The items that arrive, each side pausing at random."""
    m = Module()
    m.domains.source, m.domains.sink = ClockDomain("source"), ClockDomain("sink")
    m.submodules.crossing = crossing = Crossing(4, source="source", sink="sink")
    arrived, rng = [], random.Random(seed)

    async def send(ctx):
        for item in ITEMS:
            await ctx.tick("source").repeat(rng.randrange(1, 5))
            ctx.set(crossing.i.payload, item)
            ctx.set(crossing.i.valid, 1)
            await ctx.tick("source").until(crossing.i.ready)
            ctx.set(crossing.i.valid, 0)
            ctx.set(crossing.i.payload, ~item)  # as wrong as can be: it must not be read any more

    async def receive(ctx):
        for _ in range(LONG_ENOUGH):
            ready = rng.random() < 0.5
            ctx.set(crossing.o.ready, ready)
            sampled = ctx.tick("sink").sample(crossing.o.valid, crossing.o.payload)
            _, _, valid, payload = await sampled
            if valid and ready:
                arrived.append(payload)

    simulator = Simulator(m)
    simulator.add_clock(source_ns * 1e-9, domain="source")
    simulator.add_clock(sink_ns * 1e-9, phase=0.3e-9, domain="sink")
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run()
    return arrived


@pytest.mark.parametrize(("source_ns", "sink_ns"), [(40, 6.1), (6.1, 40), (10, 10), (7, 11)])
def test_every_item_arrives_once_in_order_and_whole(source_ns, sink_ns):
    for seed in range(5):
        assert cross(source_ns, sink_ns, seed) == ITEMS
