"""One board, asked by `lgncc run` for people and for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cli
import numpy as np

from lgncc.sim.simboard import running


@dataclass(frozen=True)
class Both:
    """text: what it said; report: the same as JSON. rows: of the .csv, the heading first; classes:
    of the .npz."""

    text: str
    port: str
    report: Any
    rows: list[list[str]]
    classes: Any


def run_both(folder, data, written):
    """`lgncc run` of the samples in the file `data`; `written`: an empty folder."""
    csv, npz = written / "p.csv", written / "p.npz"
    with running(folder) as board:
        port = board.port
        arguments = ["run", folder, f"--data={data}", f"--port={port}"]
        said = cli.lgncc_process(*arguments, f"--out={csv}")
        as_json = cli.lgncc_process(*arguments, "--json", f"--out={npz}")
    assert said.code == as_json.code == 0, said.err + as_json.err
    rows = [line.split(",") for line in csv.read_text().splitlines()]
    return Both(said.out, port, json.loads(as_json.out), rows, np.load(npz)["classes"])
