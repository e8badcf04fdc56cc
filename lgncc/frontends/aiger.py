"""AIGER: and-inverter graphs with latches, in their ASCII (aag) and binary (aig) form.

Source: A. Biere, K. Heljanko, S. Wieringa, "AIGER 1.9 and Beyond", 2011. A literal is
2 * variable + complement, and variable 0 is constant false. Latches become state with
their reset values. An AND becomes one gate, the complements of its inputs absorbed in its
table. `aiger_netlist` is also how Verilog arrives here (see `verilog`).
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Integers
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.aiger_file import HEADER, AigerFile
from lgncc.frontends.common import group_readout
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.graph import find_cycle, levelize
from lgncc.model import Fact, LogicModel
from lgncc.netlist import Netlist

AND_TABLES = np.array([0x8, 0x4, 0x2, 0x1], np.uint64)
"""By the complement of fanin 0, plus twice that of fanin 1."""
INVERTER = 0x5  # of fanin 0; fanin 1 is ignored


def recognize(source: Source) -> str | None:
    return None if HEADER.match(source.data) else "no aag or aig header"


def read(source: Source, given: GivenFacts) -> LogicModel:
    given.only("AIGER", "classes", "tau", "input_bits")
    netlist = aiger_netlist(source.data, str(source.path))
    source.agree("input_bits", netlist.n_inputs, given.input_bits)
    facts = [
        Fact("inputs", f"{netlist.n_inputs} bits", "from checkpoint"),
        Fact("outputs", str(len(netlist.outputs)), "from checkpoint"),
        Fact("gates", f"{netlist.n_gates} of two inputs", "derived, exact"),
    ]
    if netlist.n_state:
        state = f"{netlist.n_state} latches, {int(netlist.reset.sum())} of them reset to 1"
        facts.insert(2, Fact("state", state, "from checkpoint"))
    readout, readout_facts = group_readout(source, len(netlist.outputs), given)
    return LogicModel(
        encoder=Encoder.identity(netlist.n_inputs),
        netlist=netlist,
        readout=readout,
        provenance=source.provenance("aiger", [*facts, *readout_facts]),
    )


def aiger_netlist(data: bytes, path: str) -> Netlist:
    """The netlist of an AIGER file's bytes. Raises InputErrors that name `path`."""
    graph = AigerFile.parse(data, path)
    defined = np.concatenate([graph.inputs, graph.latches, graph.ands]) >> 1
    order = np.argsort(defined, kind="stable")
    twice = np.flatnonzero(np.diff(defined[order]) == 0)
    if len(twice):
        raise InputError(f"{path}: variable {defined[order][twice[0]]} is defined more than once")

    def locate(literals: Integers) -> tuple[Integers, Integers]:
        """For each literal -1 (a constant) or the place in `defined`, and the complement."""
        variable = literals >> 1
        at = np.minimum(np.searchsorted(defined, variable, sorter=order), max(len(order) - 1, 0))
        place = order[at] if len(order) else np.full(len(variable), -1)
        known = (defined[place] == variable) if len(order) else variable == 0
        if not (known | (variable == 0)).all():
            missing = int(variable[~known & (variable != 0)][0])
            raise InputError(f"{path}: literal {2 * missing} is used, but nothing defines it")
        return np.where(variable == 0, -1, place), literals & 1

    n_sources, n_ands = len(graph.inputs) + len(graph.latches), len(graph.ands)
    fanin, flip = locate(graph.fanins.reshape(-1))
    rank = _ranks(fanin - n_sources, n_ands, graph, path)
    node = np.zeros(1 + n_sources + n_ands, np.int64)  # by place + 1: the constant is first
    node[1 : 1 + n_sources] = 2 + np.arange(n_sources)
    node[1 + n_sources :] = 2 + n_sources + rank

    builder = NetlistBuilder(len(graph.inputs), len(graph.latches))
    fanins, flips = node[fanin + 1].reshape(-1, 2), flip.reshape(-1, 2)
    place = np.argsort(rank)
    tables = AND_TABLES[flips[:, 0] + 2 * flips[:, 1]]
    builder.gates(tables[place], fanins[place, 0], fanins[place, 1])

    roots, flip = locate(np.concatenate([graph.outputs, graph.next_states]))
    wired = node[roots + 1]
    wired[(roots < 0) & (flip == 1)] = 1
    inverted = (roots >= 0) & (flip == 1)
    bare, twin = np.unique(wired[inverted], return_inverse=True)
    wired[inverted] = builder.gates(INVERTER, bare, 0)[twin] if len(bare) else 0
    return builder.finish(
        wired[: len(graph.outputs)],
        next_state=wired[len(graph.outputs) :],
        reset=graph.resets,
        input_names=graph.input_names,
        output_names=graph.output_names,
    )


def _ranks(producer: Integers, n_ands: int, graph: AigerFile, path: str) -> Integers:
    """The position of each AND in an order that has producers first.

    producer: (2 * n_ands,), ANDs by their place in the file; negative where none.
    """
    consumer = np.repeat(np.arange(n_ands), 2)
    internal = producer >= 0
    if (producer < consumer).all():  # always so in a binary file
        return np.arange(n_ands)
    edges = producer[internal], consumer[internal]
    level = levelize(n_ands, *edges)
    if (level < 0).any():
        cycle = [str(graph.ands[node]) for node in find_cycle(level, *edges)]
        shown = " -> ".join([*cycle[:8], *(["..."] if len(cycle) > 8 else []), cycle[0]])
        raise InputError(f"{path}: combinational cycle of ANDs: {shown}")
    rank = np.empty(n_ands, np.int64)
    rank[np.argsort(level, kind="stable")] = np.arange(n_ands)
    return rank


READER = Reader("aiger", recognize, read)
