"""The board's design over its UART, against the golden model. Runs inside the simulator.

Whatever happens on the line, a RESULT must be that of the vector that was sent under its
seq; the bench says which frame of which phase was answered otherwise. What it does with a design
that has state is in lgncc.sim.board_steps.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import cocotb

from lgncc.host.frames import BITS_A_BYTE, Frame, FrameType
from lgncc.sim.board_clocks import other_clocks
from lgncc.sim.board_frames import body, crc, faults, flipped_byte, flipped_level, wire
from lgncc.sim.board_host import IDLE_BITS, Exchange, Host, identity, show
from lgncc.sim.board_steps import STEP_PHASES
from lgncc.sim.board_top import explain
from lgncc.sim.job import Job, RefutedError, named
from lgncc.sim.uart import Line, byte_levels

RATES = (0.985, 1.015)
"""Of the host's baud rate: each end may be 2 % off (hw/uart.py), rounding not counted."""
FLIPS_CYCLES = 500_000
"""Clock cycles that the frames with random damage may take together."""


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
    for number, fault in enumerate(faults(host.payload(0), 0x5A, host.key)):
        index = number % len(host.inputs)
        error = Frame(FrameType.ERROR, fault.seq, bytes([fault.code]))
        exchanges += [
            Exchange(fault.name, fault.levels, error, undamaged),
            host.infer(index, number),
        ]
    await host.converse(exchanges)
    unused = 8 * host.in_bytes - host.in_width
    ones = (1 << unused) - 1 << host.in_width
    padded = (host.inputs[0] | ones).to_bytes(host.in_bytes, "little")
    await host.converse([host.by_hand("unused bits at 1", 0, 1, padded)])
    await host.line.send(byte_levels(bytes([0xC0] * 5)))
    await host.silence("after empty frames")


async def random_damage(host: Host) -> None:
    """Bits flipped anywhere in a frame: in its bytes, and on the line."""
    random = Random(3)
    cycles = 2 * host.job.design.exchange_cycles(host.in_bytes + host.out_bytes + 16)
    for number in range(min(max(FLIPS_CYCLES // cycles, 8), 128)):
        index = random.randrange(len(host.inputs))
        content = body(FrameType.INFER, number % 256, host.payload(index))
        frame = wire(content, before=host.build_id)
        damage = flipped_level if number % 2 else flipped_byte
        await host.survive(f"flip {number}", damage(frame, random), host.infer(index, 0xA5))
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
            raise RefutedError(f"a flood of requests: got {show(answer)}")
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
        await host.reset()
        await host.silence(label)
        again = host.infer(len(host.inputs) - 1, 0x34)
        await host.converse([replace(again, label=f"{label}, then {again.label}")])


PHASES = (identity, all_vectors, other_rates, damaged_frames, random_damage, overrun, resets)


@cocotb.test()
async def board(dut: Any) -> None:
    job = Job.current()
    line = Line(dut, job.design.uart_divisor, job.design.core_ratio)
    host = Host(line, job)
    await line.wait(IDLE_BITS)  # at time 0 the design's initial values are not out yet
    line.listen()
    with job.judged():
        for phase in (*(STEP_PHASES if job.design.has_state else PHASES), other_clocks):
            with named(phase):
                await phase(host)
                if fault := explain(int(dut.fault.value)):
                    raise RefutedError(fault)
