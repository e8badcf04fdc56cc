"""Which LUTs count as the encoder's: those whose whole cone is of one feature."""

from __future__ import annotations

import builds
import numpy as np
import pytest

from lgncc.encoder import Encoder
from lgncc.hw.serial_core import SerialCore
from lgncc.mapping.parts import of_encoder
from lgncc.mapping.serial import map_serial


def features_seen(encoder, luts):
    """By node, what it depends on: feature numbers, -1 for any other source."""
    owner = [f for f, width in enumerate(encoder.bits.tolist()) for _ in range(width)]
    owner += [-1] * (luts.n_inputs + luts.n_state - len(owner))
    seen = [set(), set(), *({f} for f in owner)]
    for fanin in luts.fanin.tolist():
        seen.append(set().union(*(seen[node] for node in fanin)))
    return seen[luts.first_gate :]


@pytest.mark.parametrize("kind", ["class", "scores"])
def test_the_encoder_of_a_class_serial_core_is_what_sees_one_feature_only(kind):
    design = map_serial(builds.small_model(kind), bits_a_cycle=2)
    encoder, luts = design.model.encoder, design.luts
    expected = [len(seen) == 1 and -1 not in seen for seen in features_seen(encoder, luts)]
    assert of_encoder(encoder, luts).tolist() == expected
    assert 0 < sum(expected) < luts.n_gates
    text = SerialCore(design).cells_verilog("ice40")
    assert text.count("\\encoder.n") == sum(expected)


def test_bits_that_are_inputs_already_have_no_encoder():
    luts = map_serial(builds.deep_model(layers=1, width=16), bits_a_cycle=2).luts
    assert not of_encoder(Encoder.identity(16), luts).any()
    assert of_encoder(Encoder.identity(16), luts).dtype == np.bool_
