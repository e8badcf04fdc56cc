"""Small models with state: one full of traps, and one whose next state is deep."""

from __future__ import annotations

from dataclasses import replace

import builds
import numpy as np

N_STATE = 4


def model_with_state(kind="scores", reset=(True, False, True, False)):
    """The small model, the last four of its network inputs being state."""
    model = builds.small_model(kind)
    encoder = replace(
        model.encoder, feature=model.encoder.feature[:12], threshold=model.encoder.threshold[:12]
    )
    netlist = replace(model.netlist, n_inputs=12, next_state=[60, 61, 15, 14], reset=reset)
    return replace(model, encoder=encoder, netlist=netlist)


def random_sequences(model, n, steps, seed=0):
    """Features x (n, steps, F), all of them values of the model's formats."""
    encoder = model.encoder
    low, high = encoder.integer_range
    integers = np.random.default_rng(seed).integers(low, high + 1, (n, steps, encoder.n_features))
    return np.ldexp(integers.astype(float), -encoder.fraction.astype(int))
