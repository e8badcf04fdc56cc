"""The networks that benchmarks speak of: shipped, public and random ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import lgncc.models
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.facts import GivenFacts
from lgncc.frontends import load
from lgncc.model import LogicModel, Provenance, Readout

DATA = Path(__file__).parents[3] / "shared" / "data"
TT10 = DATA / "tt10-mnist16-3x2550.blif"
MODELS = Path(lgncc.models.__file__).parent


INPUTS, LAYERS, CLASSES = 784, 4, 10
TABLES = (0x1, 0x2, 0x4, 0x6, 0x7, 0x8, 0x9, 0xB, 0xD, 0xE)
"""Functions of both fanins: of others, little would be left to compare."""


def random_network(gates, seed=0, tables=TABLES):
    """Layers of one width, random wiring, random functions of two inputs."""
    rng = np.random.default_rng(seed)
    width = gates // LAYERS // CLASSES * CLASSES
    builder = NetlistBuilder(INPUTS)
    below = builder.inputs
    for _ in range(LAYERS):
        # Each node is read before one is read again, as trained networks are wired at first.
        wires = np.concatenate([rng.permutation(below) for _ in range(-(-2 * width // len(below)))])
        below = builder.gates(rng.choice(tables, width), *wires[: 2 * width].reshape(2, width))
    return LogicModel(
        Encoder.identity(INPUTS),
        builder.finish(below),
        Readout.group_sum(width, CLASSES),
        Provenance("random"),
    )


def network(name):
    """`digits`, `mnist16`, `tt10`, `random-GATES`, or `constants-GATES`, whose gates are
    of all sixteen functions. None where its file is absent."""
    if name.startswith("random-"):
        return random_network(int(name.removeprefix("random-")))
    if name.startswith("constants-"):
        return random_network(int(name.removeprefix("constants-")), tables=range(16))
    if name != "tt10":
        return load(MODELS / f"{name}.pt")
    return load(TT10, GivenFacts(classes=10)) if TT10.exists() else None
