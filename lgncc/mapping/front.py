"""Encoder and network as gates over the packed input vector: what is mapped before the readout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.gates import A_AND_NOT_B, AND, OR
from lgncc.mapping.normal_form import wires
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.literals import absorb


def front_gates(model: LogicModel) -> tuple[Netlist, Ids]:
    """Encoder and network over the inputs and the state of a MappedDesign, without outputs, and
    the node in it of each node of the model's netlist. Takes k = 2."""
    builder = NetlistBuilder(model.step_width, model.netlist.n_state)
    node = place_step(builder, model, builder.state)
    next_state = node[model.netlist.next_state]
    return builder.finish((), next_state=next_state, reset=model.netlist.reset), node


def without_wires(front: Netlist, node: Ids) -> tuple[Netlist, Ids]:
    """The same without outputs, where no gate reads a wire, an inverter or a constant gate; and
    `node`, ids of `front`, as ids of what they carry. Nothing else is renamed."""
    literal = wires(front)
    carried = np.where(literal & 1, np.arange(front.n_nodes), literal >> 1).astype(np.int32)
    carried[literal == 1] = 1
    table, a, b = absorb(front.table.astype(np.uint8), *literal[front.fanin].T)
    read = replace(
        front,
        fanin=np.stack([a, b], axis=1).astype(np.int32),
        table=table.astype(np.uint64),
        next_state=carried[front.next_state],
    )
    return read, carried[node]


def reordered(front: Netlist, node: Ids, seed: int) -> tuple[Netlist, Ids]:
    """The same without outputs, its gates of each level in another order; and `node`, ids of
    `front`, as ids of that. Seed 0: as it is."""
    if not seed:
        return front, node
    place = np.random.default_rng(seed).permutation(front.n_gates)
    order = np.lexsort((place, front.level[front.first_gate :])) + front.first_gate
    renamed = np.arange(front.n_nodes, dtype=np.int32)
    renamed[order] = np.arange(front.first_gate, front.n_nodes)
    own = order - front.first_gate
    moved = replace(
        front,
        fanin=renamed[front.fanin[own]],
        table=front.table[own],
        next_state=renamed[front.next_state],
    )
    return moved, renamed[node]


def place_step(builder: NetlistBuilder, model: LogicModel, state: Ids) -> Ids:
    """Append encoder and network to a builder whose first inputs are a step's; the node in it of
    each node of the model's netlist. `state`: the nodes (n_state,) of its state, which the network
    sees as its reset values where `first` is 1."""
    netlist = model.netlist
    if netlist.n_state:
        first = builder.inputs[model.encoder.input_width]
        state = builder.gates(np.where(netlist.reset, OR, A_AND_NOT_B), state, first)
    bits = encoder_gates(builder, model.encoder)
    own = np.arange(builder.next_id, builder.next_id + netlist.n_gates)
    node = np.concatenate([[0, 1], bits, state, own]).astype(np.int32)
    if netlist.n_gates:
        fanin = node[netlist.fanin]
        builder.gates(netlist.table, fanin[:, 0], fanin[:, 1])
    return node


def encoder_gates(builder: NetlistBuilder, encoder: Encoder) -> Ids:
    """The node of each of the encoder's bits: a chain of ANDs and ORs from the lowest bit.

    `value > threshold` of unsigned numbers is, from the lowest bit up: where the threshold has a
    one, the bit and what is below, else the bit or what is below.
    """
    start = np.cumsum(encoder.bits.astype(np.int64)) - encoder.bits
    compared, which = np.unique(
        np.stack([encoder.feature.astype(np.int64), encoder.threshold], axis=1),
        axis=0,
        return_inverse=True,
    )
    feature, threshold = compared.T
    bits, signed = encoder.bits[feature].astype(np.int64), encoder.signed[feature]
    # Two's complement compares as unsigned once the sign bits are inverted.
    offset = np.where(signed, np.left_shift(np.int64(1), bits - 1), 0)
    threshold = threshold + offset
    above = np.zeros(len(feature), np.int32)
    for index in range(int(bits.max(initial=0))):
        live = np.flatnonzero(index < bits)
        value = builder.inputs[start[feature[live]] + index]
        sign = signed[live] & (index == bits[live] - 1)
        one = threshold[live] >> index & 1 == 1
        # A gate's table with its first fanin, the bit, complemented has its rows swapped.
        table = np.where(one, np.where(sign, 0x4, AND), np.where(sign, 0xD, OR))
        above[live] = builder.gates(table, value, above[live])
    always = threshold < 0
    above[always] = 1
    return above[which.reshape(-1)]
