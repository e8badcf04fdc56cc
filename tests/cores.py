# amaranth: UnusedElaboratable=no
"""Any streaming core in Amaranth's simulator: vectors in, answers out, and what they must be.

Answers are expected from tests/naive.py and from sums in plain Python, never from lgncc.
"""

from __future__ import annotations

import random

import naive
import strategies
from amaranth.sim import Simulator

from lgncc.hw.readout import score_shape


def pack(fields):
    """(value, width) pairs as one vector, the first lowest, two's complement."""
    vector, start = 0, 0
    for value, width in fields:
        vector |= int(value) % (1 << int(width)) << start
        start += int(width)
    return vector


def answer(model, features, state=()):
    """The payload that a sample of feature integers must be answered with."""
    encoder, netlist, readout = model.encoder, model.netlist, model.readout
    inputs = naive.thermometer(features, encoder.feature.tolist(), encoder.threshold.tolist())
    bits = naive.evaluate(
        netlist.n_inputs, netlist.fanin, netlist.table, netlist.outputs, inputs, state
    )
    if readout.kind == "bits":
        return pack((bit, 1) for bit in bits)
    scores = [int(bias) for bias in readout.bias]
    for output, klass, weight in zip(readout.output, readout.klass, readout.weight, strict=True):
        scores[int(klass)] += int(weight) * bits[int(output)]
    if readout.kind == "class":
        return naive.winner(scores)
    return pack((score, score_shape(readout).width) for score in scores)


def vectors_of(model, samples):
    return [pack(zip(sample, model.encoder.bits, strict=True)) for sample in samples]


def random_samples(model, n, seed=0):
    rng = random.Random(seed)
    ranges = [
        strategies.integer_range(int(bits), bool(signed))
        for bits, signed in zip(model.encoder.bits, model.encoder.signed, strict=True)
    ]
    return [[rng.randint(*span) for span in ranges] for _ in range(n)]


class Drive:
    """Cycles of a core: what is offered each cycle, and (cycle, payload) of what was taken."""

    def __init__(self, core):
        self.core = core
        self.accepted, self.taken = [], []

    def run(self, vectors, offer=lambda _: True, take=lambda _: True, cycles=400):
        """offer, take: by cycle, whether a vector is valid and an answer would be taken.

        An offered vector stays offered until it is accepted, as the stream rules say.
        """
        core, waiting = self.core, list(vectors)

        async def bench(ctx):
            offering = False
            for cycle in range(cycles):
                offering = bool(waiting) and (offering or offer(cycle))
                ctx.set(core.i.valid, offering)
                ctx.set(core.i.payload, waiting[0] if offering else cycle)
                ctx.set(core.o.ready, take(cycle))
                await ctx.delay(1e-9)
                if offering and ctx.get(core.i.ready):
                    self.accepted.append((cycle, waiting.pop(0)))
                    offering = False
                if ctx.get(core.o.valid) and take(cycle):
                    self.taken.append((cycle, ctx.get(core.o.payload)))
                await ctx.tick()

        simulator = Simulator(core)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        assert not waiting, "not every vector was accepted"
        return self.taken
