"""pytest plugin: tests that run on a board. docs/how-to/test-in-ci.md shows it at work.

    --lgncc-board DIR       the build that the board runs
    --lgncc-port PORT       its serial port, or `sim` for the simulated board; else it is looked for
    --lgncc-require-board   a board that is not there fails the tests instead of skipping them

The fixture `board` is a `lgncc.host.board.ConnectedBoard`; `@pytest.mark.lgncc_board` asks for one
without using it. Only a board that is absent or busy is skipped: one that runs another bitstream
or answers wrongly fails.

pytest loads this module wherever lgncc is installed, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lgncc.host.board import ConnectedBoard

SIMULATED = "sim"
MARKER = "lgncc_board"


@dataclass(frozen=True)
class BoardTarget:
    """folder: a build; port: a serial port, "sim", or None to look for it."""

    folder: Path
    port: str | None


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lgncc", "lgncc boards")
    group.addoption("--lgncc-board", metavar="DIR", help="build folder that the board runs")
    group.addoption(
        "--lgncc-port",
        metavar="PORT",
        help="serial port of the board; `sim` simulates it; without, it is looked for",
    )
    group.addoption(
        "--lgncc-require-board", action="store_true", help="fail, not skip, without a board"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: needs a board; skipped without one")


def pytest_itemcollected(item: pytest.Item) -> None:
    names = getattr(item, "fixturenames", None)
    if names is None:
        return
    if item.get_closest_marker(MARKER) and "board" not in names:
        names.insert(0, "board")
    # One process has the port: pytest-xdist, if it is there, keeps a group together.
    if "board" in names and item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(MARKER))


@pytest.fixture(scope="session")
def lgncc_board_target(pytestconfig: pytest.Config) -> BoardTarget | None:
    """What the options say; a conftest.py may override this fixture with its own target."""
    folder = pytestconfig.getoption("lgncc_board")
    return BoardTarget(Path(folder), pytestconfig.getoption("lgncc_port")) if folder else None


@pytest.fixture(scope="session")
def lgncc_board_or_reason(
    lgncc_board_target: BoardTarget | None,
) -> Iterator[ConnectedBoard | str]:
    """A connection for the whole session, or why there is none."""
    if lgncc_board_target is None:
        yield "no board: give its build with --lgncc-board DIR"
        return
    from lgncc.errors import EnvironmentLacksError
    from lgncc.host.board import open_board

    target = lgncc_board_target
    with ExitStack() as stack:
        found: ConnectedBoard | str
        try:
            port = target.port
            if port == SIMULATED:
                from lgncc.sim.simboard import running

                port = stack.enter_context(running(target.folder)).port
            found = stack.enter_context(open_board(target.folder, port))
        except EnvironmentLacksError as error:
            found = f"no board: {error}"
        yield found


@pytest.fixture
def board(
    lgncc_board_or_reason: ConnectedBoard | str, pytestconfig: pytest.Config
) -> ConnectedBoard:
    """The board; without one the test is skipped, or fails with --lgncc-require-board."""
    if isinstance(lgncc_board_or_reason, str):
        if pytestconfig.getoption("lgncc_require_board"):
            pytest.fail(f"{lgncc_board_or_reason} (--lgncc-require-board)", pytrace=False)
        pytest.skip(lgncc_board_or_reason.splitlines()[0])
    return lgncc_board_or_reason
