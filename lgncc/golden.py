"""The golden model: what a LogicModel answers, 64 samples a machine word.

This is the software model that every later stage is compared with. `predict` answers by
the compiled interpreter of `lgncc.bitslice`, and by numpy where it was not built. Bits of
samples are packed along the sample axis: word w of a node holds samples 64*w to
64*w + 63, the first one lowest.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers, Tables, Words
from lgncc.bitslice import STEP, Interpreter, library
from lgncc.errors import InputError
from lgncc.gates import GATES
from lgncc.model import LogicModel, Readout
from lgncc.netlist import Netlist

ALL_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
WORD_BITS = 64
BLOCK_BYTES = 64 << 20  # node values held at once; past the cache, but few Python steps
BLOCK_VALUES = 1 << 20  # input values that a thread of `predict` takes at once


def pack(bits: Bits) -> Words:
    """Bits bool (n, B) to words uint64 (B, ceil(n / 64)), zero padded."""
    n, width = bits.shape
    padded = np.zeros((width, -(-n // WORD_BITS) * WORD_BITS), np.bool_)
    padded[:, :n] = bits.T
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def unpack(words: Words, n: int) -> Bits:
    """Words uint64 (B, W) back to bits bool (n, B)."""
    octets = np.ascontiguousarray(words.astype("<u8")).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").T.astype(np.bool_)


class Simulator:
    """A netlist prepared for repeated evaluation: gates sorted by level, then by table."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        gates = np.lexsort((netlist.table, netlist.level[netlist.first_gate :]))
        # Values are kept in this order, so that each group writes one contiguous slice.
        position = np.arange(netlist.n_nodes, dtype=np.int32)
        position[netlist.first_gate + gates] = np.arange(
            netlist.first_gate, netlist.n_nodes, dtype=np.int32
        )
        self._fanin: Ids = position[netlist.fanin[gates]]
        self._outputs: Ids = position[netlist.outputs]
        self._next_state: Ids = position[netlist.next_state]
        table = netlist.table[gates]
        level = netlist.level[netlist.first_gate :][gates]
        if netlist.k == 2:
            new_group = (np.diff(level) != 0) | (np.diff(table) != 0)
        else:  # wide tables rarely repeat: one group a level, all its tables at once
            new_group = np.diff(level) != 0
        self._groups = np.concatenate([[0], np.flatnonzero(new_group) + 1, [len(gates)]])
        self._table = table

    def run(self, inputs: Words, state: Words | None = None) -> tuple[Words, Words]:
        """Evaluate one step.

        inputs: uint64 (n_inputs, W); state: uint64 (n_state, W), the reset values if
        not given. Returns outputs uint64 (m, W) and the next state uint64 (n_state, W).
        """
        width = inputs.shape[1]
        if state is None:
            state = np.where(self.netlist.reset, ALL_ONES, np.uint64(0))[:, None].repeat(width, 1)
        block = max(1, BLOCK_BYTES // (8 * self.netlist.n_nodes))
        results = [
            self._run_block(inputs[:, at : at + block], state[:, at : at + block])
            for at in range(0, width, block)
        ]
        if not results:
            return np.zeros((len(self._outputs), 0), np.uint64), state
        outputs, next_state = zip(*results, strict=True)
        return np.concatenate(outputs, axis=1), np.concatenate(next_state, axis=1)

    def _run_block(self, inputs: Words, state: Words) -> tuple[Words, Words]:
        netlist = self.netlist
        value = np.empty((netlist.n_nodes, inputs.shape[1]), np.uint64)
        value[0] = 0
        value[1] = ALL_ONES
        value[2 : netlist.first_state] = inputs
        value[netlist.first_state : netlist.first_gate] = state
        for start, stop in zip(self._groups[:-1], self._groups[1:], strict=True):
            out = value[netlist.first_gate + start : netlist.first_gate + stop]
            fanins = [value[column] for column in self._fanin[start:stop].T]
            if len(fanins) == 2 and start < stop:
                out[:] = GATES[int(self._table[start])].function(*fanins)
            else:
                out[:] = _lookup(self._table[start:stop], fanins)
        return value[self._outputs], value[self._next_state]


def _lookup(tables: Tables, fanins: list[Words]) -> Words:
    """Any k-input functions over words: a mux tree, fanin 0 selecting first."""
    rows = tables[:, None] >> np.arange(1 << len(fanins), dtype=np.uint64)
    layer = [ALL_ONES * (rows[:, row : row + 1] & np.uint64(1)) for row in range(rows.shape[1])]
    for select in fanins:
        layer = [
            clear ^ ((clear ^ set_) & select)
            for clear, set_ in zip(layer[::2], layer[1::2], strict=True)
        ]
    return layer[0]


def scores_of(readout: Readout, bits: Bits) -> Integers:
    """Integer scores int64 (n, C) of output bits bool (n, m)."""
    result = np.tile(readout.bias, (len(bits), 1))
    order = np.argsort(readout.klass, kind="stable")
    klass = readout.klass[order]
    starts = np.flatnonzero(np.diff(klass, prepend=-1))
    if len(starts):
        terms = bits[:, readout.output[order]] * readout.weight[order]
        result[:, klass[starts]] += np.add.reduceat(terms, starts, axis=1, dtype=np.int64)
    return result


def classes_of(score: Integers) -> Integers:
    """The class of each row of scores (..., C): the highest, the lowest index on a tie."""
    first_highest: Integers = np.argmax(score, axis=-1)
    return first_highest


class NumpyInterpreter:
    """`lgncc.bitslice.Interpreter` without the compiled library, and its second opinion."""

    def __init__(self, model: LogicModel) -> None:
        self._model = model
        self._simulator = Simulator(model.netlist)

    def run(
        self,
        samples: Bits | Integers,
        bits: Bits | None,
        scores: Integers | None,
        classes: Integers | None,
    ) -> None:
        state = None
        for step in range(samples.shape[1]):
            inputs = samples[:, step]
            if inputs.dtype != np.bool_:
                inputs = self._model.encoder.encode(inputs.astype(np.int64))
            words, state = self._simulator.run(pack(inputs.astype(np.bool_)), state)
            outputs = unpack(words, len(samples))
            if bits is not None:
                bits[:, step] = outputs
            if scores is not None and classes is not None:
                scores[:, step] = score = scores_of(self._model.readout, outputs)
                classes[:, step] = classes_of(score)


@dataclass(frozen=True, eq=False)
class Predictions:
    """scores: int64 (n, C); classes: int64 (n,); both None where the readout is `bits`.

    find_bits answers the output bits, which are many, when they are first asked for. Of a
    model with state, each has a second axis: the steps of the sequence.
    """

    find_bits: Callable[[], Bits]
    scores: Integers | None
    classes: Integers | None

    @cached_property
    def bits(self) -> Bits:
        """bool (n, m)"""
        return self.find_bits()

    def of_steps(self, *, answers_last: bool = False) -> Predictions:
        """Those of sequences (n, steps) as if each step were a sample, or only the last ones."""

        def flat(answers: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return answers[:, -1] if answers_last else answers.reshape(-1, *answers.shape[2:])

        return Predictions(
            lambda: flat(self.bits),
            None if self.scores is None else flat(self.scores),
            None if self.classes is None else flat(self.classes),
        )

    def accuracy(self, labels: Integers) -> float:
        """The share of labels that are answered; needs classes.

        Of sequences, labels (n,) are of the last step, and labels (n, steps) of all.
        """
        assert self.classes is not None, "a model that reads out bits has no accuracy"
        answers = self.classes[:, -1] if self.classes.ndim > labels.ndim else self.classes
        return float(np.mean(answers == labels))


def predict(model: LogicModel, x: npt.ArrayLike) -> Predictions:
    """Answer samples x, raw as they were for training.

    x: (n, features), or (n, steps, features) for a model with state, which starts each
    sequence from its reset values. Raises InputError where x does not fit the model.
    """
    values = np.asarray(x)
    encoder = model.encoder
    if model.netlist.n_state and values.ndim != 3:
        raise InputError(
            f"data: x has shape {values.shape}; the model has state and takes "
            f"(n, steps, {encoder.n_features})"
        )
    steps, rows = 1, values
    if model.netlist.n_state:
        steps = values.shape[1]
        rows = values.reshape(len(values) * steps, values.shape[2])
    encoder.check(rows)
    plain = encoder.is_identity and rows.dtype == np.bool_

    def block(first: int, last: int) -> Bits | Integers:
        at = first * steps
        chosen = rows[at : last * steps]
        samples = chosen if plain else encoder.quantize(chosen, first_sample=at)
        return samples.reshape(last - first, steps, samples.shape[1])

    return _answer(model, len(values), steps, block)


def predict_encoded(model: LogicModel, bits: Bits) -> Predictions:
    """Answer network inputs, past the encoder: bool (n, B), or (n, steps, B) with state."""
    sequences = bits.astype(np.bool_, copy=False)
    if not model.netlist.n_state:
        sequences = sequences[:, None]
    n, steps = sequences.shape[:2]
    return _answer(model, n, steps, lambda first, last: sequences[first:last])


def _answer(
    model: LogicModel, n: int, steps: int, block: Callable[[int, int], Bits | Integers]
) -> Predictions:
    """Answer n sequences of some steps; block(first, last) gives the inputs of a part."""
    widest = max(model.encoder.n_features, model.netlist.n_inputs, 1) * max(steps, 1)
    size = max(BLOCK_VALUES // widest // STEP, 1) * STEP
    parts = [(at, min(at + size, n)) for at in range(0, n, size)]
    interpreter = (Interpreter if library() else NumpyInterpreter)(model)

    def fill(bits: Bits | None, scores: Integers | None, classes: Integers | None) -> None:
        def answer(part: tuple[int, int]) -> None:
            at = slice(*part)
            interpreter.run(
                block(*part),
                None if bits is None else bits[at],
                None if scores is None else scores[at],
                None if classes is None else classes[at],
            )

        # Both interpreters and numpy let other threads run meanwhile.
        if len(parts) == 1:
            answer(parts[0])
        else:
            with ThreadPoolExecutor(_cores()) as threads:
                list(threads.map(answer, parts))

    def find_bits() -> Bits:
        bits = np.empty((n, steps, len(model.netlist.outputs)), np.bool_)
        fill(bits, None, None)
        return bits if model.netlist.n_state else bits[:, 0]

    if model.readout.kind == "bits":
        found = find_bits()
        return Predictions(lambda: found, None, None)
    scores = np.empty((n, steps, model.readout.n_classes), np.int64)
    classes = np.empty((n, steps), np.int64)
    fill(None, scores, classes)
    if not model.netlist.n_state:
        scores, classes = scores[:, 0], classes[:, 0]
    return Predictions(find_bits, scores, classes)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
