"""map_model: a whole model, encoder to answer, as one LUT netlist and its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.mapping.abc import AREA, map_luts
from lgncc.mapping.argmax import argmax_gates
from lgncc.mapping.compressor import Leaves, compress
from lgncc.mapping.design import PARTS, MappedDesign
from lgncc.mapping.front import front_gates
from lgncc.mapping.ledger import Ledger
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.normal_form import normal_form
from lgncc.model import LogicModel
from lgncc.netlist import Netlist

BUFFER = 0b10


@dataclass(frozen=True)
class MappingOptions:
    """script: ABC commands for what is mapped as gates."""

    script: str = AREA


def map_model(
    model: LogicModel, k: Literal[4, 6] = 4, options: MappingOptions | None = None
) -> MappedDesign:
    """Encoder, network, readout and argmax as LUTs of k inputs; see MappedDesign."""
    options = options or MappingOptions()
    model = replace(model, netlist=to_two_input(model.netlist))
    builder, node = front_gates(model)
    if model.readout.kind == "bits":
        roots = node[model.netlist.outputs]
        luts = map_luts(_finish(builder, model, node, roots), k, script=options.script)
        return MappedDesign(model, luts, _parts(model, luts, luts), None, None)
    form = normal_form(model)
    terms, which = np.unique(form.node, return_inverse=True)
    network = map_luts(_finish(builder, model, node, node[terms]), k, script=options.script)
    literal = 2 * network.outputs.astype(np.int64)[which.reshape(-1)] + form.inverted
    leaves = Leaves.plain(literal)
    writer, ledger = LutWriter(network), Ledger()
    words = compress(form, leaves, network.level, writer, ledger)
    if model.readout.kind == "class":
        outputs = _write_argmax(writer, words.literal, options.script)
    else:
        outputs = [_as_node(writer, int(one)) for one in words.literal.reshape(-1)]
    luts = _complete(network, writer, outputs)
    compression = ledger.close(luts, words.leaf, words.constants, words.bit)
    return MappedDesign(model, luts, _parts(model, network, luts), form, compression)


def _finish(builder: NetlistBuilder, model: LogicModel, node: Ids, roots: Ids) -> Netlist:
    netlist = model.netlist
    return builder.finish(roots, next_state=node[netlist.next_state], reset=netlist.reset)


def _write_argmax(writer: LutWriter, words: Integers, script: str) -> list[int]:
    """The nodes of the class; a class alone is one bit that is always 0."""
    real = words > 1
    builder = NetlistBuilder(int(real.sum()))
    nodes = (words >> 1).astype(np.int32)
    nodes[real] = builder.inputs
    index = argmax_gates(builder, nodes)
    if not len(index):
        return [0]
    mapped = map_luts(builder.finish(index), writer.k, script=script)
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
        output_names=(),
    )


def _parts(model: LogicModel, network: Netlist, luts: Netlist) -> npt.NDArray[np.uint8]:
    """Part of each LUT. The encoder's are those that see one feature only: what ABC made of a
    comparator may hold a gate of the network as well."""
    part = np.full(luts.n_gates, PARTS.index("readout"), np.uint8)
    part[: network.n_gates] = PARTS.index("network")
    if model.encoder.is_identity:
        return part
    encoder = model.encoder
    feature = np.full(network.n_nodes, -2, np.int64)  # -1: none, -2: several
    feature[:2] = -1
    feature[2 : network.first_state] = np.repeat(np.arange(encoder.n_features), encoder.bits)
    for ids in network.by_level():
        seen = feature[network.fanin[ids - network.first_gate]]
        highest = seen.max(axis=1)
        lone = ((seen == highest[:, None]) | (seen == -1)).all(axis=1)
        feature[ids] = np.where(lone, highest, -2)
    part[: network.n_gates][feature[network.first_gate :] >= 0] = PARTS.index("encoder")
    return part
