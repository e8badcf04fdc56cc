"""Mapped designs of the small model, and whether the LUTs answer as the model does."""

from __future__ import annotations

import naive
import numpy as np
from builds import small_model
from mapped_designs import map_plainly
from strategies import integer_range


def design_of(kind="class", seed=1):
    return map_plainly(small_model(kind, seed), np.random.default_rng(seed))


def features_of(encoder, packed):
    """The integers of a packed vector, bit by bit."""
    values, bits = [], list(packed)
    for width, signed in zip(encoder.bits.tolist(), encoder.signed.tolist(), strict=True):
        mine, bits = bits[:width], bits[width:]
        value = sum(bit << i for i, bit in enumerate(mine))
        values.append(value - (1 << width) if signed and mine[-1] else value)
    assert all(
        integer_range(w, s)[0] <= v <= integer_range(w, s)[1]
        for v, w, s in zip(values, encoder.bits.tolist(), encoder.signed.tolist(), strict=True)
    )
    return values


def true_answer(model, packed, state):
    """Payload and next states of one sample, by the definitions alone."""
    encoder, netlist, readout = model.encoder, model.netlist, model.readout
    if netlist.n_state:
        *packed, first = packed
        state = netlist.reset.tolist() if first else state
    inputs = naive.thermometer(
        features_of(encoder, packed), encoder.feature.tolist(), encoder.threshold.tolist()
    )
    arrays = (netlist.n_inputs, netlist.fanin.tolist(), netlist.table.tolist())
    bits = naive.evaluate(*arrays, netlist.outputs.tolist(), inputs, state)
    after = naive.evaluate(*arrays, netlist.next_state.tolist(), inputs, state)
    if readout.kind == "bits":
        return bits + after
    scores = readout.bias.tolist()
    terms = (readout.output.tolist(), readout.klass.tolist(), readout.weight.tolist())
    for output, klass, weight in zip(*terms, strict=True):
        scores[klass] += weight * bits[output]
    if readout.kind == "class":
        width = max(1, (len(scores) - 1).bit_length())
        return [naive.winner(scores) >> i & 1 for i in range(width)] + after
    low, high = readout.score_range
    width = max(high, ~low).bit_length() + 1 if low < 0 else max(1, high.bit_length())
    return [score >> i & 1 for score in scores for i in range(width)] + after


def answers_rightly(design, chosen):
    model, luts = design.model, design.luts
    arrays = (luts.n_inputs, luts.fanin.tolist(), luts.table.tolist(), luts.roots.tolist())
    n = luts.n_inputs
    return all(
        naive.evaluate(*arrays, bits[:n], bits[n:]) == true_answer(model, bits[:n], bits[n:])
        for bits in chosen
    )
