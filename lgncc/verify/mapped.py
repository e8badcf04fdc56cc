"""Rung "mapping": a mapped design answers as its model does, proved piece by piece.

Two popcounts of different structure cannot be compared by a general checker, so the proof follows
the mapper's own account of its compressors, of which it believes nothing. docs/explanation/trust.md
says why the lemmas together entail that the answers are the same for all inputs and states.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lgncc.arrays import Bits, Ids
from lgncc.builder import NetlistBuilder
from lgncc.golden import Simulator, pack, unpack
from lgncc.mapping.design import Compression, MappedDesign, NormalForm
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.verify.blocks import LEMMA as BLOCKS
from lgncc.verify.blocks import check_blocks
from lgncc.verify.comparison import Comparison, describe_step
from lgncc.verify.consumption import CONSUMED, FORMED, check_consumption, check_formed
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.models import prove_same_model
from lgncc.verify.normal_form import LEMMA as NORMAL_FORM
from lgncc.verify.normal_form import check_normal_form
from lgncc.verify.reference import (
    append_argmax,
    append_cone,
    append_step,
    complement_where,
    exclusive_or,
    source_ids,
    sources_reached,
)
from lgncc.verify.rung import Rung

RUNG = "mapping"
LEAVES, ANSWER, OUTPUTS = "leaves", "answer", "outputs"


def check_mapped(design: MappedDesign, model: LogicModel | None = None) -> Rung:
    """The rung of the ladder. `model`: what was to be mapped; without it the design's word is
    taken for that. Raises RefutedError where the design is wrong."""
    same = () if model is None else (prove_same_model(model, design.model),)
    return Proof((*same, *prove_mapped(design).lemmas)).rung(RUNG)


def prove_mapped(design: MappedDesign) -> Proof:
    """Outputs and next states of `design.luts` are those of `design.model`, for all inputs.

    Raises RefutedError, naming the lemma, at the first that does not hold.
    """
    formed = prove(FORMED, lambda: check_formed(design))
    form, compression = design.form, design.compression
    if design.model.readout.kind == "bits":
        return Proof((formed, compare_outputs(design).prove()))
    assert form is not None, "a design is well formed"
    assert compression is not None, "a design is well formed"
    ours = [
        prove(NORMAL_FORM, lambda: check_normal_form(design.model, form)),
        prove(CONSUMED, lambda: check_consumption(form, compression)),
        prove(BLOCKS, lambda: check_blocks(compression, form.width)),
    ]
    comparisons = [
        compare_leaves(design, form, compression),
        compare_answer(design, form, compression),
    ]
    for comparison in comparisons:
        comparison.try_random()  # most defects show here, in no time
    with ThreadPoolExecutor(max_workers=len(comparisons)) as pool:  # ABC runs as a process
        leaves, answer = pool.map(Comparison.prove, comparisons)
    return Proof((formed, ours[0], leaves, *ours[1:], answer))


def compare_outputs(design: MappedDesign) -> Comparison:
    """A readout of bits: outputs and next states against the model's, encoder included."""
    model, luts = design.model, design.luts
    if len(luts.outputs) != len(model.netlist.outputs):
        raise RefutedError(
            OUTPUTS, f"{len(luts.outputs)} outputs for {len(model.netlist.outputs)} of the model"
        )
    builder = NetlistBuilder(luts.n_inputs, luts.n_state)
    roots = append_step(builder, model, model.netlist.roots, builder.inputs, builder.state)
    ours = NetlistBuilder(luts.n_inputs, luts.n_state)
    return Comparison(
        OUTPUTS,
        _finish(builder, roots),
        _finish(ours, _append_from_sources(ours, luts, luts.roots)),
        lambda root: _root_name(model.netlist, root),
        lambda found: describe_step(model, found),
        f"{len(luts.roots):,} outputs and next states by ABC",
    )


