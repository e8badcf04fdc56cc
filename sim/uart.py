"""The host's end of the board's UART, as levels on two wires. Runs inside the simulator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.task import Task
from cocotb.triggers import FallingEdge, SimTimeoutError, Timer, with_timeout

from lgncc.host.frames import Decoder, Frame, FrameError, FrameType

CLOCK_STEPS = 200
"""Time steps of a clock cycle: enough that a rate can be off by half a percent."""


def byte_levels(data: Iterable[int]) -> list[int]:
    """Line levels, one a bit time: a start bit, eight data bits, lowest first, a stop bit."""
    return [level for byte in data for level in (0, *(byte >> bit & 1 for bit in range(8)), 1)]


class Line:
    """Sends levels on `rx`, hears frames on `tx`; `heard` holds every byte since `listen`.

    `asked`: of each seq, the CRC that its answer's goes on from; ERRORs go on from none.
    """

    def __init__(self, dut: Any, divisor: int, core_ratio: float = 0.0) -> None:
        """core_ratio: cycles of `core_clk`, if there is one, in one of `clk`."""
        self.dut = dut
        self.bit_steps = divisor * CLOCK_STEPS
        self.heard = bytearray()
        self.asked: dict[int, int] = {}
        self._frames: Queue[Frame | FrameError] = Queue()
        self._listener: Task[None] | None = None
        dut.rst.value = 0
        dut.rx.value = 1
        dut.core_clk.value = 0
        self._core_clock: Clock | None = None
        Clock(dut.clk, CLOCK_STEPS, "step", impl="gpi").start()
        if core_ratio:
            self.clock_core(round(CLOCK_STEPS / core_ratio))

    def clock_core(self, steps: int) -> None:
        """From now on `core_clk` has a period of so many steps."""
        if self._core_clock is not None:
            self._core_clock.stop()
        half = steps // 2
        clock = Clock(self.dut.core_clk, steps, "step", period_high=half, impl="gpi")
        clock.start()
        self._core_clock = clock

    async def wait(self, bits: float) -> None:
        await Timer(max(round(bits * self.bit_steps), 1), "step")

    async def send(self, levels: Sequence[int], rate: float = 1.0) -> None:
        """Levels, one a bit time; `rate` is of the nominal baud rate. Leaves the line idle."""
        bit_steps = round(self.bit_steps / rate)
        for level, run in groupby(levels):
            self.dut.rx.value = level
            await Timer(len(list(run)) * bit_steps, "step")
        self.dut.rx.value = 1

    def listen(self) -> None:
        """Start anew: what was half heard is forgotten."""
        if self._listener is not None:
            self._listener.cancel()
        self.heard.clear()
        self._frames = Queue()
        self._listener = cocotb.start_soon(self._listen())

    async def receive(self, timeout_bits: float) -> Frame | FrameError | None:
        """The next frame, or None where none comes in time."""
        try:
            return await with_timeout(
                self._frames.get(), round(timeout_bits * self.bit_steps), "step"
            )
        except SimTimeoutError:
            return None

    async def _listen(self) -> None:
        decoder = Decoder(lambda kind, seq: 0 if kind == FrameType.ERROR else self.asked.get(seq))
        tx = self.dut.tx
        while True:
            if tx.value == 1:
                await FallingEdge(tx)
            await self.wait(1.5)
            byte = 0
            for bit in range(8):
                byte |= int(tx.value) << bit
                await self.wait(1)
            self.heard.append(byte)
            # Without a stop bit the byte is no byte: the decoder must not make a frame of it.
            frames = decoder.feed(bytes([byte]) if tx.value == 1 else b"\xdb\x00\xc0")
            for frame in frames:
                self._frames.put_nowait(frame)
