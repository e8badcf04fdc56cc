"""The command line for tests: in this process where that is enough, else as a user starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import lgncc.models

LGNCC = [sys.executable, "-P", "-c", "from lgncc.cli import main; main()"]
DIGITS = Path(lgncc.models.__file__).parent / "digits.pt"
DIGITS_TEST = DIGITS.with_name("digits-test.npz")
PARITY = DIGITS.with_name("parity.pt")
PARITY_TEST = DIGITS.with_name("parity-test.npz")


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    def error(self):
        """The one message of a failure; asserts that there is one, and no traceback."""
        assert "Traceback" not in self.out + self.err
        assert len(re.findall(r"^error: ", self.err, re.MULTILINE)) == 1, self.err
        assert self.out == ""
        return self.err[re.search(r"^error: ", self.err, re.MULTILINE).end() :].rstrip()


def environment(**changes):
    """Nothing of a terminal, besides what is changed."""
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS", "TERM")}
    return {**kept, **changes}


def lgncc_process(*arguments, **options):
    """The command in a process of its own."""
    done = subprocess.run(
        [*LGNCC, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**options.pop("env", {})),
        **options,
    )
    return Done(done.returncode, done.stdout, done.stderr)
