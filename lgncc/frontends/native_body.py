"""The network of a native checkpoint, between encoder and readout, as one netlist."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.cells import CELLS
from lgncc.frontends import native_conv
from lgncc.frontends.native_boolean import lower_boolean
from lgncc.frontends.recurrent import NodeAlgebra
from lgncc.netlist import Netlist

if TYPE_CHECKING:
    import torch

    from lgncc.nn.recurrent import LogicRecurrent


def lower(layers: tuple[torch.nn.Module, ...]) -> Netlist:
    """Of a chain of layers that was checked. State bits lie in the order of the layers."""
    from lgncc.nn.boolean import BooleanDense
    from lgncc.nn.chain import input_bits
    from lgncc.nn.conv import Flatten, Image, LogicConv2d, OrPool2d
    from lgncc.nn.layers import LogicDense
    from lgncc.nn.recurrent import LogicRecurrent

    recurrent = [layer for layer in layers if isinstance(layer, LogicRecurrent)]
    n_state = sum(CELLS[layer.cell].memories * layer.hidden for layer in recurrent)
    builder = NetlistBuilder(input_bits(layers), n_state)
    state, next_state = builder.state, [builder.state[:0]]
    signals = builder.inputs
    for layer in layers:
        if isinstance(layer, LogicDense):
            signals = native_conv.lower_dense(builder, layer, signals)
        elif isinstance(layer, BooleanDense):
            signals = lower_boolean(builder, layer, signals)
        elif isinstance(layer, LogicConv2d):
            signals = native_conv.lower_conv(builder, layer, signals)
        elif isinstance(layer, OrPool2d):
            signals = native_conv.lower_pool(builder, layer, signals)
        elif isinstance(layer, Image):
            signals = native_conv.lower_image(layer, signals)
        elif isinstance(layer, Flatten):
            signals = signals.reshape(-1)
        elif isinstance(layer, LogicRecurrent):
            width = CELLS[layer.cell].memories * layer.hidden
            signals, kept = _step(builder, layer, signals, state[:width])
            state, next_state = state[width:], [*next_state, *kept]
    return builder.finish(
        signals, next_state=np.concatenate(next_state), reset=np.zeros(n_state, np.bool_)
    )


def _step(
    builder: NetlistBuilder, layer: LogicRecurrent, signals: Ids, state: Ids
) -> tuple[Ids, tuple[Ids, ...]]:
    def stack(name: str, z: Ids) -> Ids:
        for dense in layer.layers(name):
            z = native_conv.lower_dense(builder, dense, z)
        return z

    rule = CELLS[layer.cell]
    stacks = {name: partial(stack, name) for name in rule.stacks}
    memories = tuple(state.reshape(rule.memories, layer.hidden))
    z = np.concatenate([signals, memories[0]])
    return rule.step(NodeAlgebra(builder), stacks, z, memories)
