"""The core, cycle by cycle, against the golden model's answers. Runs inside the simulator.

The bench makes the clock itself, so that every value is read when it has settled,
whatever a simulator's order of events. From the latency, the interval and the capacity that
the design states it knows for each cycle whether `o__valid` and `i__ready` are 1. Time, for a
core without a capacity, is the cycles in which no answer is held up at `o`; one with a capacity
never stands still, and its answers wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import Timer

from lgncc.sim.job import Job, RefutedError, named

RESETS = 8
STALL_RATES = (0.0, 0.2, 0.5, 0.9)
"""Chances that a side is not ready in a cycle; each side changes its own now and then."""


@dataclass(frozen=True)
class Sampled:
    """The core's outputs just before a clock edge."""

    i_ready: bool
    o_valid: bool
    o_payload: int


class Pins:
    """The ports of `lgncc_core`."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        dut.clk.value = 0

    async def cycle(self, payload: int | None, *, o_ready: bool, rst: bool = False) -> Sampled:
        """One clock cycle that offers `payload`, if any."""
        dut = self.dut
        dut.rst.value = rst
        dut.i__valid.value = payload is not None
        if payload is not None:
            dut.i__payload.value = payload
        dut.o__ready.value = o_ready
        await Timer(1, "step")
        sampled = Sampled(
            bool(dut.i__ready.value), bool(dut.o__valid.value), int(dut.o__payload.value)
        )
        dut.clk.value = 1
        await Timer(1, "step")
        dut.clk.value = 0
        return sampled


class Scoreboard:
    """Predicts the core's outputs in each cycle and compares."""

    def __init__(self, pins: Pins, job: Job) -> None:
        self.pins, self.job = pins, job
        self.inputs, self.answers = job.load_vectors()
        first = 1 << job.design.in_width - 1 - job.design.answers_last
        # Vectors whose answers do not depend on what was asked before.
        self.alone = [
            index
            for index, vector in enumerate(self.inputs)
            if not job.design.has_state or vector & first
        ]
        self.inside: deque[tuple[int, int]] = deque()  # vector, time of its acceptance
        self.now = 0
        self.may_accept_at = deque([0] * job.design.sequences)  # the next vectors, by turns
        self.may_answer_at = 0

    async def step(self, index: int | None, o_ready: bool) -> bool:
        """One cycle that offers vector `index`, if any. True if the core accepted it."""
        design = self.job.design
        latency, capacity = design.latency_cycles, design.capacity
        payload = None if index is None else self.inputs[index]
        seen = await self.pins.cycle(payload, o_ready=o_ready)

        if seen.o_valid:
            if not self.inside:
                raise RefutedError("o__valid is 1, but no vector is inside")
            oldest, accepted_at = self.inside[0]
            if self.now < max(accepted_at + latency, self.may_answer_at):
                raise RefutedError(
                    f"{self.job.label(oldest)}: answered {self.now - accepted_at} cycles after "
                    f"it was accepted, the design states a latency of {latency}"
                )
            expected = self.answers[oldest]
            if seen.o_payload != expected:
                difference = design.answer.difference(expected, seen.o_payload)
                raise RefutedError(f"{self.job.label(oldest)}: {difference}")
        elif self.inside and self.now >= max(self.inside[0][1] + latency, self.may_answer_at):
            raise RefutedError(
                f"{self.job.label(self.inside[0][0])}: no answer after the latency of {latency} "
                "cycles that the design states"
            )
        stalled = seen.o_valid and not o_ready
        if capacity is None:
            room = not stalled
            where = "while an answer is held up at o" if stalled else "without a stall at o"
        else:
            room = len(self.inside) < capacity
            where = f"with {len(self.inside)} of {capacity} vectors inside"
        if seen.i_ready != (room and self.now >= self.may_accept_at[0]):
            raise RefutedError(
                f"i__ready is {int(seen.i_ready)} {where}, "
                f"{design.initiation_interval} being the initiation interval"
            )
        if seen.o_valid and o_ready:
            self.inside.popleft()
            self.may_answer_at = self.now + 1
        accepted = index is not None and seen.i_ready
        if accepted and index is not None:
            if not design.answers_last or self.inputs[index] >> design.in_width - 1:
                self.inside.append((index, self.now))
            self.may_accept_at.popleft()
            # With state a vector waits for the one before it in its sequence, else for any.
            wait = design.step_cycles if design.has_state else design.initiation_interval
            self.may_accept_at.append(self.now + (wait or design.initiation_interval))
        self.now += capacity is not None or not stalled
        return accepted

    async def drain(self, o_ready: bool = True) -> None:
        """Until every answer came, and long enough to see that no more come."""
        for _ in range(self.job.design.latency_cycles + (self.job.design.capacity or 0) + 2):
            await self.step(None, o_ready)

    async def reset(self) -> None:
        await self.pins.cycle(None, o_ready=False, rst=True)
        self.inside.clear()
        self.may_accept_at = deque([self.now] * len(self.may_accept_at))


async def back_to_back(board: Scoreboard) -> None:
    """All vectors, nobody ever waiting."""
    started, interval = board.now, board.job.design.initiation_interval
    for index in range(len(board.inputs)):
        while not await board.step(index, o_ready=True):
            if board.now > started + index * interval:
                raise RefutedError(
                    f"{board.job.label(index)}: not accepted, though nobody made the core wait, "
                    f"{interval} cycles after the one before"
                )
    await board.drain()


async def stalls(board: Scoreboard) -> None:
    """All vectors, both sides pausing at random."""
    random = Random(1)
    pause, hold = 0.0, 0.0
    for index in range(len(board.inputs)):
        accepted = False
        while not accepted:
            if random.random() < 0.05:
                pause, hold = random.choice(STALL_RATES), random.choice(STALL_RATES)
            offered = None if random.random() < pause else index
            accepted = await board.step(offered, o_ready=random.random() >= hold)
    await board.drain()


async def resets(board: Scoreboard) -> None:
    """A reset at different fillings of the stages, stalled and not."""
    random = Random(2)
    for trial in range(RESETS):
        held_up = trial % 2 == 1
        filling = board.job.design.capacity or board.job.design.latency_cycles
        for _ in range(filling + random.randrange(3)):
            await board.step(random.choice(board.alone), o_ready=not held_up)
        await board.reset()
        await board.drain(o_ready=not held_up)
        for _ in range(5):
            await board.step(random.choice(board.alone), o_ready=True)
        await board.drain()


@cocotb.test()
async def core(dut: Any) -> None:
    job = Job.current()
    with job.judged():
        job.check_widths(dut)
        board = Scoreboard(Pins(dut), job)
        await board.reset()
        for phase in (back_to_back, stalls, resets):
            with named(phase):
                await phase(board)
