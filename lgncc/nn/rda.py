"""Reverse Derivative Ascent: a circuit's parameter bits, learned without a float.

Wilson & Zanasi 2021, "Reverse Derivative Ascent: A Categorical Approach to Learning Boolean
Circuits". A circuit f(x, p) of lookup tables is a polynomial over Z2 in its inputs x and in
the entries p of its tables (+ is XOR, * is AND). Its reverse derivative R[f] carries a wanted
change of the output back to changes of x and p by the chain rule, and one step of learning
is p <- p + R[f](x, p, y + f(x, p)). All of it runs on 64 samples a machine word.

What is learned is a netlist: `to_model` only writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Words
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.common import tables_from_rows
from lgncc.golden import ALL_ONES, pack, unpack
from lgncc.model import Fact, LogicModel, Provenance, Readout
from lgncc.netlist import MAX_FANINS

FRONTEND = "rda"


@dataclass(frozen=True, eq=False)
class Layer:
    """Lookup tables side by side, each of k inputs.

    inputs: int32 (k, n), what each table reads of the layer before; parameters: bool (n,
    2**k), where column r is the answer to the inputs that spell r, input 0 lowest.
    """

    inputs: Ids
    parameters: Bits


@dataclass(frozen=True, eq=False)
class Circuit:
    """Layers of lookup tables over `n_inputs` bits; the last layer's answers are the outputs."""

    n_inputs: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where a layer does not fit the one before it."""
        width = self.n_inputs
        for index, layer in enumerate(self.layers):
            k, n = layer.inputs.shape
            if not 1 <= k <= MAX_FANINS:
                raise ValueError(f"layer {index}: tables of {k} inputs; 1 to {MAX_FANINS} work")
            if layer.parameters.shape != (n, 1 << k) or layer.parameters.dtype != np.bool_:
                raise ValueError(
                    f"layer {index}: parameters are {layer.parameters.dtype} "
                    f"{layer.parameters.shape}; they must be bool {(n, 1 << k)}"
                )
            if layer.inputs.min(initial=0) < 0 or layer.inputs.max(initial=0) >= width:
                raise ValueError(f"layer {index}: reads outside the {width} bits before it")
            width = n
        if not self.layers:
            raise ValueError("a circuit needs at least one layer")

    @property
    def n_outputs(self) -> int:
        return int(self.layers[-1].inputs.shape[1])


def random_circuit(
    n_inputs: int, widths: tuple[int, ...], k: int, draws: np.random.Generator
) -> Circuit:
    """Layers of `widths` tables of k inputs, wired at random; each input used about alike.

    Every table starts as one of its inputs: a random table passes few changes back.
    """
    layers, before = [], n_inputs
    for width in widths:
        shuffles = [draws.permutation(before) for _ in range(-(-k * width // before))]
        inputs = np.concatenate(shuffles)[: k * width].reshape(width, k).T.astype(np.int32)
        chosen = draws.integers(k, size=width)[:, None]
        parameters = (np.arange(1 << k) >> chosen & 1).astype(np.bool_)
        layers.append(Layer(inputs, parameters))
        before = width
    return Circuit(n_inputs, tuple(layers))


def run(circuit: Circuit, x: Words) -> Words:
    """Outputs uint64 (m, W) of inputs uint64 (n_inputs, W)."""
    for layer in circuit.layers:
        x = _answers(layer, _visits(layer, x))
    return x


def reverse_derivative(circuit: Circuit, x: Words, dy: Words) -> tuple[Words, list[Words]]:
    """R[f](x, p, dy): the change of x, and that of every layer's parameters, sample by sample.

    x: uint64 (n_inputs, W); dy: uint64 (m, W). Returns uint64 (n_inputs, W) and, for each
    layer, uint64 (n, 2**k, W).
    """
    signals, visited = [x], []
    for layer in circuit.layers:
        visited.append(_visits(layer, signals[-1]))
        signals.append(_answers(layer, visited[-1]))
    changes: list[Words] = []
    for layer, before, visits in zip(
        circuit.layers[::-1], signals[-2::-1], visited[::-1], strict=True
    ):
        # A table is the sum of its entries times "the inputs spell this entry's row".
        changes.append(visits & dy[:, None])
        dx = np.zeros_like(before)
        for place, sources in enumerate(layer.inputs):
            rows = np.arange(layer.parameters.shape[1])
            flips = layer.parameters ^ layer.parameters[:, rows ^ (1 << place)]
            np.bitwise_xor.at(dx, sources, _select(flips, visits) & dy)
        dy = dx
    return dy, changes[::-1]


def step(
    circuit: Circuit, x: Words, y: Words, samples: int, share: npt.NDArray[np.bool_] | None = None
) -> Circuit:
    """Learn from `samples` samples at once, x (n_inputs, W) and labels y (m, W).

    One sample is the paper's rule. Of more, each votes: an entry changes where R[f] asks
    it more often for the wrong outputs than it would for the right ones, so that a change
    that mends some samples does not break more. `share` bool (entries,) bars the rest of
    the entries, all layers' in one row, from changing.
    """
    valid = pack(np.ones((samples, 1), np.bool_))
    wrong = (y ^ run(circuit, x)) & valid
    _, asked = reverse_derivative(circuit, x, wrong)
    flips = [_count(words) > 0 for words in asked]
    if samples > 1:
        _, content = reverse_derivative(circuit, x, ~wrong & valid)
        flips = [_count(a) > _count(b) for a, b in zip(asked, content, strict=True)]
    if share is not None:
        ends = np.cumsum([flip.size for flip in flips])
        parts = np.split(share, ends[:-1])
        flips = [flip & part.reshape(flip.shape) for flip, part in zip(flips, parts, strict=True)]
    layers = tuple(
        replace(layer, parameters=layer.parameters ^ flip)
        for layer, flip in zip(circuit.layers, flips, strict=True)
    )
    return replace(circuit, layers=layers)


@dataclass(frozen=True)
class Training:
    """epochs: passes over the data; batch: samples a step, 1 is the paper's rule; share: of
    the entries that may change in a step, drawn anew for each; 1 is the paper's rule.
    """

    epochs: int = 10
    batch: int = 64
    share: float = 1.0


def train(
    circuit: Circuit,
    x: Bits,
    y: Bits,
    training: Training,
    draws: np.random.Generator,
    score: Callable[[Circuit], float] | None = None,
) -> Circuit:
    """The best circuit after any epoch, of inputs x (n, n_inputs) and labels y (n, m).

    score: higher is better, and the earliest of equals is kept; unless given, the share of
    the training part's output bits that are right.
    """
    if x.shape[1] != circuit.n_inputs or y.shape != (len(x), circuit.n_outputs):
        raise ValueError(
            f"x {x.shape} and y {y.shape} are not (n, {circuit.n_inputs}) and "
            f"(n, {circuit.n_outputs})"
        )
    score = score or (lambda candidate: float((predict(candidate, x) == y).mean()))
    entries = sum(layer.parameters.size for layer in circuit.layers)
    best, highest = circuit, score(circuit)
    for _ in range(training.epochs):
        order = draws.permutation(len(x))
        for first in range(0, len(x), training.batch):
            chosen = order[first : first + training.batch]
            share = draws.random(entries) < training.share if training.share < 1 else None
            circuit = step(circuit, pack(x[chosen]), pack(y[chosen]), len(chosen), share)
        reached = score(circuit)
        if reached > highest:
            best, highest = circuit, reached
    return best


def predict(circuit: Circuit, x: Bits) -> Bits:
    """Outputs bool (n, m) of inputs bool (n, n_inputs)."""
    return unpack(run(circuit, pack(x)), len(x))


def to_model(
    circuit: Circuit, encoder: Encoder | None = None, readout: Readout | None = None
) -> LogicModel:
    """The circuit as it is, for `lgncc.storage.save_model`: tables become two-input gates.

    Without `encoder` the model takes bits, without `readout` it gives bits. Raises
    InputError where either does not fit the circuit.
    """
    encoder = encoder or Encoder.identity(circuit.n_inputs)
    if encoder.n_bits != circuit.n_inputs:
        raise InputError(
            f"the encoder makes {encoder.n_bits} bits, the circuit takes {circuit.n_inputs}"
        )
    builder = NetlistBuilder(circuit.n_inputs)
    signals = builder.inputs
    for layer in circuit.layers:
        tables = tables_from_rows(layer.parameters, first_fanin="lsb")
        signals = builder.luts(tables, signals[layer.inputs.T])
    sizes = [circuit.n_inputs, *(layer.inputs.shape[1] for layer in circuit.layers)]
    entries = sum(layer.parameters.size for layer in circuit.layers)
    facts = (
        Fact("network", "-".join(map(str, sizes)), "derived, exact"),
        Fact("tables", f"{entries} entries by Reverse Derivative Ascent", "derived, exact"),
    )
    return LogicModel(
        encoder,
        builder.finish(signals),
        readout or Readout.bits(),
        Provenance(FRONTEND, facts=facts),
    )


def _visits(layer: Layer, x: Words) -> Words:
    """For every entry, the samples whose inputs spell its row: uint64 (n, 2**k, W)."""
    visits = np.full((layer.inputs.shape[1], 1, x.shape[1]), ALL_ONES)
    for sources in layer.inputs:  # input 0 lowest: each further one doubles the rows
        bit = x[sources][:, None]
        visits = np.concatenate([visits & ~bit, visits & bit], axis=1)
    return visits


def _select(entries: Bits, visits: Words) -> Words:
    """Each sample's entry of its row: uint64 (n, W). entries: bool (n, 2**k)."""
    kept = np.where(entries[..., None], visits, np.uint64(0))
    selected: Words = np.bitwise_or.reduce(kept, axis=1)
    return selected


def _answers(layer: Layer, visits: Words) -> Words:
    return _select(layer.parameters, visits)


def _count(words: Words) -> npt.NDArray[np.int64]:
    """Samples that are 1, along the last axis."""
    count: npt.NDArray[np.int64] = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return count
