"""SLIP in hardware against RFC 1055's byte rules, with stalls on both sides and lost bytes."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.hw.slip import SLIPDecoder, SLIPEncoder

END = "end"


def run(dut, items, stalls, convert, lost_after=()):
    """Stream `items` through `dut`; item `i` waits `stalls[i]` cycles on both sides.

    `lost` strobes while the items numbered in `lost_after` are offered and not yet taken.
    """
    seen = []

    async def feed(ctx):
        for i, item in enumerate(items):
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(stalls[i % len(stalls)] + 1)
            ctx.set(dut.i.payload, item)
            ctx.set(dut.i.valid, 1)
            if i in lost_after:
                ctx.set(dut.lost, 1)
                *_, taken = await ctx.tick().sample(dut.i.ready)
                ctx.set(dut.lost, 0)
                if taken:
                    continue
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def drain(ctx):
        for i in range(2 * len(items) + 4):
            await ctx.tick().repeat(stalls[-1 - i % len(stalls)] + 1)
            ctx.set(dut.o.ready, 1)
            *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            ctx.set(dut.o.ready, 0)
            if valid:
                seen.append(convert(payload))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.run()
    return seen


def encode(tokens, stalls=(0,)):
    items = [{"end": 1, "data": 0xC0} if t == END else {"end": 0, "data": t} for t in tokens]
    return bytes(run(SLIPEncoder(), items, stalls, int))


def decode(data, stalls=(0,), lost_after=()):
    def convert(token):
        return (END, bool(token.bad)) if token.end else int(token.data)

    return run(SLIPDecoder(), data, stalls, convert, lost_after)


def naive(tokens):
    codes = {END: b"\xc0", 0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}
    return b"".join(codes.get(t, bytes([t]) if t != END else b"") for t in tokens)


special = st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD, END]) | st.integers(0, 255)
stall_lists = st.lists(st.integers(0, 3), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None)
@given(st.lists(special, max_size=20), stall_lists)
def test_encoder_follows_the_rfc(tokens, stalls):
    assert encode(tokens, stalls) == naive(tokens)


@settings(max_examples=30, deadline=None)
@given(st.lists(special, max_size=20), stall_lists)
def test_decoder_undoes_the_encoding(tokens, stalls):
    assert decode(naive(tokens), stalls) == [(END, False) if t == END else t for t in tokens]


@pytest.mark.parametrize("value", range(256))
def test_every_byte_after_an_escape_is_judged(value):
    expected = {0xDC: [0xC0, (END, False)], 0xDD: [0xDB, (END, False)]}.get(value, [(END, True)])
    wire = bytes([0xDB, value, *([0xC0] if value != 0xC0 else [])])
    assert decode(wire) == expected


def test_a_malformed_escape_spoils_its_frame_only():
    wire = bytes([1, 0xDB, 2, 3, 0xDB, 0xDC, 0xC0, 4, 0xC0])
    assert decode(wire) == [1, (END, True), 4, (END, False)]


@pytest.mark.parametrize("stalls", [(0,), (3,), (1, 3, 2)])
@pytest.mark.parametrize("place", range(6))
def test_a_byte_lost_after_another_spoils_the_frame_that_it_belonged_to(place, stalls):
    wire = bytes([1, 2, 0xC0, 3, 4, 0xC0])
    seen = decode(wire + b"\x05\xc0", stalls, lost_after=[place])
    ends = [token[1] for token in seen if isinstance(token, tuple)]
    spoilt = 0 if place < 2 else 1 if place < 5 else 2
    assert ends == [i == spoilt for i in range(3)]
