"""Board files: what is accepted, and what each mistake is told."""

import tomllib
from pathlib import Path

import pytest

import lgncc.boards
from lgncc.boards import list_boards, load_board
from lgncc.errors import InputError

ICEBREAKER = (Path(lgncc.boards.__file__).parent / "icebreaker.toml").read_text()


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The iCEBreaker's file with one edit."""
    assert ICEBREAKER.count(old) == 1
    path = tmp_path / "mine.toml"
    path.write_text(ICEBREAKER.replace(old, new))
    return path


def test_the_icebreaker_has_the_capacity_that_its_maker_states():
    # https://github.com/icebreaker-fpga/icebreaker: 5280 logic cells, 120 kbit in 4 kbit blocks,
    # 1 Mbit of SPRAM in 4 blocks, 8 DSPs, a 12 MHz oscillator.
    board = load_board("icebreaker")
    assert (board.family, board.part, board.package) == ("ice40", "up5k", "sg48")
    assert board.capacity[board.logic_cells] == 5280
    assert board.capacity["ICESTORM_RAM"] == 120 * 1024 // 4096
    assert board.capacity["ICESTORM_SPRAM"] == 4
    assert board.capacity["ICESTORM_DSP"] == 8
    assert board.clock.hz == 12_000_000


@pytest.mark.parametrize("name", list_boards())
def test_every_board_loads_under_its_own_name_with_an_exact_baud_rate(name):
    board = load_board(name)
    assert board.name == name
    assert board.clock.hz % board.uart.baud == 0


def test_the_icebreaker_link_divides_the_ftdi_clock_exactly():
    # FT2232H: 12 MHz over a whole number, in its high-speed mode.
    assert 12_000_000 % load_board("icebreaker").uart.baud == 0


def test_a_board_file_loads_by_path(tmp_path):
    board = load_board(changed(tmp_path, 'name = "icebreaker"', 'name = "mine"'))
    assert board.name == "mine"
    assert board.programmers[0] == ("iceprog", "{bitstream}")


def test_a_board_cannot_be_changed():
    board = load_board("icebreaker")
    with pytest.raises(TypeError):
        board.capacity["ICESTORM_LC"] = 1


def test_an_unknown_board_is_answered_with_the_closest_and_with_all():
    with pytest.raises(InputError) as error:
        load_board("IceBraker")
    assert str(error.value) == (
        "there is no board 'IceBraker'. Did you mean 'icebreaker'?\n"
        f"  Known boards: {', '.join(list_boards())}. Your own: --board FILE.toml"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('part = "up5k"', 'parts = "up5k"', "unknown key 'parts'; did you mean 'part'?"),
        ('part = "up5k"', "", "the key 'part' is missing"),
        ('part = "up5k"', "part = 5", "part must be a non-empty string, not 5"),
        ('part = "up5k"', 'part = ""', "part must be a non-empty string, not ''"),
        (
            "hz = 12_000_000",
            "hz = 12e6",
            "clock.hz must be an integer of at least 0, not 12000000.0",
        ),
        ("hz = 12_000_000", "hz = 0", "clock.hz and uart.baud must be above 0"),
        ("ICESTORM_RAM = 30", "ICESTORM_RAM = true", "capacity.ICESTORM_RAM must be an integer"),
        ("ICESTORM_LC = 5280", "", "logic_cells names 'ICESTORM_LC'"),
        ("baud = 1_000_000", "baud = 4_000_000", "leaves fewer than 4 clock cycles a bit"),
        ("baud = 1_000_000", "", "uart.the key 'baud' is missing"),
        ("[clock]", "[clocks]", "unknown key 'clocks'; did you mean 'clock'?"),
        ('["iceprog", "{bitstream}"]', '["iceprog"]', "has no {bitstream} in it"),
        ('["iceprog", "{bitstream}"]', '"iceprog"', "programmers[0] must be a list"),
        ("icebreaker:ICE", "icebreaker.ICE", "platform must read 'package.module:Class'"),
        ("[capacity]", "[capacity", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(tmp_path, old, new, message):
    path = changed(tmp_path, old, new)
    with pytest.raises(InputError) as error:
        load_board(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_board_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml: there is no such board file"):
        load_board(tmp_path / "nowhere.toml")


def test_the_shipped_files_are_plain_toml():
    assert tomllib.loads(ICEBREAKER)["family"] == "ice40"
