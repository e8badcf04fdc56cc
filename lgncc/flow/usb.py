"""The USB devices that Linux knows, from sysfs: what programmers do not say, looked up before.

iceprog says the same of a board that is absent and of one that may not be opened, and takes the
first of two (YosysHQ/icestorm#349, trabucayre/openFPGALoader#366).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/bus/usb/devices")
NODES = Path("/dev/bus/usb")

UsbId = tuple[int, int]


@dataclass(frozen=True)
class UsbDevice:
    """id: vendor and product; serial and product may be empty."""

    id: UsbId
    bus: int
    number: int
    serial: str
    product: str

    @property
    def node(self) -> Path:
        return NODES / f"{self.bus:03}" / f"{self.number:03}"

    @property
    def may_be_opened(self) -> bool:
        return os.access(self.node, os.R_OK | os.W_OK)

    def __str__(self) -> str:
        name = f" {self.product}" if self.product else ""
        serial = f", serial {self.serial}" if self.serial else ", no serial"
        return f"{self.bus}:{self.number}{name} ({self.id[0]:04x}:{self.id[1]:04x}{serial})"


def devices(ids: tuple[UsbId, ...]) -> list[UsbDevice] | None:
    """Those with one of these ids, by bus and number; None where the system does not say."""
    if not SYSFS.is_dir():
        return None
    found = []
    for folder in SYSFS.iterdir():
        with contextlib.suppress(OSError, ValueError):  # interfaces; unplugged meanwhile
            usb_id = (int(_read(folder, "idVendor"), 16), int(_read(folder, "idProduct"), 16))
            if usb_id in ids:
                numbers = int(_read(folder, "busnum")), int(_read(folder, "devnum"))
                texts = [_optional(folder, name) for name in ("serial", "product")]
                found.append(UsbDevice(usb_id, *numbers, *texts))
    return sorted(found, key=lambda device: (device.bus, device.number))


def _read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8", errors="replace").strip()


def _optional(folder: Path, name: str) -> str:
    return _read(folder, name) if (folder / name).is_file() else ""
