"""A build's bitstream into a board, by the board's own programmer, whose failures are explained."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lgncc.boards import Board, load_board
from lgncc.errors import DesignError, EnvironmentLacksError, InputError
from lgncc.flow import usb
from lgncc.flow.run import ToolFailedError, run_tool
from lgncc.flow.tools import REQUIREMENTS, Tool, find_tool
from lgncc.flow.usb import UsbDevice, UsbId
from lgncc.flow.workspace import check_manifest

TIMEOUT_S = 1800.0  # megabytes of flash through a slow bridge
LOG = "work/program.log"
FLASH_LOG = "work/program-flash.log"
FLASH_FILE = "flash.bin"
"""What a design finds in the flash, where that is a file of its own."""
UDEV_RULES = "/etc/udev/rules.d/53-lgncc.rules"

FT2232H, FT232H, FT231X = (0x0403, 0x6010), (0x0403, 0x6014), (0x0403, 0x6015)

LOADER_IDS: dict[str, tuple[UsbId, ...]] = {
    "ice40_generic": (FT2232H, FT232H),
    "ulx3s": (FT231X,),
    "tangnano9k": (FT2232H,),
}
"""USB ids behind openFPGALoader's `-b`; of other boards only its own messages are read."""

SYMPTOMS: tuple[tuple[str, str], ...] = (
    # openFPGALoader (libftdi's codes), trabucayre/openFPGALoader#28, #245, #398
    (r"unable to open ftdi device: -3\b", "absent"),
    (r"unable to open ftdi device: -4\b", "forbidden"),
    (r"unable to open ftdi device: -5\b", "busy"),
    (r"\bmore than one (FPGA|cable) found", "several"),
    (r"LIBUSB_ERROR_ACCESS|[Pp]ermission denied", "forbidden"),
    (r"LIBUSB_ERROR_BUSY|unable to claim", "busy"),
    # iceprog, YosysHQ/icestorm#349: the same message whether absent or forbidden
    (r"Can't find iCE FTDI USB device", "absent or forbidden"),
    (r"error while loading shared libraries: (\S+):", "library"),
)


@dataclass(frozen=True)
class Programmer:
    """A program that is here, what it is given, and the USB ids that it looks for.

    flash_arguments: what it is given to write a file into the flash; empty where it need not.
    """

    tool: Tool
    arguments: tuple[str, ...]
    ids: tuple[UsbId, ...]
    flash_arguments: tuple[str, ...] = ()


