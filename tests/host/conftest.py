"""Builds of the small model with their simulated boards compiled, once for all tests here."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import replace

import cli
import numpy as np
import pytest
from builds import small_model, with_gate, write_build

from lgncc.boards import load_board
from lgncc.emit.board import emit_core
from lgncc.frontends import load
from lgncc.host.build import load_build
from lgncc.hw.folded import FoldedCore
from lgncc.sim.simboard import build_simboard
from lgncc.verify.frontend import random_samples


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Folders by what runs on the board: `right`; `wrong`, which has a gate flipped but says that
    it is the right model's; `other`, the build of another model; `wide`, whose answers are longer
    than its questions; `parity`, the shipped network with state, folded."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    folder = common / "simulated"
    model = small_model()
    flipped = with_gate(model, 40, table=model.netlist.table[40] ^ np.uint64(0xF))
    bits = small_model("bits")
    outputs = np.tile(bits.netlist.outputs, 10)
    wide = replace(bits, netlist=replace(bits.netlist, outputs=outputs))
    parity = load(cli.PARITY)
    made = {
        "right": (model, model),
        "wrong": (model, flipped),
        "other": (bits, bits),
        "wide": (wide, wide),
        "parity": (parity, parity),
    }
    with (common / "simulated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, (stated, built) in made.items():
            if not (folder / name / "made").exists():
                shutil.rmtree(folder / name, ignore_errors=True)
                folded = name == "parity"
                board = load_board("icebreaker")
                design = emit_core(lambda: FoldedCore(parity), board) if folded else None
                write_build(folder / name, stated, built=built, design=design)
                if name != "right":  # what Verilator needs of itself is compiled once
                    runtime = next((folder / "right" / "work" / "sim").glob("runtime-*"))
                    shutil.copytree(runtime, folder / name / "work" / "sim" / runtime.name)
                build_simboard(load_build(folder / name))
                (folder / name / "made").touch()
    return {name: folder / name for name in made}


@pytest.fixture(scope="session")
def samples():
    """Of the small model: 600 random ones."""
    return random_samples(small_model().encoder, 600, seed=3)


@pytest.fixture
def data(tmp_path, samples):
    """A file of them."""
    np.savez(tmp_path / "data.npz", x=samples)
    return tmp_path / "data.npz"
