"""The board of these tests: what the options name, else a simulated one with the digits build."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgncc.host.pytest_plugin import SIMULATED, BoardTarget


@pytest.fixture(scope="session")
def lgncc_board_target(pytestconfig, request):
    folder = pytestconfig.getoption("lgncc_board")
    if folder:
        return BoardTarget(Path(folder), pytestconfig.getoption("lgncc_port"))
    return BoardTarget(request.getfixturevalue("digits_build").folder, SIMULATED)
