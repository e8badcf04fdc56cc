"""Build folders without place and route: the files that `lgncc verify` reads, of a small model.

`small_model` is full of traps: 18 input bits (two unused in the last byte), features of
signed and unsigned formats, ties between classes, gates whose fanins do not commute.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lgncc.boards import load_board
from lgncc.emit.board import emit_board
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.storage import save_model

LAYERS, GATES_A_LAYER = 3, 16
CLASSES = 4
TABLES = (0x1, 0x2, 0x4, 0x6, 0x7, 0x8, 0x9, 0xB, 0xD, 0xE)  # all that read both fanins


def small_model(kind="class", seed=1):
    rng = np.random.default_rng(seed)
    bits = [3, 4, 5, 6]
    signed = [False, True, False, True]
    feature = np.repeat(np.arange(4), 4)
    low = np.where(signed, -(1 << np.array(bits) - 1), 0)
    threshold = low[feature] + rng.integers(0, (1 << np.array(bits))[feature] - 1)
    encoder = Encoder(bits, signed, [0, 0, 2, 0], feature, threshold)
    fanin = np.concatenate(
        [
            2 + GATES_A_LAYER * layer + np.stack([rng.permutation(16), rng.permutation(16)], axis=1)
            for layer in range(LAYERS)
        ]
    )
    same = fanin[:, 0] == fanin[:, 1]
    layer_start = 2 + (fanin[:, 1] - 2) // 16 * 16
    fanin[same, 1] = layer_start[same] + (fanin[same, 1] - layer_start[same] + 1) % 16
    netlist = Netlist(
        n_inputs=16,
        fanin=fanin,
        table=np.where(np.arange(48) % 3, rng.choice(TABLES, 48), 0x6).astype(np.uint64),
        outputs=np.arange(2 + 48, 2 + 64),
        next_state=[],
        reset=[],
    )
    readouts = {
        "class": Readout.group_sum(16, CLASSES),
        "bits": Readout.bits(),
        "scores": Readout(
            "scores",
            output=np.arange(16),
            klass=np.arange(16) % 3,
            weight=rng.choice((-2, -1, 1, 2), 16),
            bias=[-3, 0, 5],
        ),
    }
    return LogicModel(encoder, netlist, readouts[kind], Provenance("test"))


def deep_model(layers, width, classes=4, seed=1):
    """A network of equal layers, each reading the one before."""
    rng = np.random.default_rng(seed)
    fanin = [2 + width * layer + rng.integers(0, width, (width, 2)) for layer in range(layers)]
    netlist = Netlist(
        n_inputs=width,
        fanin=np.concatenate(fanin),
        table=rng.choice(TABLES, layers * width).astype(np.uint64),
        outputs=np.arange(2 + width * layers, 2 + width * (layers + 1)),
    )
    readout = Readout.group_sum(width, classes)
    return LogicModel(Encoder.identity(width), netlist, readout, Provenance("test"))


def write_build(folder, model, built=None, design=None, runtime=None):
    """A build folder of `model`; `built`, or a BoardDesign, is what the Verilog is really of.

    runtime: as the fixture `verilator_runtime` gives it, to compile less for simulations."""
    built = model if built is None else built
    design = design or emit_board(built, load_board("icebreaker"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "core.v").write_text(design.core_text)
    (folder / "board.v").write_text(design.board_text)
    save_model(model, folder / "model.npz")
    save_model(model, folder / "optimized_model.npz")
    (folder / "design.json").write_text(json.dumps(design.facts))
    if design.flash[1]:
        (folder / "flash.bin").write_bytes(design.flash[1])
    if runtime is not None:
        shutil.copytree(runtime, folder / "work" / "sim" / runtime.name, dirs_exist_ok=True)
    return folder


def with_gate(model, gate, **change):
    """The model with the table or the fanins of one gate replaced."""
    arrays = {name: getattr(model.netlist, name).copy() for name in ("table", "fanin")}
    for name, value in change.items():
        arrays[name][gate] = value
    return replace(model, netlist=replace(model.netlist, **arrays))


def refutation(check, folder):
    """What a rung of lgncc.verify.rtl says of a build that it refutes; the log's line left out."""
    with pytest.raises(DesignError) as caught:
        check(folder, None, lambda _: None)
    return str(caught.value).partition("\n")[0]
