"""Recurrent cells of logic gates (salon64/difflogic): a state dict becomes a netlist with state.

A cell is a few stacks of difflogic layers, `cell.<stack>.net.<i>.{weights, conn_a, conn_b}`,
which read [x; h]: the features of a step, then the last answer. State starts at 0, and
GroupSum reads the answer h' after the step. Which stacks there are says which of
`lgncc.cells` it is; a lone `update` may also be a network without memory: --cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.cells import CELLS
from lgncc.errors import InputError
from lgncc.frontends.common import group_readout, tables_from_difflogic, threshold_encoder
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.gates import A_AND_NOT_B, AND, OR
from lgncc.model import Fact, LogicModel
from lgncc.model import Source as Origin

KEY = re.compile(r"((?:.+\.)?cell)\.(\w+)\.net\.(\d{1,9})\.(weights|conn_a|conn_b)")
MAX_WIDTH = 1 << 20

BY_STACKS = {frozenset(cell.stacks): cell for cell in CELLS.values()}


@dataclass(frozen=True)
class NodeAlgebra:
    """Update rules on node ids int32 (width,), appended to a netlist."""

    builder: NetlistBuilder

    def gate(self, table: int, a: Ids, b: Ids) -> Ids:
        return self.builder.gates(table, a, b)

    def mux(self, select: Ids, if_set: Ids, if_clear: Ids) -> Ids:
        kept = self.builder.gates(AND, select, if_set)
        written = self.builder.gates(A_AND_NOT_B, if_clear, select)
        return self.builder.gates(OR, kept, written)

    def join(self, first: Ids, second: Ids) -> Ids:
        return np.concatenate([first, second])


def recognize(source: Source) -> str | None:
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return state
    if any(KEY.fullmatch(key) for key in state.keys):
        return None
    return "no cell.<stack>.net.<i>.weights"


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    given.only("recurrent", "classes", "tau", "threshold", "input_format", "input_bits", "cell")
    state = StateDict.of(source)
    layers = {} if state is None else _layers(source, state)
    if state is None or frozenset(layers) not in BY_STACKS:
        found = ", ".join(layers) or "none"
        raise InputError(f"{source.path}: no cell that is known has the stacks {found}")
    rule = BY_STACKS[frozenset(layers)]
    cell, origin = _cell(source, given, rule.title)
    memories = 0 if cell == "feedforward" else rule.memories
    stacks = {stack: _read_stack(source, state, names) for stack, names in layers.items()}
    state.finish()
    width = _hidden_width(source, stacks)
    n_inputs = _input_bits(source, given, stacks, width if memories else 0)

    encoder, input_facts = threshold_encoder(source, n_inputs, given)
    builder = NetlistBuilder(n_inputs, memories * width)
    memory = tuple(builder.state.reshape(memories, width))
    applied = {stack: _apply(source, builder, stack, stacks[stack]) for stack in stacks}
    z = np.concatenate([builder.inputs, *memory[:1]])
    answer, kept = rule.step(NodeAlgebra(builder), applied, z, memory)
    next_state = np.concatenate([builder.state[:0], *kept])
    readout, readout_facts = group_readout(source, len(answer), given)
    gates = sum(len(tables) for stack in stacks.values() for tables, _ in stack)
    facts = [
        Fact("cell", cell, origin),
        Fact("network", f"{n_inputs} inputs, {width} hidden, {gates} gates", "from checkpoint"),
        Fact("gates", "argmax of 16 weights, the first of equals", "from checkpoint"),
        Fact("wiring", "conn_a and conn_b of every layer", "from checkpoint"),
        *input_facts,
        *readout_facts,
    ]
    return LogicModel(
        encoder=encoder,
        netlist=builder.finish(
            answer, next_state=next_state, reset=np.zeros(len(next_state), np.bool_)
        ),
        readout=readout,
        provenance=source.provenance("recurrent", facts),
    )


def _layers(source: Source, state: StateDict) -> dict[str, list[str]]:
    """For each stack the names of its layers, in order: `cell.update.net.0.`, ..."""
    found: dict[str, dict[int, str]] = {}
    cells = set()
    for key in state.keys:
        match = KEY.fullmatch(key)
        if match:
            cells.add(match[1])
            layer = f"{match[1]}.{match[2]}.net.{match[3]}."
            found.setdefault(match[2], {})[int(match[3])] = layer
    if len(cells) > 1:
        raise InputError(f"{source.path}: holds {len(cells)} cells: {', '.join(sorted(cells))}")
    for stack, layers in found.items():
        if sorted(layers) != list(range(len(layers))):
            raise InputError(f"{source.path}: {stack} has layers {sorted(layers)}; one is missing")
    return {stack: [layers[number] for number in sorted(layers)] for stack, layers in found.items()}


def _cell(source: Source, given: GivenFacts, name: str) -> tuple[str, Origin]:
    """An update stack is a whole step, or a network without memory: the keys are the same."""
    if name != "recompute":
        if given.cell is not None:
            raise InputError(
                f"{source.path}: the file says it is a {name} cell; leave --cell {given.cell} out"
            )
        return name, "from checkpoint"
    if given.cell is None:
        raise InputError(
            f"{source.path}: has one stack, update. Say --cell recompute if it reads the features "
            "of a step and its own last answer (mechanism rddlgn), --cell feedforward if it reads "
            "the features alone (mechanism ff)"
        )
    return given.cell, "given"


Layer: TypeAlias = tuple[Any, Any]
"""Truth tables uint64 (out,) and connections int64 (2, out)."""


def _read_stack(source: Source, state: StateDict, names: list[str]) -> list[Layer]:
    layers = []
    for name in names:
        if not {f"{name}conn_a", f"{name}conn_b"} & set(state.keys):
            raise InputError(
                f"{source.path}: {name}weights come without conn_a and conn_b, as from before the "
                "framework saved its connections; load the model there, with its seed, and save "
                "it again"
            )
        weights = state.take(f"{name}weights", (None, 16), "float")
        wires = [
            state.take(f"{name}{conn}", (len(weights),), "int") for conn in ("conn_a", "conn_b")
        ]
        if not 1 <= len(weights) <= MAX_WIDTH:
            raise InputError(f"{source.path}: {name}weights are of {len(weights)} gates")
        layers.append((tables_from_difflogic(weights.argmax(axis=1)), np.stack(wires)))
    return layers


def _hidden_width(source: Source, stacks: dict[str, list[Layer]]) -> int:
    widths = {stack: len(layers[-1][0]) for stack, layers in stacks.items()}
    if len(set(widths.values())) > 1:
        shown = ", ".join(f"{stack} {width}" for stack, width in widths.items())
        raise InputError(f"{source.path}: stacks answer with different widths: {shown}")
    return next(iter(widths.values()))


def _input_bits(
    source: Source, given: GivenFacts, stacks: dict[str, list[Layer]], hidden: int
) -> int:
    """Features a step: known only to whoever built the model, and where h begins in [x; h]."""
    reaches = [int(stacks[stack][0][1].max()) + 1 for stack in stacks if stack != "readout"]
    least = max(1, max(reaches) - hidden)
    if given.input_bits is None:
        raise InputError(
            f"{source.path}: the features of a step are {least} or more, the file does not say; "
            "give --input-bits N, the model's input_dim"
        )
    if not least <= given.input_bits <= MAX_WIDTH:
        raise InputError(
            f"{source.path}: --input-bits {given.input_bits}: its gates read as if there were at "
            f"least {least}"
        )
    return given.input_bits


def _apply(
    source: Source, builder: NetlistBuilder, stack: str, layers: list[Layer]
) -> Callable[[Ids], Ids]:
    def append(signals: Ids) -> Ids:
        for number, (tables, wires) in enumerate(layers):
            wrong = (wires < 0) | (wires >= len(signals))
            if wrong.any():
                slot, gate = (int(index) for index in np.argwhere(wrong)[0])
                raise InputError(
                    f"{source.path}: {stack} layer {number}: input {slot} of gate {gate} reads "
                    f"{wires[slot, gate]} of 0 to {len(signals) - 1}"
                )
            signals = builder.gates(tables, signals[wires[0]], signals[wires[1]])
        return signals

    return append


READER = Reader("recurrent", recognize, read)
