"""The board's design over its UART, against the golden model. Runs inside the simulator.

Whatever happens on the line, a RESULT must be that of the vector that was sent under its
seq; the bench says which frame of which phase was answered otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any
from zlib import crc32

import cocotb

from lgncc.host.frames import (
    BITS_A_BYTE,
    ERROR_CODES,
    IDENT,
    PROTOCOL_VERSION,
    Frame,
    FrameError,
    FrameType,
    Ident,
    bytes_for,
    checksum,
    encode,
)
from lgncc.sim.board_frames import (
    IDENT_REQUEST,
    body,
    crc,
    faults,
    flipped_byte,
    flipped_level,
    wire,
)
from lgncc.sim.job import Job, RefutedError
from lgncc.sim.uart import Line, byte_levels

RATES = (0.985, 1.015)
"""Of the host's baud rate: each end may be 2 % off (hw/uart.py), rounding not counted."""
FLIPS_BITS = 80_000
"""Bit times that the frames with random damage may take together."""
IDLE_BITS = 40 * BITS_A_BYTE
"""A pause after which the board holds nothing: damage may have made three frames of one, of which
it holds two, each with an ERROR of 12 to 20 bytes."""


@dataclass(frozen=True)
class Exchange:
    """Levels to send and the frame that must come back; `label` is for messages.

    asked: CRC of the request, damaged or not, that a RESULT would answer.
    """

    label: str
    levels: list[int]
    expected: Frame
    asked: int


class Host:
    """Talks to the board and compares."""

    def __init__(self, line: Line, job: Job) -> None:
        self.line, self.job = line, job
        self.inputs, self.answers = job.load_vectors()
        self.build_id = bytes.fromhex(job.design.build_id)
        self.in_bytes = bytes_for(job.design.in_width)
        self.out_bytes = bytes_for(job.design.answer.total_width)
        # Twice the longest response, all of it escaped, and the core's own time.
        self.timeout_bits = 2 * BITS_A_BYTE * (2 * max(self.out_bytes, IDENT.size) + 12) + 100
        self.timeout_bits += job.design.latency_cycles // job.design.uart_divisor

    def payload(self, index: int) -> bytes:
        return self.inputs[index].to_bytes(self.in_bytes, "little")

    def infer(self, index: int, seq: int) -> Exchange:
        """Vector `index`, encoded as the host's software does."""
        request = Frame(FrameType.INFER, seq, self.payload(index))
        key = crc32(self.build_id)
        return Exchange(
            self.job.label(index),
            byte_levels(encode(request, key)),
            self.result(index, seq),
            checksum(request, key),
        )

    def by_hand(self, label: str, index: int, seq: int, payload: bytes) -> Exchange:
        """The same, encoded by the bench; `payload` may have other unused bits."""
        content = body(FrameType.INFER, seq, payload)
        levels = byte_levels(wire(content, before=self.build_id))
        return Exchange(label, levels, self.result(index, seq), crc(self.build_id + content))

    async def send(self, exchange: Exchange, rate: float = 1.0) -> None:
        # Of two open requests with one seq, the bench has none.
        self.line.asked[exchange.expected.seq] = exchange.asked
        await self.line.send(exchange.levels, rate)

    def result(self, index: int, seq: int) -> Frame:
        answer = self.answers[index].to_bytes(self.out_bytes, "little")
        return Frame(FrameType.RESULT, seq, answer)

    async def converse(self, exchanges: list[Exchange], rate: float = 1.0) -> None:
        """All requests as close together as the protocol allows: two at a time are open."""
        answered = 0
        for sent, exchange in enumerate(exchanges):
            while answered < sent - 1:
                await self.expect(exchanges[answered])
                answered += 1
            await self.send(exchange, rate)
        for exchange in exchanges[answered:]:
            await self.expect(exchange)

    async def expect(self, exchange: Exchange) -> None:
        answer = await self.line.receive(self.timeout_bits)
        self.compare(exchange.label, exchange.expected, answer)

    def compare(self, label: str, expected: Frame, answer: Frame | FrameError | None) -> None:
        """Raises RefutedError unless the answer is the expected one."""
        if answer == expected:
            return
        if (
            isinstance(answer, Frame)
            and answer.type == expected.type == FrameType.RESULT
            and answer.seq == expected.seq
            and len(answer.payload) == len(expected.payload)
        ):
            ours, theirs = (int.from_bytes(f.payload, "little") for f in (expected, answer))
            raise RefutedError(f"{label}: {self.job.design.answer.difference(ours, theirs)}")
        raise RefutedError(f"{label}: expected {_show(expected)}, got {_show(answer)}")

    async def silence(self, label: str) -> None:
        """Nothing more may come."""
        answer = await self.line.receive(self.timeout_bits)
        if answer is not None:
            raise RefutedError(f"{label}: then the board sent {_show(answer)}, unasked")

    async def survive(self, label: str, levels: list[int], index: int) -> None:
        """Damage that nobody can predict the answers to: ERRORs only, then all is well."""
        good = self.infer(index, seq=0xA5)
        await self.line.send(levels)
        await self.line.wait(IDLE_BITS)
        await self.send(good)
        while True:
            answer = await self.line.receive(self.timeout_bits)
            if not isinstance(answer, Frame) or answer.type != FrameType.ERROR:
                break
        self.compare(f"{label}, then {good.label}", good.expected, answer)


