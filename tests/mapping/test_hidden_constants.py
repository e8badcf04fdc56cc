"""Terms that only ABC finds constant: complements of them are constants too."""

from __future__ import annotations

import numpy as np
import pytest

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
