"""Model files of chosen sizes, for tests of what does not fit or takes long."""

from __future__ import annotations

import numpy as np

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.storage import save_model


def save_random(path, *, gates, inputs=64, classes=10, width=2000, seed=0):
    """A random network, `width` gates a layer, the last layer summed by class."""
    rng = np.random.default_rng(seed)
    builder = NetlistBuilder(inputs)
    layer = builder.inputs
    for start in range(0, gates, width):
        size = min(width, gates - start)
        a, b = rng.integers(0, len(layer), (2, size))
        layer = builder.gates(rng.choice((0x2, 0x4, 0x6, 0x7, 0x8, 0xE), size), layer[a], layer[b])
    usable = len(layer) // classes * classes
    model = LogicModel(
        Encoder.identity(inputs),
        builder.finish(layer[:usable]),
        Readout.group_sum(usable, classes),
        Provenance("test"),
    )
    save_model(model, path)
    return path
