"""Small models with state: one full of traps, and one whose next state is deep."""

from __future__ import annotations

from dataclasses import replace

import builds
import cores
import naive
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


def answers_of(model, samples, first, slots=1):
    """The payload of each step of a stream whose vectors belong to `slots` sequences by turns.

    samples: feature integers (n, F); first: bool (n,).
    """
    encoder, netlist = model.encoder, model.netlist
    states, payloads = [None] * slots, []
    for index, (sample, begins) in enumerate(zip(samples, first, strict=True)):
        state = netlist.reset.tolist() if begins else states[index % slots]
        payloads.append(cores.answer(model, sample, state))
        inputs = naive.thermometer(sample, encoder.feature.tolist(), encoder.threshold.tolist())
        columns = (netlist.fanin, netlist.table, netlist.next_state)
        states[index % slots] = naive.evaluate(netlist.n_inputs, *columns, inputs, state)
    return payloads
