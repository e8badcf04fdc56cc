"""The networks that benchmarks speak of: shipped, public and random ones."""

from __future__ import annotations

import tempfile
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
DIFFLOGIC = DATA / "difflogic-mnist20-800x6.pt"
MODELS = Path(lgncc.models.__file__).parent
TRAINED = Path("build/peers/mnist-3x2000.pt")


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


def train_mnist(out, widths=(2000, 2000, 2000), epochs=24):
    """MNIST as the first papers train it: pixels above half, random wiring, 16 weights a gate."""
    import torch

    from lgncc import nn
    from lgncc.nn import recipes
    from lgncc.nn.inputs import Threshold
    from lgncc.nn.training import accuracy, train
    from lgncc.nn.training_plan import Control, Phase, Settings

    draws = torch.Generator().manual_seed(0)
    split = recipes.recipe("mnist").split()
    sizes = zip((784, *widths), widths, strict=False)
    layers = [nn.LogicDense(*size, parametrization="raw", generator=draws) for size in sizes]
    model = torch.nn.Sequential(
        Threshold(784, 127, recipes.GREY), *layers, nn.GroupSum(CLASSES, 10.0)
    )
    train(model, split, Settings((Phase(epochs, 0.01),)), draws, Control(report=print))
    out.parent.mkdir(parents=True, exist_ok=True)
    nn.save(model, out, {"accuracy_discrete": accuracy(model.eval(), split.test_x, split.test_y)})


def difflogic_mnist20():
    """difflogic's own checkpoint, its wiring replayed; refused unless it answers MNIST right."""
    from lgncc.nn.mnist import crop, load_mnist

    _, _, x, y = load_mnist()
    with tempfile.TemporaryDirectory() as folder:
        check = Path(folder, "mnist20.npz")
        np.savez(check, x=crop(x).reshape(len(x), 400), y=y)
        given = GivenFacts(
            replay_seed=0,
            replay_connections="unique",
            replay_device="cuda",
            replay_split=60_000,
            input_bits=400,
            classes=10,
            threshold=127.5,
            input_format="u8",
            check=check,
            check_accuracy=0.88,
        )
        return load(DIFFLOGIC, given)


def network(name):
    """None where its file is absent. `digits`, `mnist16`, `mnist`: shipped; `tt10`, `difflogic`:
    public ones; `mnist-3x2000`: trained once, minutes; `random-GATES`; `constants-GATES`, whose
    gates are of all sixteen functions."""
    if name.startswith("random-"):
        return random_network(int(name.removeprefix("random-")))
    if name.startswith("constants-"):
        return random_network(int(name.removeprefix("constants-")), tables=range(16))
    if name == "tt10":
        return load(TT10, GivenFacts(classes=10)) if TT10.exists() else None
    if name == "difflogic":
        return difflogic_mnist20() if DIFFLOGIC.exists() else None
    if name == TRAINED.stem:
        if not TRAINED.exists():
            train_mnist(TRAINED)
        return load(TRAINED)
    return load(MODELS / f"{name}.pt")
