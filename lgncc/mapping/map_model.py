"""map_model: a whole model, encoder to answer, as one LUT netlist and its certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder, to_two_input
from lgncc.garbage import uncollected
from lgncc.gates import NOT_A
from lgncc.mapping.abc import AREA, map_luts
from lgncc.mapping.answer import FIRST_REAL, Argmax, as_node, map_argmax
from lgncc.mapping.argmax import argmax_gates
from lgncc.mapping.attempts import Attempt, attempts
from lgncc.mapping.design import PARTS, MappedDesign, NormalForm
from lgncc.mapping.front import front_gates, reordered, without_wires
from lgncc.mapping.full_adders import sum_gates
from lgncc.mapping.luts import LutWriter
from lgncc.mapping.normal_form import normal_form
from lgncc.mapping.options import MappingOptions, pack_terms
from lgncc.mapping.parts import of_encoder
from lgncc.model import LogicModel
from lgncc.netlist import Netlist

ALL_WORDS = 1 << 30
PLAIN_GATES = 100_000  # gates up to which the levels of plain area mapping are worth knowing


def map_model(
    model: LogicModel, k: Literal[4, 6] = 4, options: MappingOptions | None = None
) -> MappedDesign:
    """Encoder, network, readout and argmax as LUTs of k inputs; see MappedDesign."""
    return map_and_pin(model, k, options or MappingOptions())[0]


@uncollected()
def map_and_pin(
    model: LogicModel, k: Literal[4, 6], options: MappingOptions
) -> tuple[MappedDesign, MappingOptions]:
    """The same, and the options that lead to it with nothing left to choose."""
    model = replace(model, netlist=to_two_input(model.netlist))
    front, node = reordered(*without_wires(*front_gates(model)), options.gate_order)
    if model.readout.kind == "bits":
        gates = replace(front, outputs=node[model.netlist.outputs])
        mapped = [map_luts(gates, k, script=script) for script in options.scripts]
        script, luts = min(
            zip(options.scripts, mapped, strict=True),
            key=lambda one: (one[1].n_gates, one[1].depth),
        )
        pinned = replace(options, script=script)
        return MappedDesign(model, luts, _parts(model, luts, luts), None, None), pinned
    form = normal_form(model)
    if options.readout == "plain":
        luts = _plain_luts(model, front, node, form, k, options)
        return MappedDesign(model, luts, _parts(model, luts, luts), form, None), options
    max_levels = options.max_levels
    if max_levels is None and front.n_gates <= PLAIN_GATES:
        max_levels = _plain_luts(model, front, node, form, k, options).depth
    found: list[_Candidate] = []
    tried = options
    while True:
        made = attempts(form, front, node[form.node], k, tried)
        found += _candidates(made, model.readout.kind, k, tried)
        best = _choose(found, max_levels)
        if max_levels is None or best.depth <= max_levels or tried.plain_every == 1:
            break
        tried = _shallower(tried)
    outputs = best.write_outputs()
    base, words = best.attempt.network, best.attempt.words
    luts = _complete(base, best.attempt.writer, outputs)
    compression = best.attempt.ledger.close(luts, words.leaf, words.constants, words.bit)
    design = MappedDesign(model, luts, _parts(model, base, luts), form, compression)
    return design, best.pinned(None if max_levels is None else max(max_levels, luts.depth, 1))


def _shallower(options: MappingOptions) -> MappingOptions:
    """More chains at a time in each column, and all comparisons for speed."""
    return replace(options, plain_every=max(options.plain_every // 4, 1), argmax_few=ALL_WORDS)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A whole design: the words, and what becomes of them where not they are asked for."""

    attempt: Attempt
    argmax: Argmax | None

    @property
    def n_nodes(self) -> int:
        return self.attempt.writer.n_nodes + (self.argmax.luts.n_gates if self.argmax else 0)

    @property
    def depth(self) -> int:
        level = self.attempt.words.level
        return self.argmax.depth(level) if self.argmax else int(level.max(initial=0))

    def pinned(self, max_levels: int | None) -> MappingOptions:
        return replace(
            self.attempt.options,
            script=self.attempt.script,
            argmax_script=self.argmax.script if self.argmax else None,
            absorb=pack_terms(self.attempt.absorbable),
            max_levels=max_levels,
        )

    def write_outputs(self) -> list[int]:
        writer, words = self.attempt.writer, self.attempt.words.literal
        if self.argmax:
            return self.argmax.write(writer, words)
        return [as_node(writer, int(one)) for one in words.reshape(-1)]


def _candidates(
    made: Iterable[Attempt], kind: str, k: int, options: MappingOptions
) -> Iterator[_Candidate]:
    """Each attempt with each mapping of its argmax, which depends on constants of words only."""
    known: dict[bytes, list[Argmax]] = {}
    for attempt in made:
        words = attempt.words.literal
        constants = np.where(words < FIRST_REAL, words, -1).tobytes()
        if kind == "class" and constants not in known:
            few = options.argmax_few
            known[constants] = [map_argmax(words, k, one, few) for one in options.argmax_scripts]
        for argmax in known.get(constants, [None]):
            yield _Candidate(attempt, argmax)


def _choose(found: list[_Candidate], max_levels: int | None) -> _Candidate:
    """The smallest design of no more levels; where there is none, the shallowest."""
    sizes = [(one.n_nodes, one.depth, one) for one in found]
    fit = [one for one in sizes if max_levels is None or one[1] <= max_levels]
    if fit:
        return min(fit, key=lambda one: one[:2])[2]
    return min(sizes, key=lambda one: (one[1], one[0]))[2]


def _plain_luts(
    model: LogicModel,
    front: Netlist,
    node: Ids,
    form: NormalForm,
    k: int,
    options: MappingOptions,
) -> Netlist:
    """The whole design by area mapping of full adders."""
    gates = _plain_gates(model, front, node, form, options)
    return map_luts(gates, k, script=options.script or AREA)


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


def _complete(network: Netlist, writer: LutWriter, outputs: list[int]) -> Netlist:
    fanin, table = writer.arrays()
    return replace(
        network,
        fanin=np.concatenate([network.fanin, fanin]),
        table=np.concatenate([network.table, table]),
        outputs=np.array(outputs, np.int32),
    )


def _parts(model: LogicModel, network: Netlist, luts: Netlist) -> npt.NDArray[np.uint8]:
    """Part of each LUT."""
    part = np.full(luts.n_gates, PARTS.index("readout"), np.uint8)
    part[: network.n_gates] = PARTS.index("network")
    part[: network.n_gates][of_encoder(model.encoder, network)] = PARTS.index("encoder")
    return part
