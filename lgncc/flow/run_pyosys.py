"""A yosys program made of the pyosys wheel: `python -m lgncc.flow.run_pyosys -s script.ys`.

It takes the one form of yosys's own command line that we use, so that a native yosys and the
wheel are called alike. It runs in a process of its own because libyosys prints to stdout and ends
the process on an error (exit code 1, `ERROR: ...` on stderr).
"""

from __future__ import annotations

import sys

_ARGUMENTS = 3


def main(argv: list[str]) -> int:
    """Run one yosys script; 2 means wrong usage."""
    if len(argv) != _ARGUMENTS or argv[1] != "-s" or any(c in argv[2] for c in " ;\n"):
        print("usage: python -m lgncc.flow.run_pyosys -s SCRIPT (no blanks)", file=sys.stderr)
        return 2
    from pyosys import libyosys

    print(libyosys.yosys_maybe_version(), flush=True)
    libyosys.run_pass(f"script {argv[2]}", libyosys.Design())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
