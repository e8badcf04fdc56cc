"""Terms that only ABC finds constant: complements of them are constants too."""

from __future__ import annotations

import numpy as np
import pytest

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.gates import A_AND_NOT_B, AND
from lgncc.golden import Simulator, pack, unpack
from lgncc.mapping import map_model
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.verify.mapped import prove_mapped


@pytest.mark.parametrize("weight", [-2, -1, 1, 2])
@pytest.mark.parametrize("kind", ["class", "scores"])
def test_a_term_that_is_never_1_counts_as_such(weight, kind):
    # n5 is (a and b) and not a.
    netlist = Netlist(2, [[2, 3], [4, 2]], [AND, A_AND_NOT_B], outputs=[5, 3])
    readout = Readout(kind, [0, 1], [1, 0], [weight, 1], bias=[0, 1])
    model = LogicModel(Encoder.identity(2), netlist, readout, Provenance("test"))
    design = map_model(model)
    prove_mapped(design)
    samples = [[0, 0], [1, 0], [0, 1], [1, 1]]
    words, _ = Simulator(design.luts).run(pack(np.array(samples, bool)))
    answers = unpack(words, 4)
    width = answers.shape[1] // 2
    if kind == "class":  # the scores are b and 1; at a tie class 0 wins
        assert answers[:, 0].tolist() == [True, True, False, False]
    else:
        assert [list(row) for row in answers[:, width:].astype(int)] == [
            [1] + [0] * (width - 1)
        ] * 4


@pytest.mark.parametrize("seed", range(16, 26))
def test_networks_full_of_hidden_constants_are_proved(seed):
    # Thirty thermometers over four input bits: many gates are constant, and only ABC sees it.
    rng = np.random.default_rng(seed)
    feature, threshold = rng.integers(0, 2, 30), rng.integers(-1, 4, 30)
    encoder = Encoder.uniform(2, bits=2, feature=feature, threshold=threshold)
    builder = NetlistBuilder(30)
    layer = builder.inputs
    for _ in range(3):
        a, b = rng.integers(0, len(layer), (2, 40))
        layer = builder.gates(rng.integers(0, 16, 40), layer[a], layer[b])
    output, klass = rng.integers(0, 40, 60), rng.integers(0, 3, 60)
    readout = Readout("class", output, klass, rng.choice([-1, 1], 60), bias=[0] * 3)
    model = LogicModel(encoder, builder.finish(layer), readout, Provenance("test"))
    prove_mapped(map_model(model, 6 if seed % 2 else 4))
