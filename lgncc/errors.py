"""The errors that a user can cause or meet, and the exit code of each.

Every message says what is wrong, where, and how to fix it. The command line
prints the message alone; a traceback means a defect of lgncc itself.
"""

from __future__ import annotations

from typing import ClassVar


class LgnccError(Exception):
    """Base of all expected failures; `exit_code` is what the process returns."""

    exit_code: ClassVar[int] = 1


class DesignError(LgnccError):
    """The design or the board failed: does not fit, misses timing, is refuted."""

    exit_code = 1


class InputError(LgnccError):
    """A file or an option is unusable: malformed, ambiguous, contradictory."""

    exit_code = 2


class EnvironmentLacksError(LgnccError):
    """A tool, a package or a device that the command needs is not there."""

    exit_code = 3
