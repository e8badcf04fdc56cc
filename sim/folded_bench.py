"""A gate processor, cycle by cycle, against the golden model's answers. Runs inside the simulator.

It takes vectors lane by lane, evaluates them together and answers in their order. From what the
design states of itself the bench knows for each cycle whether `o__valid` and `i__ready` are 1.
While they must stay 0 for long, the simulator runs by itself, and any change is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import First, Timer, ValueChange

from lgncc.sim.core_bench import STALL_RATES, Pins
from lgncc.sim.job import Batch, Job, RefutedError, named

RESETS = 4
FEW_CYCLES = 64  # for which it is not worth letting the simulator run by itself


class Scoreboard:
    """Predicts the core's outputs and compares. Cycles are counted from the last reset on."""

    def __init__(self, dut: Any, job: Job, batch: Batch) -> None:
        self.pins, self.job, self.batch = Pins(dut), job, batch
        self.inputs, self.answers = job.load_vectors()
        self.random = Random(1)
        self.pauses, self.pause, self.hold = False, 0.0, 0.0  # chances to keep a side waiting
        self.begin()

    def begin(self) -> None:
        """As after a reset."""
        self.waiting: deque[int] = deque()  # vectors to be offered, in their order
        self.loaded: deque[int] = deque()
        self.offering = False
        self.now, self.quiet_until = 0, self.batch.start_cycles
        self.then = "accept"  # what happens from `quiet_until` on: accept, decide or answer

    async def run(self, vectors: Iterable[int], until: int | None = None) -> None:
        """Until all of these are answered, or until a cycle."""
        self.waiting.extend(vectors)
        while (self.waiting or self.loaded) and (until is None or self.now < until):
            quiet = self.quiet_until - self.now
            if quiet <= FEW_CYCLES:
                await self.step()
                continue
            cycles = self.random.randrange(FEW_CYCLES // 2, quiet) if self.pauses else quiet - 1
            if until is not None:
                cycles = min(cycles, max(until - self.now, FEW_CYCLES // 2))
            await self.rest(cycles)

    def choose(self) -> tuple[int | None, bool]:
        """What is offered, which stays so until it is accepted, and whether an answer is taken."""
        if self.pauses and self.random.random() < 0.05:
            self.pause, self.hold = (self.random.choice(STALL_RATES) for _ in range(2))
        begins = self.offering or self.random.random() >= self.pause * self.pauses
        self.offering = bool(self.waiting) and begins
        payload = self.inputs[self.waiting[0]] if self.offering else None
        return payload, self.random.random() >= self.hold * self.pauses

    async def step(self) -> None:
        payload, o_ready = self.choose()
        seen = await self.pins.cycle(payload, o_ready=o_ready)
        then = self.then if self.now >= self.quiet_until else ""
        wanted = then == "answer" and self.wants(self.loaded[0])
        self.check("i__ready", seen.i_ready, then == "accept")
        self.check("o__valid", seen.o_valid, wanted)
        if then == "accept" and self.offering:
            self.loaded.append(self.waiting.popleft())
            self.offering, self.then = False, "decide"
            self.quiet_until = self.now + self.batch.load_cycles
        elif then == "decide":
            more = len(self.loaded) < self.batch.lanes and self.offering
            self.then = "accept" if more else "answer"
            self.quiet_until = self.now + (1 if more else self.batch.run_cycles)
        elif then == "answer":
            self.compare(seen.o_payload if wanted else None, taken=o_ready)
        self.now += 1

    async def rest(self, cycles: int) -> None:
        """Cycles of constant inputs, in which `i__ready` and `o__valid` must stay 0."""
        payload, o_ready = self.choose()
        dut = self.pins.dut
        seen = await self.pins.cycle(payload, o_ready=o_ready)
        await Timer(1, "step")
        clock = Clock(dut.clk, 2, "step", impl="gpi")
        clock.start()
        end = Timer(2 * cycles - 3, "step")
        fired = await First(end, ValueChange(dut.i__ready), ValueChange(dut.o__valid))
        clock.stop()
        dut.clk.value = 0
        if fired is not end or seen.i_ready or seen.o_valid:
            raise RefutedError(
                f"i__ready or o__valid is 1 between the cycles {self.now} and "
                f"{self.now + cycles} after the reset; the design states {self.batch}"
            )
        self.now += cycles

    def wants(self, index: int) -> bool:
        """Whether the vector is answered."""
        design = self.job.design
        return not design.answers_last or bool(self.inputs[index] >> design.in_width - 1)

    def check(self, port: str, value: bool, expected: bool) -> None:
        if value != expected:
            raise RefutedError(
                f"{port} is {int(value)} in cycle {self.now} after the reset; the design states "
                f"{self.batch}"
            )

    def compare(self, payload: int | None, *, taken: bool) -> None:
        expected = self.answers[self.loaded[0]]
        if payload is not None and payload != expected:
            difference = self.job.design.answer.difference(expected, payload)
            raise RefutedError(f"{self.job.label(self.loaded[0])}: {difference}")
        if taken or payload is None:
            self.loaded.popleft()
            self.then = "answer" if self.loaded else "accept"

    async def reset(self) -> None:
        await self.pins.cycle(None, o_ready=False, rst=True)
        self.begin()


async def back_to_back(board: Scoreboard) -> None:
    """All vectors, nobody ever waiting."""
    board.pauses = False
    await board.run(range(len(board.inputs)))


async def stalls(board: Scoreboard) -> None:
    """All vectors, both sides pausing at random."""
    board.pauses = True
    await board.run(range(len(board.inputs)))


async def resets(board: Scoreboard) -> None:
    """A reset somewhere in a batch; then what it would have answered must not come."""
    design, batch = board.job.design, board.batch
    first = 1 << design.in_width - 1 - design.answers_last
    # Those whose answers do not depend on what was asked before.
    alone = [n for n, x in enumerate(board.inputs) if not design.has_state or x & first]
    last = batch.start_cycles + batch.lanes * batch.load_cycles + batch.run_cycles
    for trial in range(RESETS):
        board.pauses = trial % 2 == 1
        some = [board.random.choice(alone) for _ in range(batch.lanes)]
        await board.run(some, until=board.random.randrange(last))
        await board.reset()
        await board.run([board.random.choice(alone)])


@cocotb.test()
async def core(dut: Any) -> None:
    job = Job.current()
    assert job.design.batch is not None
    with job.judged():
        job.check_widths(dut)
        board = Scoreboard(dut, job, job.design.batch)
        for phase in (back_to_back, stalls, resets):
            await board.reset()
            with named(phase):
                await phase(board)
