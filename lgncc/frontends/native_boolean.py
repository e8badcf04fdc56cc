"""Boolean neurons as gates: inverters, full adders and a comparison, a layer at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from lgncc.arrays import Bits, Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.gates import AND, NOT_A, OR, XOR
from lgncc.model import Fact

if TYPE_CHECKING:
    import torch

    from lgncc.nn.boolean import BooleanDense


def lower_boolean(builder: NetlistBuilder, layer: BooleanDense, signals: Ids) -> Ids:
    """Append a layer that reads `signals` (in,). Returns the ids (out,) of its outputs."""
    return neurons(
        builder,
        signals[layer.connections.numpy()],
        layer.weight_bits().numpy().T,
        layer.thresholds.numpy(),
    )


def neurons(builder: NetlistBuilder, inputs: Ids, weights: Bits, thresholds: Integers) -> Ids:
    """Append n neurons of one fan-in: popcount(xnor(weights, inputs)) >= thresholds.

    inputs: node ids (fan_in, n); weights: (fan_in, n); thresholds: (n,). Returns ids (n,).
    """
    # XNOR with a constant is a wire or an inverter; one inverter serves all who read it.
    inverted, which = np.unique(inputs[~weights], return_inverse=True)
    bits = inputs.astype(np.int32)
    bits[~weights] = builder.gates(NOT_A, inverted, 0)[which]
    return at_least(builder, popcount(builder, bits), thresholds, len(inputs))


def neuron_facts(layers: Iterable[torch.nn.Module]) -> list[Fact]:
    """What is known of the Boolean neurons among the layers, in their order."""
    from lgncc.nn.boolean import BooleanDense

    rule = {"boolean": "Boolean weights", "biper": "square wave of float weights"}
    found = [
        f"{layer.out_features} of {layer.fan_in} inputs, {rule[layer.binarization]}"
        for layer in layers
        if isinstance(layer, BooleanDense)
    ]
    facts = [Fact("neurons", text, "from checkpoint") for text in dict.fromkeys(found)]
    if facts:
        facts.append(Fact("wiring of neurons", "connections of every layer", "from checkpoint"))
    return facts


def popcount(builder: NetlistBuilder, bits: Ids) -> list[Ids]:
    """Append the counts of bits (k, n): the ids (n,) of every binary digit, lowest first."""
    digits: list[Ids] = []
    column = list(bits)
    while column:
        carries: list[Ids] = []
        while len(column) > 1:  # oldest first, so that the adders form a tree
            a, b, column = column[0], column[1], column[2:]
            differ, both = builder.gates(XOR, a, b), builder.gates(AND, a, b)
            if not column:
                column = [differ]
                carries.append(both)
                break
            c, column = column[0], column[1:]
            column.append(builder.gates(XOR, differ, c))
            carries.append(builder.gates(OR, both, builder.gates(AND, differ, c)))
        digits.append(column[0])
        column = carries
    return digits


def at_least(builder: NetlistBuilder, digits: list[Ids], bounds: Integers, highest: int) -> Ids:
    """Append `number >= bound` for numbers up to `highest`. Returns ids (n,).

    From the lowest digit: where the bound's digit is 1, ours must be too and the rest be
    enough; where it is 0, ours or the rest will do.
    """
    result = np.ones(len(bounds), np.int32)  # node 1 is the constant: nothing is asked yet
    for place, digit in enumerate(digits):
        asked = bounds >> place & 1 == 1
        decided = result != 1
        gates = np.where(asked, AND, OR)[decided]
        result[decided] = builder.gates(gates, digit[decided], result[decided])
        result = np.where(asked & ~decided, digit, result).astype(np.int32)
    return np.where(bounds > highest, 0, np.where(bounds <= 0, 1, result)).astype(np.int32)
