"""A serial port: opened for one client alone, its failures told apart.

Nothing here knows frames. `PortLostError` is what an unplugged cable raises; the client decides
whether to wait for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import termios
import time
from types import TracebackType

from lgncc.errors import EnvironmentLacksError

READ_BYTES = 4096
POLL_S = 0.2

BRIDGES = {
    (0x0403, 0x6010): "FT2232H (iCEBreaker, Tang Nano 9K)",
    (0x0403, 0x6014): "FT232H",
    (0x0403, 0x6015): "FT231X (ULX3S)",
}
"""USB ids of the bridges on the boards that lgncc knows. Other devices are never written to."""


class PortLostError(EnvironmentLacksError):
    """The port was there and is gone."""


class Port:
    """An open port; use it as a context manager. All times in seconds."""

    def __init__(self, path: str, baud: int) -> None:
        """Raises EnvironmentLacksError: absent, forbidden, or in another client's hands."""
        import serial

        self.path = path
        try:
            self._serial = serial.Serial(path, baud, exclusive=True)
            self._fd: int = self._serial.fileno()  # it does not block
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
            raise EnvironmentLacksError(_why_closed(path, baud, error)) from error

    def __enter__(self) -> Port:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(termios.error):  # it may be lost
            termios.tcflush(self._fd, termios.TCOFLUSH)  # nobody will hear the answers
        self._serial.close()

    def exchange(self, data: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send what fits of `data` and take what has come; waits until one of both is possible.

        Returns the bytes sent and those that came; after `timeout_s`, none of either.
        """
        sent, came = 0, b""
        try:
            writable = [self._fd] if data else []
            readers, writers, _ = select.select([self._fd], writable, [], timeout_s)
            if readers and not (came := os.read(self._fd, READ_BYTES)):
                raise PortLostError(f"{self.path}: lost")
            if writers:
                sent = os.write(self._fd, data)
        except BlockingIOError:
            pass  # somebody was quicker than select
        except OSError as error:
            raise PortLostError(f"{self.path}: lost: {error}") from error
        return sent, came


def reopen(path: str, baud: int, patience_s: float) -> Port:
    """Wait until a lost port is back. Raises EnvironmentLacksError where it does not come."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return Port(path, baud)
        except EnvironmentLacksError as error:
            if time.monotonic() > deadline:
                raise EnvironmentLacksError(
                    f"{path}: the port was lost and did not come back within {patience_s:g} s.\n"
                    f"  Is the cable plugged in? Last try: {str(error).splitlines()[0]}"
                ) from error
        time.sleep(POLL_S)


def candidate_ports() -> list[str]:
    """Ports of boards that lgncc knows, of a device with several the last one.

    The first port of an FT2232H drives the flash or JTAG, the second is the UART.
    """
    from serial.tools import list_ports

    last: dict[tuple[object, ...], str] = {}
    for port in sorted(list_ports.comports(), key=lambda p: (p.location or "", p.device)):
        if (port.vid, port.pid) in BRIDGES:
            device = (port.location or port.device).partition(":")[0]
            last[device, port.serial_number] = port.device
    return list(last.values())


def _why_closed(path: str, baud: int, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return (
            f"{path}: no such port.\n"
            "  Is the board plugged in? `lgncc run` without --port looks for it."
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{path}: permission denied.\n"
            "  sudo usermod -aG dialout $USER, then log in again (on Debian; elsewhere the group "
            "may be uucp)"
        )
    if number in (errno.EAGAIN, errno.EBUSY):
        return f"{path}: in use by another program; a board has one client at a time."
    return f"{path}: cannot be opened at {baud} baud: {error}"
