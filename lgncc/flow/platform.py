"""From an Amaranth component to what synthesis reads: RTLIL, extra HDL files, pin constraints.

The board's pins come from its amaranth-boards platform. The platform also knows how to run the
tools; we take its files and leave its scripts, because our steps log, cache and judge.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.flow.families import family_of, input_hz
from lgncc.flow.pll import PllClock

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

    from lgncc.boards import Board

TOP = "top"
SHELL = "shell"  # cell names of the component begin with "shell."
_HDL = (".v", ".sv", ".il", ".hex")
_CLOCK_LINE = re.compile(r"^ *(set_frequency|FREQUENCY) .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PlatformDesign:
    """A whole board design as text.

    `hdl` holds, by file name, the modules that `rtlil` instantiates but does not define, and the
    contents of their memories;
    `constraints` is the family's pin file (.pcf for iCE40), without the clock; `clock_hz` is the
    clock of the domain `sync`.
    """

    rtlil: str
    hdl: Mapping[str, str]
    constraints: str
    clock_hz: int


def elaborate(
    board: Board,
    component: Component,
    extra_files: Mapping[str, str] | None = None,
    *,
    two_clocks: bool = False,
) -> PlatformDesign:
    """Put `component` (ports `rx: In(1)`, `tx: Out(1)`) on the board's UART.

    It becomes `shell` in the top module. HDL of external modules comes from `extra_files` (name to
    text) or from the component itself through `platform.add_file`. two_clocks: it has the PLL's
    clock in a domain `core` only, and in `sync` the one that the PLL gets.
    """
    platform = _platform(board)
    for name, text in (extra_files or {}).items():
        platform.add_file(name, text)
    # Without source locations the text, and so the key of every later step, depends on the
    # design alone and not on where lgncc is installed.
    plan = platform.build(
        _top(board, component, platform, two_clocks),
        name=TOP,
        do_build=False,
        emit_src=False,
        debug_verilog=False,
    )
    files = {
        name: text if isinstance(text, str) else text.decode() for name, text in plan.files.items()
    }
    pins = next(files[f"{TOP}{s}"] for s in (".pcf", ".lpf", ".cst") if f"{TOP}{s}" in files)
    return PlatformDesign(
        rtlil=files[f"{TOP}.il"],
        hdl={name: files[name] for name in platform.extra_files if name.endswith(_HDL)},
        # The goal is an option of nextpnr, the same for families whose pin file cannot state it. Of
        # two clocks, nextpnr derives the second one's from the first one's and the PLL.
        constraints=pins if two_clocks else _CLOCK_LINE.sub("", pins),
        clock_hz=(input_hz(board) if two_clocks else None) or board.clock.hz,
    )


def platform_clock_hz(platform: Any) -> int:
    """Frequency of the platform's default clock.

    Amaranth 0.5 states a frequency; its main branch replaces that by a period.
    """
    if hasattr(platform, "default_clk_frequency"):
        return int(platform.default_clk_frequency)
    return int(platform.default_clk_period.hertz)


def _platform(board: Board) -> Any:
    module, _, name = board.platform.partition(":")
    try:
        platform = getattr(importlib.import_module(module), name)()
    except ModuleNotFoundError as error:
        raise EnvironmentLacksError(
            f"board {board.name}: the platform {board.platform} cannot be imported: {error}.\n"
            f"  pip install amaranth-boards (or the package that has it)"
        ) from error
    except AttributeError as error:
        raise InputError(f"board {board.name}: {module} has no platform {name!r}") from error
    clock_hz = platform_clock_hz(platform)
    clock = board.clock
    stated_hz = clock.input_hz if isinstance(clock, PllClock) else clock.hz
    if platform.default_clk != clock.resource or clock_hz != stated_hz:
        raise InputError(
            f"board {board.name}: its file says clock {clock.resource} at "
            f"{stated_hz} Hz, its platform says {platform.default_clk} at {clock_hz} Hz"
        )
    return platform


def _top(board: Board, component: Component, platform: Any, two_clocks: bool) -> Any:
    from amaranth.hdl import ClockDomain, Module
    from amaranth.lib import io

    uart = (board.uart.resource, board.uart.number)
    wires = platform.lookup(*uart).ios  # rx, tx and, on some boards, handshake lines left alone
    pins = platform.request(*uart, dir={wire.name: "-" for wire in wires})
    m = Module()
    if isinstance(board.clock, PllClock):  # else the platform makes the domain
        m.domains.sync = ClockDomain("sync")
        if two_clocks:
            m.domains.core = ClockDomain("core")
        m.submodules.cd_sync = _pll(board, board.clock, platform, two_clocks)
    m.submodules[SHELL] = component
    m.submodules.rx_pin = rx_pin = io.Buffer("i", pins.rx)
    m.submodules.tx_pin = tx_pin = io.Buffer("o", pins.tx)
    m.d.comb += [component.rx.eq(rx_pin.i), tx_pin.o.eq(component.tx)]
    return m


def _pll(board: Board, clock: PllClock, platform: Any, two_clocks: bool) -> Any:
    """Drive the domain `sync` from the PLL, or of two clocks the domain `core`, and `sync` from
    what the PLL gets; in reset until the PLL has locked.

    It locks after microseconds, which is also what the block RAM of iCE40 needs to wake up.
    """
    from amaranth.hdl import ClockSignal, Module, Signal
    from amaranth.lib import io
    from amaranth.lib.cdc import ResetSynchronizer

    out, locked = Signal(), Signal()
    m = Module()
    cell = family_of(board).pll
    source = platform.request(clock.resource, dir="-")
    if cell.input_is_free:
        m.submodules.clk_buf = buffer = io.Buffer("i", source)
        source = buffer.i
    m.submodules.pll = cell.instance(clock, source, out, locked)
    clocks = {"core": out, "sync": source} if two_clocks else {"sync": out}
    for domain, signal in clocks.items():
        m.d.comb += ClockSignal(domain).eq(signal)
        m.submodules[f"reset_{domain}"] = ResetSynchronizer(~locked, domain=domain)
    return m
