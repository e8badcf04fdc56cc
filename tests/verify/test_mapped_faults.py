"""The mutation test: no single fault of a mapped design that changes an answer is proved.

Whether it does is decided without the proof and without ABC, by trying every input vector.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builds import small_model
from mapped_designs import map_plainly
from mutations import IN_CERTIFICATE, IN_LUTS, with_luts

from lgncc.golden import Simulator
from lgncc.mapping.map_model import map_model
from lgncc.verify.lemma import RefutedError
from lgncc.verify.mapped import prove_mapped

FAULTS = 125  # of each of the four designs
DESIGNS = [
    ("class", lambda model: map_plainly(model, np.random.default_rng(7))),
    ("scores", lambda model: map_plainly(model, np.random.default_rng(7))),
    ("class", lambda model: map_model(model, 4)),
    ("scores", lambda model: map_model(model, 6)),
]
NAMES = ["plain class", "plain scores", "LUT4 class", "LUT6 scores"]


def every_input(width):
    """All input vectors, packed: uint64 (width, 2**width / 64)."""
    row = np.arange(1 << width)
    return np.stack(
        [np.packbits(row >> i & 1, bitorder="little").view("<u8") for i in range(width)]
    ).astype(np.uint64)


def answers(luts, inputs):
    return Simulator(luts).run(inputs)[0]


def is_refuted(design):
    try:
        prove_mapped(design)
    except RefutedError:
        return True
    return False


def narrow_model(kind):
    """`small_model` with 12 input bits, so that all of them can be tried."""
    model = small_model(kind)
    encoder = model.encoder
    narrower = replace(encoder, bits=[2, 3, 3, 4], threshold=encoder.threshold >> 2)
    return replace(model, encoder=narrower)


@pytest.mark.parametrize(("kind", "mapper"), DESIGNS, ids=NAMES)
def test_every_fault_that_changes_an_answer_is_refuted(kind, mapper):
    rng = np.random.default_rng(7)
    design = mapper(narrow_model(kind))
    inputs = every_input(design.luts.n_inputs)
    right = answers(design.luts, inputs)
    prove_mapped(design)
    changing = 0
    while changing < FAULTS:
        faulty = IN_LUTS[rng.integers(len(IN_LUTS))](design.luts, rng)
        if not np.array_equal(answers(faulty, inputs), right):
            changing += 1
            assert is_refuted(with_luts(design, faulty)), faulty.dump()


@pytest.mark.parametrize(("kind", "mapper"), DESIGNS, ids=NAMES)
def test_every_false_account_of_right_luts_is_refuted(kind, mapper):
    rng = np.random.default_rng(8)
    design = mapper(narrow_model(kind))
    for index in range(FAULTS):
        fault = IN_CERTIFICATE[index % len(IN_CERTIFICATE)]
        false = replace(design, compression=fault(design.compression, rng))
        assert is_refuted(false), fault.__doc__