async def identity(host: Host) -> None:
    """Before any reset, the protocol's own example; its answer is checked byte by byte."""
    design = host.job.design
    expected = Ident(
        PROTOCOL_VERSION,
        bytes.fromhex(design.build_id),
        design.in_width,
        design.answer.total_width,
    )
    reply = Frame(FrameType.IDENT_REPLY, 0, expected.pack())
    request = body(FrameType.IDENT, 0)
    await host.converse(
        [Exchange("IDENT request", byte_levels(IDENT_REQUEST), reply, crc(request))]
    )
    raw = wire(body(0x82, 0, reply.payload), before=request)
    if bytes(host.line.heard) != raw:
        raise RefutedError(f"IDENT reply: expected {raw.hex(' ')}, got {host.line.heard.hex(' ')}")


async def all_vectors(host: Host) -> None:
    """As fast as the protocol allows."""
    await host.converse([host.infer(index, index % 256) for index in range(len(host.inputs))])
    await host.silence("after the last vector")


async def other_rates(host: Host) -> None:
    """A host whose clock is off as far as it may be, and frames made by hand."""
    for rate in RATES:
        exchanges = []
        for index in range(min(4, len(host.inputs))):
            label = f"{host.job.label(index)} at {rate:.1%}"
            exchanges.append(host.by_hand(label, index, 0xC0 + index, host.payload(index)))
        await host.converse(exchanges, rate)


async def damaged_frames(host: Host) -> None:
    """Each kind of damage gets its ERROR; the good frame close behind it gets its answer."""
    exchanges = []
    undamaged = crc(host.build_id + body(FrameType.INFER, 0x5A, host.payload(0)))
    for number, fault in enumerate(faults(host.payload(0), 0x5A, host.build_id)):
        index = number % len(host.inputs)
        error = Frame(FrameType.ERROR, fault.seq, bytes([fault.code]))
        exchanges += [
            Exchange(fault.name, fault.levels, error, undamaged),
            host.infer(index, number),
        ]
    await host.converse(exchanges)
    unused = 8 * host.in_bytes - host.job.design.in_width
    ones = (1 << unused) - 1 << host.job.design.in_width
    padded = (host.inputs[0] | ones).to_bytes(host.in_bytes, "little")
    await host.converse([host.by_hand("unused bits at 1", 0, 1, padded)])
    await host.line.send(byte_levels(bytes([0xC0] * 5)))
    await host.silence("after empty frames")


async def random_damage(host: Host) -> None:
    """Bits flipped anywhere in a frame: in its bytes, and on the line."""
    random = Random(3)
    frame_bits = 2 * BITS_A_BYTE * (host.in_bytes + host.out_bytes + 16)
    for number in range(min(max(FLIPS_BITS // frame_bits, 8), 128)):
        index = random.randrange(len(host.inputs))
        content = body(FrameType.INFER, number % 256, host.payload(index))
        frame = wire(content, before=host.build_id)
        damage = flipped_level if number % 2 else flipped_byte
        await host.survive(f"flip {number}", damage(frame, random), index)
    await host.silence("after random damage")


async def overrun(host: Host) -> None:
    """More requests than the board holds: it may lose some, but answers none wrongly."""
    requests = [host.infer(index % len(host.inputs), index) for index in range(8)]
    for request in requests:
        await host.send(request)
    while (answer := await host.line.receive(host.timeout_bits)) is not None:
        if isinstance(answer, Frame) and answer.type == FrameType.ERROR:
            continue
        matching = [
            r for r in requests if isinstance(answer, Frame) and r.expected.seq == answer.seq
        ]
        if not matching:
            raise RefutedError(f"a flood of requests: got {_show(answer)}")
        host.compare(matching[0].label, matching[0].expected, answer)
    await host.converse([host.infer(0, 0x77)])


async def resets(host: Host) -> None:
    """In the middle of a request, of an answer, and with a second request waiting."""
    good = host.infer(0, 0x33)
    half = len(good.levels) // 2
    for label, request, later_bits in (
        ("reset amid a request", good.levels[:half], 0),
        ("reset amid an answer", good.levels, 4.5 * BITS_A_BYTE),
        ("reset with a request waiting", good.levels + good.levels[:-BITS_A_BYTE], 0),
    ):
        await host.line.send(request)
        await host.line.wait(later_bits)
        host.line.dut.rst.value = 1
        await host.line.wait(1)
        host.line.dut.rst.value = 0
        host.line.listen()
        await host.silence(label)
        again = host.infer(len(host.inputs) - 1, 0x34)
        await host.converse([replace(again, label=f"{label}, then {again.label}")])


PHASES = (identity, all_vectors, other_rates, damaged_frames, random_damage, overrun, resets)


def _show(frame: Frame | FrameError | None) -> str:
    if frame is None:
        return "no answer"
    if isinstance(frame, FrameError):
        return f"a damaged frame ({frame})"
    if frame.type == FrameType.ERROR and len(frame.payload) == 1:
        code = frame.payload[0]
        return f"ERROR {code} ({ERROR_CODES.get(code, 'unknown')}), seq {frame.seq}"
    try:
        name = FrameType(frame.type).name
    except ValueError:
        name = f"type {frame.type:#04x}"
    return f"{name} {frame.payload.hex(' ')}, seq {frame.seq}"


@cocotb.test()
async def board(dut: Any) -> None:
    job = Job.current()
    line = Line(dut, job.design.uart_divisor)
    host = Host(line, job)
    await line.wait(IDLE_BITS)  # at time 0 the design's initial values are not out yet
    line.listen()
    try:
        for phase in PHASES:
            try:
                await phase(host)
            except RefutedError as error:
                raise RefutedError(f"{phase.__name__.replace('_', ' ')}: {error}") from error
    except RefutedError as error:
        job.finish(refuted=str(error))
        raise
    job.finish(refuted=None)
