"""Requests and responses at the level of tokens: one a cycle and with stalls, every header bit."""

from __future__ import annotations

import zlib

import pytest
from amaranth.hdl import Const, Module
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc.host.frames import Decoder, ErrorCode, Frame, FrameType, checksum, encode
from lgncc.hw.link import RequestReceiver
from lgncc.hw.received import BitRegister
from lgncc.hw.response import ResponseTransmitter

IN_BYTES = 3


BUILD_ID = b"build id"
KEY = zlib.crc32(BUILD_ID)


def body(frame):
    """A frame of bytes that need no escape, without its ENDs."""
    wire = encode(frame, KEY if frame.type == FrameType.INFER else 0)[1:-1]
    assert not {0xC0, 0xDB} & set(wire), "choose other bytes: the tokens here are unescaped"
    return wire


async def pause(ctx, cycles):
    for _ in range(cycles):
        await ctx.tick()


def receive(frames, *, stalls=(0,), held=0, bad=()):
    """Requests (seq, infer, code, vector) out of bodies; those in `bad` end as damaged.

    Of accepted frames the CRC register is compared with zlib's.
    """
    dut = Module()
    dut.submodules.receiver = receiver = RequestReceiver(IN_BYTES, BUILD_ID)
    dut.submodules.received = received = BitRegister(8 * IN_BYTES)
    dut.d.comb += [received.bit.eq(receiver.bit), received.shift.eq(receiver.shift)]
    requests = []
    tokens = []
    for i, wire in enumerate(frames):
        tokens += [{"data": b, "end": 0, "bad": 0} for b in wire]
        tokens.append({"data": 0xC0, "end": 1, "bad": int(i in bad)})

    async def feed(ctx):
        ctx.set(receiver.held, held)
        for i, token in enumerate(tokens):
            ctx.set(receiver.i.valid, 0)
            await pause(ctx, stalls[i % len(stalls)])
            ctx.set(receiver.i.valid, 1)
            ctx.set(receiver.i.payload, token)
            await ctx.tick().until(receiver.i.ready)
        ctx.set(receiver.i.valid, 0)

    async def drain(ctx):
        for i in range(30 * len(tokens) + 20):
            ctx.set(receiver.request.ready, int(stalls == (0,) or i % 3 == 0))
            *_, valid, ready, request, vector = await ctx.tick().sample(
                receiver.request.valid,
                receiver.request.ready,
                receiver.request.payload,
                received.vector,
            )
            if valid and ready:
                assert request.infer in (0, 1)
                if request.code == 0:
                    payload = vector.to_bytes(IN_BYTES, "little") if request.infer else b""
                    frame = Frame(2 - request.infer, request.seq, payload)
                    crc = checksum(frame, KEY if request.infer else 0)
                    assert request.crc ^ 0xFFFFFFFF == crc
                requests.append((request.seq, request.infer, request.code, vector))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.run()
    return requests


INFER = body(Frame(FrameType.INFER, 7, b"\x01\x02\x03"))
IDENT = body(Frame(FrameType.IDENT, 5))


@pytest.mark.parametrize("stalls", [(0,), (1,), (2, 0, 3)])
def test_good_frames_become_requests_at_any_pace(stalls):
    requests = receive([INFER, b"", IDENT, b"", INFER], stalls=stalls)
    assert [r[:3] for r in requests] == [(7, 1, 0), (5, 0, 0), (7, 1, 0)]
    assert requests[0][3] == requests[2][3] == 0x030201


def check_flipped_bit(bit):
    """A flipped bit anywhere makes an error, and the next frame is none the worse."""
    wire = bytearray(INFER)
    wire[bit // 8] ^= 1 << bit % 8
    broken, good = receive([bytes(wire), INFER])
    assert broken[2] != 0
    assert good == (7, 1, 0, 0x030201)


@pytest.mark.parametrize("bit", range(8 * len(INFER)))
def test_no_flipped_bit_is_accepted(bit):
    check_flipped_bit(bit)


@pytest.mark.parametrize("bit", [8, 40, 87])
def test_a_receiver_without_crc_check_is_refuted(bit, monkeypatch):
    monkeypatch.setattr(RequestReceiver, "_crc_differs", lambda *_: Const(0))
    with pytest.raises(AssertionError):
        check_flipped_bit(bit)


@pytest.mark.parametrize("length", range(1, len(INFER)))
def test_no_truncated_frame_is_accepted(length):
    (request,) = receive([INFER[:length]])
    assert request[2] == ErrorCode.LENGTH
    assert request[0] == (7 if length >= 2 else 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=6))
