"""One board at the end of a port: asks until every answer is there, or says why it cannot be.

    with Client.connect(port, build) as client:
        answers = client.infer(payloads)

Lost, damaged, repeated bytes and a board's reset are retried in silence; a lost port is waited
for; another bitstream, and a board that does not answer, end with one message.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from lgncc.errors import DesignError, EnvironmentLacksError
from lgncc.host.build import Build
from lgncc.host.frames import (
    END,
    IDENT,
    Decoder,
    Frame,
    FrameType,
    Ident,
    checksum,
    encode,
)
from lgncc.host.port import Port, PortLostError, candidate_ports, reopen
from lgncc.host.steps import MAX_OPEN, StepWindow
from lgncc.host.window import Packed, Window

CHUNK_BYTES = 512
BASE_TIMEOUT_S = 0.3
FIRST_TIMEOUT_S = 1.0
INTERVALS = 16
"""Timeout in usual intervals between bytes that come, besides the base."""
FRUITLESS_S = 10.0
"""Timeout where bytes come, but no answers."""
MAX_TIMEOUTS = 6
ASK_AGAIN_AFTER = 3
IDENT_TRIES_S = (0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0)
PROBE_TRIES = 3
"""Of a port that may well have something else behind it."""
REPLUG_S = 30.0

ENDS = bytes([END, END])
"""End whatever was half sent before."""

Progress = Callable[[int], None]
Notice = Callable[[str], None]
Asked = Window | StepWindow


class Client:
    """A board that has said it is `build`. `infer` may be called any number of times."""

    def __init__(self, port: Port, build: Build, notice: Notice = lambda _: None) -> None:
        self._port = port
        self.build = build
        self.notice = notice
        self.replug_s = REPLUG_S
        self.retries = 0
        """Requests sent more than once, over all calls."""

    @classmethod
    def connect(cls, path: str | None, build: Build, notice: Notice = lambda _: None) -> Client:
        """Open the port, or the only one with this build; make sure it is this build."""
        port = Port(path, build.baud) if path else find_port(build)
        client = cls(port, build, notice)
        try:
            client._require_build()
        except BaseException:
            port.close()
            raise
        return client

    @property
    def path(self) -> str:
        return self._port.path

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._port.close()

    def infer(self, payloads: Packed, progress: Progress = lambda _: None) -> Packed:
        """Answers uint8 (n, out_bytes) to vectors uint8 (n, in_bytes), each bit checked."""
        window = Window(payloads, self.build.out_bytes, self.build.key, self.build.core_bytes)
        self.ask(window, progress)
        return window.answers

    def steps(self, max_open: int = MAX_OPEN) -> StepWindow:
        """For a design with state: room for steps, that `ask` asks."""
        build = self.build
        return StepWindow(
            build.in_bytes,
            build.out_bytes,
            build.key,
            build.core_bytes,
            answers_last=build.answers_last,
            max_open=max_open,
        )

    def ask(self, window: Asked, progress: Progress = lambda _: None) -> None:
        """Until all that was put there is answered."""
        before = window.retries
        try:
            while not window.done:
                try:
                    self._converse(window, progress)
                except PortLostError:
                    self._reconnect(window)
        finally:
            self.retries += window.retries - before

    def _converse(self, window: Asked, progress: Progress) -> None:
        """Until all is answered; raises PortLostError and what giving up raises."""
        unsent = b""
        interval_s = 0.0  # usual, between bytes that come
        patience_s = FIRST_TIMEOUT_S
        timeouts = 0
        heard = answered = time.monotonic()
        while not window.done:
            unsent = unsent or window.to_send(CHUNK_BYTES)
            silence_s = patience_s * 2**timeouts
            wait_s = max(heard + silence_s - time.monotonic(), 0.0)
            sent, came = self._port.exchange(unsent, wait_s)
            unsent = unsent[sent:]
            now = time.monotonic()
            if came:
                interval_s += (now - heard - interval_s) / 8
                patience_s = BASE_TIMEOUT_S + INTERVALS * interval_s
                heard = now
                if window.receive(came):
                    answered, timeouts = now, 0
                    progress(window.answered)
            if now - heard >= silence_s or now - answered >= FRUITLESS_S:
                timeouts += 1
                self._after_timeout(window, timeouts)
                unsent = ENDS  # whatever is half sent ends here
                heard = answered = time.monotonic()

    def _after_timeout(self, window: Asked, timeouts: int) -> None:
        if timeouts == ASK_AGAIN_AFTER:
            self._require_build()
        if timeouts > MAX_TIMEOUTS:
            raise DesignError(
                f"{self.path}: the board answers IDENT, but of the last requests none in "
                f"{timeouts} tries ({window.answered:,} of {len(window):,} samples were "
                "answered).\n  Is the line very noisy? Try a shorter cable.\n"
                "  Has something else written the flash? A program in it runs only if it is this "
                f"build's: lgncc program {self.build.folder}"
            )
        window.resend()

    def _reconnect(self, window: Asked) -> None:
        path = self.path
        self.notice(f"{path}: the port is gone; waiting {self.replug_s:g} s for it")
        self._port.close()
        self._port = reopen(path, self.build.baud, self.replug_s)
        window.resend()
        with suppress(PortLostError):  # a loose plug: whoever writes next will notice
            self._require_build()
            self.notice(f"{path}: back, with the same build; going on")

    def _require_build(self) -> None:
        """Raises DesignError where the board is of another build, or says nothing."""
        ident = identify(self._port)
        if ident is None:
            raise EnvironmentLacksError(
                f"{self.path}: no lgncc board answers at {self.build.baud} baud.\n"
                f"  Is it programmed? lgncc program {self.build.folder}"
            )
        require_same(ident, self.build, self.path)


def require_same(ident: Ident, build: Build, path: str) -> None:
    """Raises DesignError where the board runs another bitstream."""
    expected = Ident(
        ident.version, build.build_id, build.in_width, build.answer.total_width, build.features
    )
    if ident != expected:
        raise DesignError(
            f"{path}: wrong bitstream: the board runs build {ident.build_id.hex()} "
            f"({ident.in_width} bits in, {ident.out_width} out), {build.folder} is build "
            f"{build.build_id.hex()} ({build.in_width} in, {build.answer.total_width} out).\n"
            f"  lgncc program {build.folder}"
        )


def identify(port: Port, tries: int | None = None) -> Ident | None:
    """Who is there; None where nobody answers."""
    first = os.urandom(1)[0]
    for number, wait_s in enumerate(IDENT_TRIES_S[:tries]):
        request = Frame(FrameType.IDENT, (first + number) % 256)
        start = checksum(request)

        def starts(kind: int, seq: int, request: Frame = request, start: int = start) -> int | None:
            return start if (kind, seq) == (FrameType.IDENT_REPLY, request.seq) else None

        decoder = Decoder(starts, IDENT.size)
        unsent = ENDS + encode(request)
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            sent, came = port.exchange(unsent, left)
            unsent = unsent[sent:]
            for frame in decoder.feed(came):
                if isinstance(frame, Frame):
                    return Ident.parse(frame.payload)
    return None


def find_port(build: Build) -> Port:
    """The one port whose board runs `build`. Raises EnvironmentLacksError unless there is one."""
    found: list[Port] = []
    said: list[str] = []
    for path in candidate_ports():
        try:
            port = Port(path, build.baud)
        except EnvironmentLacksError as error:
            said.append(str(error).splitlines()[0])
            continue
        ident = identify(port, PROBE_TRIES)
        if ident is not None and ident.build_id == build.build_id:
            found.append(port)
            continue
        port.close()
        state = "no lgncc board" if ident is None else f"runs build {ident.build_id.hex()}"
        said.append(f"{path}: {state}")
    if len(found) == 1:
        return found[0]
    for port in found:
        port.close()
    if found:
        listed = ", ".join(port.path for port in found)
        raise EnvironmentLacksError(
            f"two boards run this build: {listed}.\n  Choose one with --port."
        )
    seen = "".join(f"\n  {line}" for line in said)
    raise EnvironmentLacksError(
        f"no board with build {build.build_id.hex()} was found.{seen}\n"
        f"  Plug it in and run lgncc program {build.folder}, name its port with --port, or start "
        f"lgncc simboard {build.folder}"
    )