def compare_leaves(design: MappedDesign, form: NormalForm, compression: Compression) -> Comparison:
    """The bit of each term, and the next states, as functions of the packed inputs and state."""
    model, extended = design.model, compression.extended
    builder = NetlistBuilder(extended.n_inputs, extended.n_state)
    wanted, term = np.unique(
        np.stack([form.node, form.inverted, compression.leaf], axis=1).astype(np.int64),
        axis=0,
        return_index=True,
    )
    node, inverted, leaf = wanted.T
    roots = np.concatenate([node.astype(np.int32), model.netlist.next_state])
    roots = append_step(builder, model, roots, builder.inputs, builder.state)
    reference = complement_where(builder, roots[: len(leaf)], inverted.astype(np.bool_))
    reference = np.concatenate([reference, roots[len(leaf) :]])

    ours = NetlistBuilder(extended.n_inputs, extended.n_state)
    both = np.concatenate([*compression.nodes[leaf].T, design.luts.next_state])
    both = _append_from_sources(ours, extended, both)
    first, second, next_state = np.split(both, [len(leaf), 2 * len(leaf)])
    bits = exclusive_or(ours, first, second)

    def name(root: int) -> str:
        if root >= len(leaf):
            return f"next state {root - len(leaf)}"
        return (
            f"term {term[root]} (class {form.klass[term[root]]}, node {node[root]} of the model, "
            f"logical bit {leaf[root]})"
        )

    return Comparison(
        LEAVES,
        _finish(builder, reference),
        _finish(ours, np.concatenate([bits, next_state])),
        name,
        lambda found: describe_step(model, found),
        f"{len(form.node):,} terms and {len(next_state):,} next states by ABC",
    )


def compare_answer(design: MappedDesign, form: NormalForm, compression: Compression) -> Comparison:
    """The outputs are the words' argmax, or the words; the words' nodes are free variables.

    A ghost among those nodes stands for the real nodes that it reads.
    """
    luts, extended, word = design.luts, compression.extended, compression.word
    carried = word >= 0
    nodes = np.zeros((*word.shape, 2), np.int32)
    nodes[carried] = compression.nodes[word[carried]]
    cut = _real_nodes(extended, nodes.reshape(-1), luts.n_nodes)
    # What the outputs read besides the words' nodes, if anything, is free too.
    cut = np.union1d(cut, sources_reached(extended, luts.outputs, cut)).astype(np.int32)
    reference, ours = (NetlistBuilder(len(cut)) for _ in range(2))
    both = append_cone(reference, extended, nodes.reshape(-1), cut, reference.inputs)
    both = both.reshape(-1, 2)
    words = exclusive_or(reference, both[:, 0], both[:, 1]).reshape(word.shape)
    scores = design.model.readout.kind == "scores"
    payload = words.reshape(-1) if scores else append_argmax(reference, words)
    if len(payload) != len(luts.outputs):
        raise RefutedError(ANSWER, f"{len(luts.outputs)} outputs for a payload of {len(payload)}")
    outputs = append_cone(ours, extended, luts.outputs, cut, ours.inputs)
    what = "the words themselves" if scores else "their argmax, the lowest index at a tie"
    return Comparison(
        ANSWER,
        reference.finish(payload),
        ours.finish(outputs),
        lambda root: f"bit {root} of the payload",
        lambda found: f"the words are {_words_on(reference, words, found)}",
        f"{len(word):,} words of {form.width} bits, {what}, by ABC",
    )


def _real_nodes(extended: Netlist, nodes: Ids, n_real: int) -> Ids:
    """The nodes without constants, ghosts replaced by what they read, sorted."""
    used = np.zeros(extended.n_nodes, np.bool_)
    used[nodes] = True
    while used[n_real:].any():
        ghosts = n_real + np.flatnonzero(used[n_real:])
        used[n_real:] = False
        used[extended.fanin[ghosts - extended.first_gate]] = True
    used[:2] = False
    return np.flatnonzero(used).astype(np.int32)


def _append_from_sources(builder: NetlistBuilder, netlist: Netlist, roots: Ids) -> Ids:
    """The cone of roots over the builder's inputs and state."""
    known_as = np.concatenate([builder.inputs, builder.state])
    return append_cone(builder, netlist, roots, source_ids(netlist), known_as)


def _finish(builder: NetlistBuilder, roots: Ids) -> Netlist:
    """Inputs and state bits as inputs, all roots as outputs."""
    netlist = builder.finish(roots, next_state=builder.state, reset=np.zeros(len(builder.state)))
    n_inputs = netlist.n_inputs + netlist.n_state
    return Netlist(n_inputs, netlist.fanin, netlist.table, netlist.outputs)


def _root_name(netlist: Netlist, root: int) -> str:
    outputs = len(netlist.outputs)
    return netlist.output_name(root) if root < outputs else f"next state {root - outputs}"


def _words_on(builder: NetlistBuilder, words: Ids, inputs: Bits) -> list[int]:
    """The value of each word (C, width) of nodes."""
    simulator = Simulator(builder.finish(words.reshape(-1)))
    values = unpack(simulator.run(pack(inputs[None, :]))[0], 1)[0].reshape(words.shape)
    return [sum(1 << i for i in np.flatnonzero(row).tolist()) for row in values]
