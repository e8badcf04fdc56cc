"""map_model: a whole model, encoder to answer, as one LUT netlist and its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers
from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.gates import NOT_A
from lgncc.mapping.abc import map_luts
from lgncc.mapping.argmax import argmax_gates
from lgncc.mapping.compressor import Words, compress
from lgncc.mapping.design import PARTS, MappedDesign, NormalForm
from lgncc.mapping.front import front_gates, reordered
from lgncc.mapping.full_adders import sum_gates
from lgncc.mapping.fusion import absorbable_gates, extend, known_nodes, map_leaves
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.normal_form import normal_form
from lgncc.mapping.options import MappingOptions
from lgncc.model import LogicModel
from lgncc.netlist import Netlist

BUFFER = 0b10
ATTEMPTS = 5
WORTH_GATES = 200_000  # gates to map in all attempts together, unless one has more


def map_model(
    model: LogicModel, k: Literal[4, 6] = 4, options: MappingOptions | None = None
) -> MappedDesign:
    """Encoder, network, readout and argmax as LUTs of k inputs; see MappedDesign."""
    options = options or MappingOptions()
    model = replace(model, netlist=to_two_input(model.netlist))
    front, node = reordered(*front_gates(model), options.gate_order)
    if model.readout.kind == "bits":
        gates = replace(front, outputs=node[model.netlist.outputs])
        luts = map_luts(gates, k, script=options.script)
        return MappedDesign(model, luts, _parts(model, luts, luts), None, None)
    form = normal_form(model)
    if options.readout == "plain":
        luts = map_luts(_plain_gates(model, front, node, form, options), k, script=options.script)
        return MappedDesign(model, luts, _parts(model, luts, luts), form, None)
    attempts = options.attempts or max(1, min(ATTEMPTS, WORTH_GATES // max(front.n_gates, 1)))
    designs = islice(_attempts(form, front, node, k, options), attempts)
    best = min(designs, key=lambda design: design.writer.n_nodes)
    writer, words = best.writer, best.words
    if model.readout.kind == "class":
        outputs = _write_argmax(writer, words.literal, options)
    else:
        outputs = [_as_node(writer, int(one)) for one in words.literal.reshape(-1)]
    luts = _complete(best.network, writer, outputs)
    compression = best.ledger.close(luts, words.leaf, words.constants, words.bit)
    return MappedDesign(model, luts, _parts(model, best.network, luts), form, compression)


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A design up to its words. n_leaves: the first outputs of `network`, leaves that are built."""

    network: Netlist
    n_leaves: int
    writer: LutWriter
    ledger: Ledger
    words: Words


def _attempts(
    form: NormalForm, front: Netlist, node: Ids, k: int, options: MappingOptions
) -> Iterator[_Attempt]:
    """Designs that differ in what the readout takes in of the last layer: what ABC leaves for it;
    and, with and without those that are read elsewhere too, gates of what was built for an
    attempt before, and those of that and more built for them."""
    terms = node[form.node]

    def attempt(absorbable: Bits) -> _Attempt:
        network, leaves = map_leaves(form, front, terms, absorbable, k, options.script)
        writer, ledger = LutWriter(network), Ledger()
        words = compress(form, leaves, network.level, writer, ledger, options)
        return _Attempt(network, int((~leaves.absorbed).sum()), writer, ledger, words)

    first = attempt(np.zeros(len(terms), np.bool_))
    yield first
    found = known_nodes(front, first.network, first.n_leaves)
    for read_too in (False, True):
        made = attempt(absorbable_gates(front, terms, found, read_too=read_too))
        yield made
        known = known_nodes(front, made.network, made.n_leaves)
        extended = replace(known, built=extend(front, terms, known.built, options.extend_readers))
        yield attempt(absorbable_gates(front, terms, extended, read_too=read_too))


def _plain_gates(
    model: LogicModel, front: Netlist, node: Ids, form: NormalForm, options: MappingOptions
) -> Netlist:
    """The whole design as gates, with full-adder trees."""
    builder = NetlistBuilder(front.n_inputs, front.n_state)
    if front.n_gates:
        builder.gates(front.table, front.fanin[:, 0], front.fanin[:, 1])
    bits = node[form.node]
    bits[form.inverted] = builder.gates(NOT_A, bits[form.inverted], 0)
    words = sum_gates(builder, form, bits)
    is_class, few = model.readout.kind == "class", options.argmax_few
    index = argmax_gates(builder, words, few) if is_class else words.reshape(-1)
    outputs = index if len(index) else np.zeros(1, np.int32)
    return builder.finish(outputs, next_state=front.next_state, reset=front.reset)


def _write_argmax(writer: LutWriter, words: Integers, options: MappingOptions) -> list[int]:
    """The nodes of the class; a class alone is one bit that is always 0."""
    real = words > 3  # below are the constants 0, 1 and their complements
    builder = NetlistBuilder(int(real.sum()))
    nodes = (words >> 1 ^ words & 1).astype(np.int32)
    nodes[real] = builder.inputs
    index = argmax_gates(builder, nodes, options.argmax_few)
    if not len(index):
        return [0]
    mapped = map_luts(builder.finish(index), writer.k, script=options.script)
    literals = [0, 2, *words[real].tolist()]
    for table, fanin in zip(mapped.table.tolist(), mapped.fanin.tolist(), strict=True):
        literals.append(2 * writer.lut(table, [literals[f] for f in fanin]))
    return [_as_node(writer, literals[output]) for output in mapped.outputs.tolist()]


def _as_node(writer: LutWriter, literal: int) -> int:
    """A literal as a node: a complement takes a LUT."""
    return writer.lut(BUFFER, [literal]) if literal & 1 else literal >> 1


def _complete(network: Netlist, writer: LutWriter, outputs: list[int]) -> Netlist:
    fanin, table = writer.arrays()
    return replace(
        network,
        fanin=np.concatenate([network.fanin, fanin]),
        table=np.concatenate([network.table, table]),
        outputs=np.array(outputs, np.int32),
    )


def _parts(model: LogicModel, network: Netlist, luts: Netlist) -> npt.NDArray[np.uint8]:
    """Part of each LUT. The encoder's are those that see one feature only: what ABC made of a
    comparator may hold a gate of the network as well."""
    part = np.full(luts.n_gates, PARTS.index("readout"), np.uint8)
    part[: network.n_gates] = PARTS.index("network")
    encoder = model.encoder
    if encoder.is_identity:
        return part
    feature = np.full(network.n_nodes, -2, np.int64)  # -1: none, -2: several
    feature[:2] = -1
    feature[2 : 2 + encoder.input_width] = np.repeat(np.arange(encoder.n_features), encoder.bits)
    for ids in network.by_level():
        seen = feature[network.fanin[ids - network.first_gate]]
        highest = seen.max(axis=1)
        lone = ((seen == highest[:, None]) | (seen == -1)).all(axis=1)
        feature[ids] = np.where(lone, highest, -2)
    part[: network.n_gates][feature[network.first_gate :] >= 0] = PARTS.index("encoder")
    return part
