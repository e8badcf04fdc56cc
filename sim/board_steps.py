"""Sequences over the board's UART: each step is taken once and in order, whatever is sent.

The answers expected are those of the golden model's sequences. That a step was taken twice, or left
out, is seen in the answers after it, so each phase goes on with the sequence that it disturbed.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from lgncc.host.frames import BITS_A_BYTE, ErrorCode, Frame, FrameType, step_type
from lgncc.sim.board_frames import IDENT_REQUEST, body, crc, faults, flipped_byte, flipped_level
from lgncc.sim.board_frames import wire as framed
from lgncc.sim.board_host import IDLE_BITS, Exchange, Host, identity, show
from lgncc.sim.job import RefutedError
from lgncc.sim.uart import byte_levels

STEPS = 24
"""Of a sequence, in all phases but the one that takes all."""
COPIES = 3
FLIPS = 48
RATES = (0.985, 1.015)


class Steps:
    """A sequence from vector `begin` on, framed by the bench. Of step k: `exchanges` has what is
    sent and what must come, `frames` the bytes, `starts` the CRC that its own goes on from."""

    def __init__(self, host: Host, begin: int = 0, most: int = STEPS) -> None:
        answers_last = host.job.design.answers_last
        self.exchanges: list[Exchange] = []
        self.frames: list[bytes] = []
        self.starts = [host.key]
        self.kinds: list[FrameType] = []
        for index in range(begin, min(begin + most, len(host.inputs))):
            first, last = flags(host, index)
            if first and index > begin:
                break
            seq = index % 256
            kind = step_type(first=index == begin, last=answers_last and last)
            content = body(kind, seq, host.payload(index))
            asked = crc(content, self.starts[-1])
            answer = host.result(index, seq)
            if answers_last and not last:
                answer = Frame(FrameType.RESULT, seq)
            self.starts.append(asked)
            self.kinds.append(kind)
            self.frames.append(framed(content, asked))
            levels = byte_levels(self.frames[-1])
            self.exchanges.append(Exchange(host.job.label(index), levels, answer, asked))

    def __len__(self) -> int:
        return len(self.exchanges)


def flags(host: Host, index: int) -> tuple[bool, bool]:
    """Whether vector `index` begins and ends a sequence."""
    begins = [bool(vector >> host.in_width & 1) for vector in host.inputs[index : index + 2]]
    return begins[0], begins[-1] if len(begins) > 1 else True


def refusal(exchange: Exchange, code: ErrorCode, why: str) -> Exchange:
    """The same frame, which must not be taken."""
    error = Frame(FrameType.ERROR, exchange.expected.seq, bytes([code]))
    return replace(exchange, label=f"{exchange.label}, {why}", expected=error)


async def all_steps(host: Host) -> None:
    """Every sequence, as fast as the protocol allows."""
    begin = 0
    while begin < len(host.inputs):
        steps = Steps(host, begin, len(host.inputs))
        await host.converse(steps.exchanges)
        begin += len(steps)
    await host.silence("after the last step")


async def repeated_steps(host: Host) -> None:
    """Each step comes some times over, with an IDENT between: one answer, and one step."""
    random = Random(4)
    reply = Frame(FrameType.IDENT_REPLY, 0, host.ident.pack())
    levels, request = byte_levels(IDENT_REQUEST), crc(body(FrameType.IDENT, 0))
    ident = Exchange("IDENT request", levels, reply, request)
    for exchange in Steps(host).exchanges:
        between = exchange.expected.seq != ident.expected.seq
        for copy in range(random.randint(1, COPIES)):
            label = f"{exchange.label}, sent once more" if copy else exchange.label
            again = replace(exchange, label=label)
            await host.converse([again, ident] if between and random.random() < 0.3 else [again])


async def other_order(host: Host) -> None:
    """Steps left out, overtaken and of long ago: refused, and nothing changes."""
    steps = Steps(host).exchanges
    if len(steps) < 4:
        return
    late = "though the step before was not taken"
    old = "though it was taken long ago"
    infer = host.infer(0, 0)
    await host.converse([steps[0], refusal(steps[2], ErrorCode.CRC, late)])
    await host.converse([steps[1], refusal(infer, ErrorCode.TYPE, "as INFER")])
    await host.converse([refusal(steps[3], ErrorCode.CRC, late), steps[2]])
    await host.converse([refusal(steps[1], ErrorCode.CRC, old), steps[2], *steps[3:]])
    # The first one begins anew, wherever the sequence was.
    await host.converse([steps[0], steps[0], *steps[1:3], steps[0], *steps[1:]])


async def other_rates(host: Host) -> None:
    """A host whose clock is off as far as it may be."""
    for rate in RATES:
        await host.converse(Steps(host, most=4).exchanges, rate)


async def damaged_steps(host: Host) -> None:
    """Each kind of damage to the next step gets its ERROR; then the sequence goes on."""
    steps = Steps(host)
    exchanges = []
    for number in range(len(faults(b"\0", 0, 0))):
        at = number % len(steps)
        good = steps.exchanges[at]
        payload, seq = host.payload(at), good.expected.seq
        fault = faults(payload, seq, steps.starts[at], steps.kinds[at])[number]
        error = Frame(FrameType.ERROR, fault.seq, bytes([fault.code]))
        exchanges += [Exchange(fault.name, fault.levels, error, good.asked), good]
    await host.converse(exchanges)


async def random_damage(host: Host) -> None:
    """Bits flipped in steps that are the next, and in steps that were taken just before."""
    random = Random(3)
    steps = Steps(host)
    for number in range(FLIPS):
        at = number % len(steps)
        good = steps.exchanges[at]
        damage = flipped_level if number % 2 else flipped_byte
        await host.survive(f"flip {number}", damage(steps.frames[at], random), good)
        # Of a step that is taken for a repeated one, only the CRC counts: its seq may be another.
        host.line.asked = dict.fromkeys(range(256), good.asked)
        await host.line.send(damage(steps.frames[at], random))
        await host.line.wait(IDLE_BITS)
        while (answer := await host.line.receive(host.timeout_bits)) is not None:
            if isinstance(answer, Frame) and answer.type == FrameType.ERROR:
                continue
            if isinstance(answer, Frame) and good.expected == replace(
                answer, seq=good.expected.seq
            ):
                continue
            raise RefutedError(f"flip {number} of a repeated step: got {show(answer)}")


async def overrun(host: Host) -> None:
    """More steps than the board holds: it may lose some, and then all after, but answers none
    wrongly."""
    steps = Steps(host)
    for exchange in steps.exchanges:
        await host.send(exchange)
    expected = {e.expected.seq: e for e in steps.exchanges}
    while (answer := await host.line.receive(host.timeout_bits)) is not None:
        if isinstance(answer, Frame) and answer.type == FrameType.ERROR:
            continue
        if not isinstance(answer, Frame) or answer.seq not in expected:
            raise RefutedError(f"a flood of steps: got {show(answer)}")
        host.compare(expected[answer.seq].label, expected[answer.seq].expected, answer)
    await host.converse(steps.exchanges)


async def resets(host: Host) -> None:
    """Amid a step, amid an answer and between steps: the sequence is gone, and can begin anew."""
    steps = Steps(host)
    if len(steps) < 3:
        return
    whole = byte_levels(steps.frames[2])
    for label, levels, later_bits in (
        ("reset between steps", [], 0.0),
        ("reset amid a step", whole[: len(whole) // 2], 0.0),
        ("reset amid an answer", whole, 4.5 * BITS_A_BYTE),
    ):
        await host.converse(steps.exchanges[:2])
        await host.line.send(levels)
        await host.line.wait(later_bits)
        await host.reset()
        await host.silence(label)
        gone = refusal(steps.exchanges[2], ErrorCode.SEQUENCE, f"after a {label}")
        again = refusal(steps.exchanges[1], ErrorCode.SEQUENCE, f"after a {label}")
        await host.converse([gone, again, *steps.exchanges])


STEP_PHASES = (
    identity,
    all_steps,
    repeated_steps,
    other_order,
    other_rates,
    damaged_steps,
    random_damage,
    overrun,
    resets,
)
