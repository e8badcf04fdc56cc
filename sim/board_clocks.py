"""A board whose core has a clock of its own: at other rates, and while its phase drifts. Runs
inside the simulator.

What crosses between two clocks must not depend on their ratio. Here that of the design is left.
"""

from __future__ import annotations

from random import Random

import cocotb

from lgncc.sim.board_host import Exchange, Host
from lgncc.sim.board_steps import Steps

CORE_PERIODS = (541, 201, 199, 77, 26)
"""Of `core_clk`, in time steps, of which a cycle of `clk` has 200: slower than it, just off it, and
faster, and none in a whole ratio, so that every phase of the one meets the other."""
DRIFT_PERIODS = (27, 60)
DRIFT_BITS = 0.7
FEW = 3


def few(host: Host) -> list[Exchange]:
    """Requests that may be made at any time."""
    if host.job.design.has_state:
        return Steps(host, most=FEW).exchanges
    return [host.infer(index, 0x40 + index) for index in range(min(FEW, len(host.inputs)))]


async def other_clocks(host: Host) -> None:
    """At each of these periods, and at one that changes all the time."""
    if not host.job.design.core_hz:
        return
    for steps in CORE_PERIODS:
        host.line.clock_core(steps)
        await host.converse(few(host))

    async def drift() -> None:
        random = Random(5)
        while True:
            host.line.clock_core(random.randrange(*DRIFT_PERIODS))
            await host.line.wait(DRIFT_BITS * random.random())

    drifting = cocotb.start_soon(drift())
    await host.converse(few(host))
    drifting.cancel()
