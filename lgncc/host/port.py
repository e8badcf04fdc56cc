"""A serial port: opened for one client alone, its failures told apart.

Nothing here knows frames. `PortLostError` is what an unplugged cable raises; the client decides
whether to wait for it.
"""

from __future__ import annotations

import errno
import time
from types import TracebackType

from lgncc.errors import EnvironmentLacksError

READ_BYTES = 4096
WRITE_TIMEOUT_S = 10.0
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
            self._serial = serial.Serial(
                path, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
            self._serial.reset_input_buffer()
        except (OSError, ValueError) as error:  # SerialException is an OSError
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
        self._serial.close()

    def read(self, timeout_s: float) -> bytes:
        """Whatever has come, at the latest after `timeout_s`; empty if nothing has."""
        try:
            if self._serial.timeout != timeout_s:
                self._serial.timeout = timeout_s
            first = self._serial.read(1)
            rest = self._serial.read(min(self._serial.in_waiting, READ_BYTES)) if first else b""
        except (OSError, TypeError) as error:  # TypeError: closed under pyserial's hands
            raise PortLostError(f"{self.path}: lost: {error}") from error
        return bytes(first + rest)

    def write(self, data: bytes) -> None:
        """All of `data` into the port's buffer."""
        import serial

        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise EnvironmentLacksError(
                f"{self.path}: takes no data for {WRITE_TIMEOUT_S:g} s; is it a serial port, and "
                "is flow control off?"
            ) from error
        except (OSError, TypeError) as error:
            raise PortLostError(f"{self.path}: lost: {error}") from error


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


def _why_closed(path: str, baud: int, error: OSError | ValueError) -> str:
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