def test_no_random_bytes_are_accepted(bodies):
    accepted = [r for r in receive([*bodies, INFER]) if r[2] == 0]
    assert accepted == [(7, 1, 0, 0x030201)]


def test_lost_bytes_precede_every_other_fault_even_in_an_empty_frame():
    frames = [INFER, b"", b"\x09\x09", INFER]
    codes = [r[2] for r in receive(frames, bad=(0, 1, 2))]
    assert codes == [ErrorCode.WIRE] * 3 + [0]


def test_a_held_vector_is_never_written():
    (request,) = receive([INFER], held=1)
    assert request == (7, 1, ErrorCode.WIRE, 0)


def test_a_held_vector_does_not_hinder_ident():
    assert receive([IDENT], held=1) == [(5, 0, 0, 0)]


def respond(requests, results, out_width, *, stalls=(0,), ident=b"identity!"):
    """Frames sent for the requests; results are offered one after another and each held."""
    dut = ResponseTransmitter(out_width, ident)
    sent = bytearray()

    async def ask(ctx):
        for request in requests:
            ctx.set(dut.request.valid, 1)
            ctx.set(dut.request.payload, request)
            await ctx.tick().until(dut.request.ready)
            ctx.set(dut.request.valid, 0)

    async def core(ctx):
        for result in results:
            await pause(ctx, stalls[0])
            ctx.set(dut.result.valid, 1)
            ctx.set(dut.result.payload, result)
            await ctx.tick().until(dut.result.ready)
            ctx.set(dut.result.valid, 0)

    async def drain(ctx):
        for i in range(300 * (len(requests) + 1)):
            ctx.set(dut.o.ready, 0)
            await pause(ctx, stalls[i % len(stalls)])
            ctx.set(dut.o.ready, 1)
            *_, valid, token = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                sent.extend([0xC0] if token.end else encode_byte(token.data))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in (ask, core, drain):
        simulator.add_testbench(bench)
    simulator.run()
    starts = {request["seq"]: request.get("crc", 0) ^ 0xFFFFFFFF for request in requests}
    decoder = Decoder(lambda kind, seq: 0 if kind == FrameType.ERROR else starts[seq])
    return decoder.feed(bytes(sent))


def encode_byte(byte):
    return {0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}.get(byte, bytes([byte]))


@pytest.mark.parametrize("stalls", [(0,), (1,), (5, 0, 2)])
@pytest.mark.parametrize("out_width", [1, 8, 12, 64, 300])
def test_each_request_gets_its_response(stalls, out_width):
    size = -(-out_width // 8)
    results = [(1 << out_width) - 1, 0xC0DB & ((1 << out_width) - 1)]
    requests = [
        {"seq": 0xC0, "infer": 1, "code": 0, "crc": 0x12345678},
        {"seq": 1, "infer": 0, "code": 0, "crc": 0xDEADBEEF},
        {"seq": 2, "infer": 1, "code": ErrorCode.CRC, "crc": 0x87654321},
        {"seq": 3, "infer": 0, "code": ErrorCode.WIRE},
        {"seq": 4, "infer": 1, "code": 0, "crc": 0x80000001},
    ]
    assert respond(requests, results, out_width, stalls=stalls) == [
        Frame(FrameType.RESULT, 0xC0, results[0].to_bytes(size, "little")),
        Frame(FrameType.IDENT_REPLY, 1, b"identity!"),
        Frame(FrameType.ERROR, 2, b"\x01"),
        Frame(FrameType.ERROR, 3, b"\x04"),
        Frame(FrameType.RESULT, 4, results[1].to_bytes(size, "little")),
    ]
