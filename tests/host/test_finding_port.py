"""The port of a board: found among others, or refused with what to do."""

from __future__ import annotations

import pytest

from lgncc.errors import EnvironmentLacksError
from lgncc.host import client, port
from lgncc.host.board import open_board
from lgncc.host.port import Port
from lgncc.sim.simboard import running

pytestmark = pytest.mark.slow


def test_a_port_that_is_not_there_or_no_port_says_so(tmp_path):
    with pytest.raises(EnvironmentLacksError, match="no such port"):
        Port(str(tmp_path / "absent"), 1_000_000)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentLacksError, match="cannot be opened at 1000000 baud"):
        Port(str(tmp_path / "file"), 1_000_000)


def test_a_port_that_may_not_be_opened_names_the_group(monkeypatch):
    message = port._why_closed("/dev/ttyUSB1", 9600, PermissionError(13, "denied"))
    assert message.startswith("/dev/ttyUSB1: permission denied.\n  sudo usermod -aG dialout")


def found(monkeypatch, simulated, *paths):
    monkeypatch.setattr(client, "candidate_ports", lambda: list(paths))
    with open_board(simulated["right"]) as connected:
        return connected.client.path


def test_the_port_of_the_build_is_found_among_others(simulated, monkeypatch):
    with running(simulated["right"]) as right, running(simulated["other"]) as other:
        assert found(monkeypatch, simulated, other.port, right.port) == right.port
        with pytest.raises(EnvironmentLacksError) as caught:
            found(monkeypatch, simulated, other.port, "/dev/absent")
        assert f"{other.port}: runs build" in str(caught.value)
        assert "/dev/absent: no such port" in str(caught.value)
        with (
            running(simulated["right"]) as twin,
            pytest.raises(EnvironmentLacksError, match="two boards run this build"),
        ):
            found(monkeypatch, simulated, right.port, twin.port)


class UsbPort:
    def __init__(self, device, pid, location, serial_number=None):
        self.device, self.vid, self.pid = device, 0x0403, pid
        self.location, self.serial_number = location, serial_number


def test_of_a_bridge_with_two_ports_the_second_is_the_uart(monkeypatch):
    ports = [
        UsbPort("/dev/ttyUSB1", 0x6010, "1-2:1.1"),
        UsbPort("/dev/ttyUSB0", 0x6010, "1-2:1.0"),
        UsbPort("/dev/ttyUSB2", 0x6015, "1-3:1.0", "D00123"),
        UsbPort("/dev/ttyUSB3", 0x1234, "1-4:1.0"),
    ]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)
    assert port.candidate_ports() == ["/dev/ttyUSB1", "/dev/ttyUSB2"]
