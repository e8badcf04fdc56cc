# amaranth: UnusedElaboratable=no
"""Folded programs in the flash of the Tang Nano 9K and the ULX3S: pins, clock and files, by the
real tools. The boards have less block RAM here, so that a small network's program has to stand in
the flash."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from random_networks import save_random

from lgncc import boards
from lgncc.boards import load_board
from lgncc.compiler import Options, compile_model
from lgncc.hw.streamed import StreamedProgram
from lgncc.mapping.saved import load_program
from lgncc.placement import flash_of

FOLDER = Path(boards.__file__).parent


@dataclass(frozen=True)
class Case:
    board: str
    blocks: str
    pins: dict[str, str]
    """As the board's maker has them."""
    pulse: str = ""
    """Another line for the board's flash than its own: then a pulse takes two cycles."""


CASES = [
    # Sipeed's pin table: MCLK 59, MCS_N 60, MSI 61, MSO 62.
    Case("tang-nano-9k", "BSRAM = 26", {"cs": "60", "dq[0]": "61", "dq[1]": "62", "clk": "59"}),
    # emard's constraints: flash_csn R2, flash_mosi W2, flash_miso V2, and of the clock none.
    Case(
        "ulx3s-85f",
        "DP16KD = 208",
        {"cs": "R2", "copi": "W2", "cipo": "V2", "wp": "Y2", "hold": "W1"},
        "pulse_hz = 20_000_000",
    ),
]


def board_file(folder, case):
    """The board with six blocks of RAM."""
    text = (FOLDER / f"{case.board}.toml").read_text()
    if case.pulse:
        assert text.count("pulse_hz = 30_000_000") == 1
        text = text.replace("pulse_hz = 30_000_000", case.pulse)
    path = folder / f"{case.board}.toml"
    path.write_text(text)
    part = load_board(path).part
    described = (FOLDER / "parts" / f"{part}.toml").read_text()
    assert described.count(case.blocks) == 1
    (folder / "parts").mkdir()
    fewer = described.replace(case.blocks, f"{case.blocks.split()[0]} = 6")
    (folder / "parts" / f"{part}.toml").write_text(fewer)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.board)
def test_a_program_in_the_flash_is_placed_packed_and_written_apart(tmp_path, case):
    path = save_random(tmp_path / "small.npz", gates=1_500, inputs=32, width=500)
    file, out = board_file(tmp_path, case), tmp_path / "out"
    options = Options(str(file), out, architecture="folded", verify="none")
    report = compile_model(path, options).to_dict()
    assert (
        "program from flash, anew for every batch, nodes in block RAM" in report["arch"]["reason"]
    )
    assert all(clock["met"] for clock in report["timing"].values())

    flash = flash_of(load_board(file))
    assert flash.pulse_cycles == (2 if case.pulse else 1)
    image = StreamedProgram(load_program(out / "program.npz"), flash).image()
    assert Path(report["artifacts"]["flash"]).read_bytes() == image
    assert Path(report["artifacts"]["bitstream"]).stat().st_size > 0

    (constraints,) = (out / "work" / "place-and-route").glob("top.[lc][ps][ft]")
    assert flash_pins(constraints.read_text()) == case.pins
    assert clock_of(out / "synthesized.json") == (["register"] if case.pulse else ["fall", "rise"])


def flash_pins(constraints):
    place = r'"spi_flash\w*?_0__(\w+)__io(\[\d\])?" (?:SITE )?"?(\w+)"?;'
    return {name + index: pin for name, index, pin in re.findall(place, constraints)}


def clock_of(path):
    """What drives the flash's clock: a register, or both of those whose difference it is."""
    (module,) = (m for name, m in json.loads(path.read_text())["modules"].items() if name == "top")
    cells = module["cells"]
    drivers = {}
    for cell in cells.values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output":
                drivers.update(dict.fromkeys(bits, cell))
    (pad,) = (
        cell
        for name, cell in cells.items()
        if "clk_pad" in name and cell["type"] in ("TBUF", "USRMCLK")
    )
    source = drivers[pad["connections"]["I" if pad["type"] == "TBUF" else "USRMCLKI"][0]]
    if not source["type"].startswith("LUT"):
        assert "FF" in source["type"]
        return ["register"]
    registers = [
        drivers[bits[0]]
        for port, bits in source["connections"].items()
        if source["port_directions"][port] == "input" and bits[0] in drivers
    ]
    return sorted("rise" if falls(cell) else "fall" for cell in registers)


def falls(register):
    """Whether it takes its value at the falling edge of the clock."""
    return "DFFN" in register["type"] or register["parameters"].get("CLKMUX") == "INV"
