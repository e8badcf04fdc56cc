"""The host of the board's benches: sends frames, compares what comes. Runs inside the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from lgncc.host.frames import (
    BITS_A_BYTE,
    ERROR_CODES,
    IDENT,
    PROTOCOL_VERSION,
    Features,
    Frame,
    FrameError,
    FrameType,
    Ident,
    bytes_for,
    checksum,
    encode,
)
from lgncc.sim.board_frames import IDENT_REQUEST, body, crc, wire
from lgncc.sim.job import Job, RefutedError
from lgncc.sim.uart import Line, byte_levels

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
        self.key = crc(self.build_id)
        above = job.design.has_state + job.design.answers_last  # flags
        self.in_width = job.design.in_width - above
        self.in_bytes = bytes_for(self.in_width)
        self.out_bytes = bytes_for(job.design.answer.total_width)
        # Twice the longest response, all of it escaped, and the core's own time.
        self.timeout_bits = 2 * BITS_A_BYTE * (2 * max(self.out_bytes, IDENT.size) + 12) + 100
        start_cycles = job.design.batch.start_cycles if job.design.batch else 0
        # The core's own clock, if it has one, is never slower than a third of the link's.
        slowest = 3 if job.design.core_hz else 1
        self.start_bits = slowest * start_cycles / job.design.uart_divisor
        latency_bits = slowest * job.design.latency_cycles // job.design.uart_divisor
        self.timeout_bits += round(self.start_bits) + latency_bits

    def payload(self, index: int) -> bytes:
        features = self.inputs[index] & (1 << self.in_width) - 1
        return features.to_bytes(self.in_bytes, "little")

    @property
    def ident(self) -> Ident:
        """What the board must say of itself."""
        design = self.job.design
        state = Features.STATE if design.has_state else Features.NONE
        last = Features.LAST_STEP if design.answers_last else Features.NONE
        width = design.answer.total_width
        return Ident(PROTOCOL_VERSION, self.build_id, self.in_width, width, state | last)

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
        raise RefutedError(f"{label}: expected {show(expected)}, got {show(answer)}")

    async def silence(self, label: str) -> None:
        """Nothing more may come."""
        answer = await self.line.receive(self.timeout_bits)
        if answer is not None:
            raise RefutedError(f"{label}: then the board sent {show(answer)}, unasked")

    async def reset(self) -> None:
        """For a bit's time; what the board was saying is forgotten."""
        self.line.dut.rst.value = 1
        await self.line.wait(1)
        self.line.dut.rst.value = 0
        self.line.listen()

    async def survive(self, label: str, levels: list[int], good: Exchange) -> None:
        """Damage that nobody can predict the answers to: ERRORs only, then all is well."""
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
    reply = Frame(FrameType.IDENT_REPLY, 0, host.ident.pack())
    request = body(FrameType.IDENT, 0)
    await host.converse(
        [Exchange("IDENT request", byte_levels(IDENT_REQUEST), reply, crc(request))]
    )
    raw = wire(body(0x82, 0, reply.payload), before=request)
    if bytes(host.line.heard) != raw:
        raise RefutedError(f"IDENT reply: expected {raw.hex(' ')}, got {host.line.heard.hex(' ')}")
    # Until the core can take a vector, the board has no room for a second one, and says so.
    await host.line.wait(host.start_bits)


def show(frame: Frame | FrameError | None) -> str:
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
