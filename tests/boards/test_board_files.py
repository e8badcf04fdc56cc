"""Board files: what is accepted, and what each mistake is told."""

import tomllib
from pathlib import Path

import pytest

import lgncc.boards
from lgncc.boards import list_boards, list_parts, load_board
from lgncc.errors import InputError

FOLDER = Path(lgncc.boards.__file__).parent
ICEBREAKER = (FOLDER / "icebreaker.toml").read_text()
UP5K = (FOLDER / "parts" / "up5k.toml").read_text()


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The iCEBreaker's file with one edit, in it or in its part's file, which lies beside it."""
    assert (ICEBREAKER + UP5K).count(old) == 1
    path = tmp_path / "mine.toml"
    path.write_text(ICEBREAKER.replace(old, new))
    if old in UP5K:
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "up5k.toml").write_text(UP5K.replace(old, new))
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


def test_the_ulx3s_has_the_capacity_that_lattice_states():
    # ECP5 family data sheet (FPGA-DS-02012): 84k LUTs, 208 blocks of 18 kbit, 156 multipliers,
    # 4 PLLs; nextpnr knows 83,640 of the LUTs. Board: 25 MHz oscillator.
    board = load_board("ulx3s-85f")
    assert (board.family, board.part, board.package) == ("ecp5", "LFE5U-85F", "CABGA381")
    assert board.capacity[board.logic_cells] == board.capacity[board.flip_flops] == 83_640
    assert (board.capacity["DP16KD"], board.capacity["MULT18X18D"]) == (208, 156)
    assert board.clock.hz == 25_000_000


def test_the_tang_nano_9k_has_the_capacity_that_gowin_states():
    # GW1NR data sheet (DS117): 8,640 LUT4, 6,480 registers, 26 blocks of 18 kbit, 2 PLLs.
    board = load_board("tang-nano-9k")
    assert (board.family, board.part + board.package + board.speed) == (
        "gowin",
        "GW1NR-LV9QN88PC6/I5",
    )
    assert (board.capacity[board.logic_cells], board.capacity[board.flip_flops]) == (8640, 6480)
    assert (board.capacity["BSRAM"], board.capacity["rPLL"]) == (26, 2)
    assert board.clock.hz == 27_000_000


@pytest.mark.parametrize("name", list_boards())
def test_every_board_names_a_part_that_comes_with_it(name):
    assert load_board(name).part in list_parts()


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


def test_a_board_may_say_itself_what_a_part_file_would(tmp_path):
    path = tmp_path / "mine.toml"
    head, tail = ICEBREAKER.replace('"up5k"', '"up9k"').split("[clock]")
    path.write_text(f"{head}{UP5K.split('[capacity]')[0]}[clock]{tail}[capacity]\nICESTORM_LC = 9")
    assert load_board(path).capacity == {"ICESTORM_LC": 9}


def test_a_part_nobody_describes_is_answered_with_those_that_are(tmp_path):
    path = changed(tmp_path, 'part = "up5k"', 'part = "up6k"')
    with pytest.raises(InputError) as error:
        load_board(path)
    assert str(error.value).startswith(f"{path}: there is no file for the part 'up6k'.")
    assert ", ".join(list_parts()) in str(error.value)


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
        ('part = "up5k"', "part = 5", "there is no file for the part 5"),
        ('title = "iCEBreaker"', 'title = ""', "title must be a non-empty string, not ''"),
        (
            "hz = 12_000_000",
            "hz = 12e6",
            "clock.hz must be an integer of at least 0, not 12000000.0",
        ),
        ("hz = 12_000_000", "hz = 0", "clock.hz and uart.baud must be above 0"),
        ("ICESTORM_RAM = 30", "ICESTORM_RAM = true", "capacity.ICESTORM_RAM must be an integer"),
        ("ICESTORM_LC = 5280", "", "logic_cells names 'ICESTORM_LC'"),
        ('flip_flops = "ICESTORM_LC"', 'flip_flops = "FF"', "flip_flops names 'FF'"),
        ('flip_flops = "ICESTORM_LC"', "", "the key 'flip_flops' is missing"),
        ("baud = 1_000_000", "baud = 4_000_000", "leaves fewer than 4 clock cycles a bit"),
        ("baud = 1_000_000", "", "uart.the key 'baud' is missing"),
        ("[clock]", "[clocks]", "unknown key 'clocks'; did you mean 'clock'?"),
        ('["iceprog", "{bitstream}"]', '["iceprog"]', "has no {bitstream} in it"),
        ('["iceprog", "{bitstream}"]', '"iceprog"', "programmers[0] must be a list"),
        ("icebreaker:ICE", "icebreaker.ICE", "platform must read 'package.module:Class'"),
        ("[uart]", "[uart", "cannot be read as TOML"),
        ("pulse_hz = 30_000_000", "pulse_hz = 0", "flash.pulse_hz must be above 0"),
        ("offset = 131_072", "offset = 16_777_216", "flash.offset below flash.size"),
        ("size = 16_777_216", "size = 33_554_432", "of at most 16777216 bytes (three bytes of add"),
        (
            'ram = "ICESTORM_SPRAM"',
            'programmers = [["iceprog", "-o", "{offset}"]]',
            "the flash's programmer 'iceprog -o {offset}' has no {flash} in it",
        ),
        (
            'ram = "ICESTORM_SPRAM"',
            'programmers = [["iceprog", "-o", "{offset}", "{flash}"]]',
            "flash.programmers has no command of openFPGALoader",
        ),
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
    assert tomllib.loads(ICEBREAKER)["part"] == "up5k"
    assert tomllib.loads(UP5K)["family"] == "ice40"