def program_board(
    folder: Path,
    board_name: str | None = None,
    device: str | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> str:
    """Program the one matching device, or `device` (serial or BUS:NUMBER); what was done.

    Raises EnvironmentLacksError: no programmer, no device, no permission, or two devices.
    """
    files = check_manifest(folder)
    bitstreams = [name for name in files if name.startswith("bitstream.")]
    if len(bitstreams) != 1:
        raise InputError(f"{folder}: the build has no bitstream; did it meet its timing?")
    board = load_board(board_name or _board_name(folder))
    if FLASH_FILE in files and not (board.flash and board.flash.programmers):
        raise InputError(
            f"{folder}: the build has a {FLASH_FILE}, and the file of board {board.name} does not "
            "say how it is written: it needs flash.programmers"
        )
    programmer = find_programmer(board)
    chosen = _choose(programmer, board, device)
    selection = _select(programmer, chosen) if device and chosen else ()
    bitstream = str((folder / bitstreams[0]).resolve())
    places = {"{bitstream}": bitstream, "{flash}": str((folder / FLASH_FILE).resolve())}
    if board.flash:
        places["{offset}"] = str(board.flash.offset)
    # The flash first: writing it ends what runs.
    commands = [(programmer.flash_arguments, FLASH_LOG)] if FLASH_FILE in files else []
    notice(f"program {board.title} with {programmer.tool.name}")
    for arguments, log_name in [*commands, (programmer.arguments, LOG)]:
        log = (folder / log_name).resolve()
        log.parent.mkdir(exist_ok=True)
        try:
            run_tool(
                programmer.tool,
                [*selection, *(places.get(word, word) for word in arguments)],
                log_path=log,
                cwd=folder,
                timeout_s=TIMEOUT_S,
            )
        except ToolFailedError as error:
            raise _explain(error, board, chosen, log) from error
    where = f" at {chosen}" if chosen else ""
    return f"{board.title}{where} runs {bitstream}"


def find_programmer(board: Board) -> Programmer:
    """The first of the board's programmers that is installed."""
    fixes = []
    for name, *arguments in board.programmers:
        try:
            tool = _tool(name)
        except EnvironmentLacksError as error:
            fixes.append(str(error).splitlines()[-1].strip())
            continue
        ids = LOADER_IDS.get(_option(arguments, "-b"), ())
        ids = {"iceprog": (FT2232H, FT232H), "fujprog": (FT231X,)}.get(name, ids)
        into_flash = board.flash.programmers if board.flash else ()
        flash_arguments = next((tuple(c[1:]) for c in into_flash if c[0] == name), ())
        return Programmer(tool, tuple(arguments), ids, flash_arguments)
    names = " or ".join(dict.fromkeys(command[0] for command in board.programmers))
    lines = "".join(f"\n  {fix}" for fix in dict.fromkeys(fixes))
    raise EnvironmentLacksError(f"{board.title} is programmed by {names}, not found.{lines}")


def _tool(name: str) -> Tool:
    if name in REQUIREMENTS:
        return find_tool(name)
    path = shutil.which(name)
    if path is None:
        raise EnvironmentLacksError(f"install {name} and put it on PATH")
    return Tool(name, (path,), "", f"PATH {path}")


def _option(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1] if flag in arguments[:-1] else ""


def _board_name(folder: Path) -> str:
    path = folder / "report.json"
    try:
        return str(json.loads(path.read_text())["board"]["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: names no board; give --board") from error


def _choose(programmer: Programmer, board: Board, device: str | None) -> UsbDevice | None:
    """The device to program; None where the system does not say which are there."""
    found = usb.devices(programmer.ids) if programmer.ids else None
    if found is None:
        if device:
            raise InputError(f"--device: which devices are there cannot be told for {board.title}")
        return None
    if not found:
        raise _absent(board, programmer.ids)
    if device is not None:
        named = [d for d in found if device in (d.serial, f"{d.bus}:{d.number}")]
        if len(named) != 1:
            raise InputError(f"--device {device}: there is no such board.{_listed(found)}")
        found = named
    if len(found) > 1:
        raise EnvironmentLacksError(
            f"{len(found)} devices could be the {board.title}; one must be chosen."
            f"{_listed(found)}\n  Choose with --device SERIAL or --device BUS:NUMBER."
        )
    if not found[0].node.exists():
        raise EnvironmentLacksError(
            f"{found[0]} is there, but its node {found[0].node} is not.\n"
            "  In a container? Pass it in: docker run --device=/dev/bus/usb"
        )
    if not found[0].may_be_opened:
        raise _forbidden(found[0])
    return found[0]


def _select(programmer: Programmer, device: UsbDevice) -> tuple[str, ...]:
    """The arguments that make the programmer take this one."""
    if programmer.tool.name == "iceprog":
        vendor, product = device.id
        if device.serial:
            return ("-d", f"s:0x{vendor:04x}:0x{product:04x}:{device.serial}")
        return ("-d", f"d:{device.bus:03}/{device.number:03}")
    if programmer.tool.name == "fujprog":
        return ("-S", device.serial)
    if device.serial:
        return ("--ftdi-serial", device.serial)
    return ("--busdev-num", f"{device.bus}:{device.number}")


def _explain(
    error: ToolFailedError, board: Board, device: UsbDevice | None, log: Path
) -> DesignError | EnvironmentLacksError:
    text = log.read_text(errors="replace")
    for pattern, meaning in SYMPTOMS:
        match = re.search(pattern, text)
        if match is None:
            continue
        if meaning == "absent" or (meaning == "absent or forbidden" and device is None):
            hint = " (or it may not be opened: the programmer says the same of both)"
            return _absent(board, (), hint if "forbidden" in meaning else "")
        if meaning in ("forbidden", "absent or forbidden"):
            return _forbidden(device)
        if meaning == "busy":
            return EnvironmentLacksError(
                f"the {board.title} is in use by another program.\n"
                f"  Close what has its port open, and try again. log: {log}"
            )
        if meaning == "several":
            return EnvironmentLacksError(
                f"several boards are plugged in; unplug all but one {board.title}. log: {log}"
            )
        return EnvironmentLacksError(
            f"the programmer cannot start: the system library {match[1]} is not installed.\n"
            "  sudo apt-get install libusb-1.0-0 libftdi1-2"
        )
    return error


def _absent(board: Board, ids: tuple[UsbId, ...], hint: str = "") -> EnvironmentLacksError:
    wanted = " or ".join(f"{vendor:04x}:{product:04x}" for vendor, product in ids)
    usb_id = f" (USB {wanted})" if wanted else ""
    return EnvironmentLacksError(
        f"no {board.title}{usb_id} is plugged in{hint}.\n"
        "  Check the cable (some only charge); `lsusb` lists what is there."
    )


def _forbidden(device: UsbDevice | None) -> EnvironmentLacksError:
    which = f"{device} may not be opened ({device.node})" if device else "it may not be opened"
    vendor = f"{device.id[0]:04x}" if device else "0403"
    rule = f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{vendor}", MODE="0660", TAG+="uaccess"'
    return EnvironmentLacksError(
        f"the board is plugged in, but {which}: permission denied.\n"
        f"  echo '{rule}' | sudo tee {UDEV_RULES}\n"
        "  sudo udevadm control --reload && sudo udevadm trigger, then plug it in again"
    )


def _listed(found: list[UsbDevice]) -> str:
    return "".join(f"\n  {device}" for device in found)
