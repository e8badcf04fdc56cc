"""yosys for tests: run a script in a folder, read what it prints."""

from __future__ import annotations

import re

from lgncc.flow.run import run_tool
from lgncc.flow.tools import find_tool


def run(folder, lines, timeout_s=120):
    """The log of a script of these lines; raises ToolFailedError where a command fails."""
    (folder / "script.ys").write_text("\n".join(lines) + "\n")
    log = folder / "yosys.log"
    run_tool(find_tool("yosys"), ["-s", "script.ys"], log_path=log, cwd=folder, timeout_s=timeout_s)
    return log.read_text()


def truth_tables(log):
    """Of each `eval -table x` in a log: rows of {port: integer}, x counting up."""
    tables = []
    for block in log.split("Executing EVAL pass")[1:]:
        ports = re.findall(r"\\(\w+)", block[: block.index("---")])
        rows = [line for line in block.splitlines() if re.match(r" *\d+'[01x]+ \|", line)]
        values = [[int(bits, 2) for bits in re.findall(r"'(\w+)", row)] for row in rows]
        tables.append([dict(zip(ports, row, strict=True)) for row in values])
    return tables
