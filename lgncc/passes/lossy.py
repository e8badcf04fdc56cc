"""Lossy pruning: a smaller model that answers a little differently, because the user asked for it.

In: a model and labelled samples. Out: a model that loses at most `max_drop` percentage points of
accuracy on samples that are held out. No -O level contains it and nothing proves it equal: what
is proved of a build begins at the pruned model.

    merge      gates that are constant, equal or complementary on all samples become one
    terms      readout terms that hardly matter become their mean, in the bias
    constants  gates that are nearly always 0, or nearly always 1, become that

The samples are split three ways. The first half says what is worth replacing; a quarter says how
much of it is kept, batch by batch, by bisection; the last quarter is read at the end, where
batches are taken back until it agrees. Samples are words of 64, as in `lgncc.golden`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Integers, Words
from lgncc.dataset import Dataset, naming, require_labels
from lgncc.errors import InputError
from lgncc.golden import ALL_ONES, Simulator, pack, predict, scores_of, unpack
from lgncc.model import LogicModel
from lgncc.passes.edits import Floats, signatures, substituted, tidied, without
from lgncc.report.build_report import LossySection

MIN_SAMPLES = 64
VALUE_BYTES = 256 << 20  # of all nodes on the first half; beyond, fewer of its samples are taken
CHUNK = 4096  # samples as floats at once
TRIES = 8  # sizes of a batch that are tried
ROUND = 48  # a batch of terms is one part in so many
NEAR = 0.05  # the share of samples on which a nearly constant gate differs


def allowed_drop(lossy_prune: bool, max_drop: float | None) -> float | None:
    """What the options of the command line ask for; None: no pruning."""
    if max_drop is not None and not lossy_prune:
        raise InputError("--max-drop is of --lossy-prune: give both, or none")
    return (max_drop or 0.0) if lossy_prune else None


def prune_lossy(
    model: LogicModel, data: Dataset | None, max_drop: float
) -> tuple[LogicModel, LossySection]:
    """The model to build and what it costs, at most max_drop percentage points of accuracy.

    The same arguments give the same model.

    Raises InputError where accuracy has no meaning: no samples, labels or classes, or state.
    """
    path, x, y = _labelled(model, data, max_drop)
    order = np.random.default_rng(0).permutation(len(y))
    judged, checked, held = np.split(order, [len(y) // 2, len(y) * 3 // 4])
    exact = tidied(model)
    words = max(1, VALUE_BYTES // (8 * exact.netlist.n_nodes))
    judged = judged[: 64 * words]
    check = _Guard.of(exact, x[checked], y[checked], max_drop)
    guard = _Guard.of(exact, x[held], y[held], max_drop)
    inputs = exact.encoder.encode(exact.encoder.quantize(x[judged]))
    search = _Search(inputs, y[judged], check, [exact])
    search.merge()
    search.drop_terms()
    search.fix()
    search.merge()
    pruned = next(m for m in reversed(search.accepted) if guard.accepts(m))
    section = LossySection(
        data=path,
        max_drop=max_drop,
        gates_before=exact.netlist.n_gates,
        gates_after=pruned.netlist.n_gates,
        terms_before=len(exact.readout.output),
        terms_after=len(pruned.readout.output),
        samples=len(held),
        accuracy_before=guard.right / len(held),
        accuracy_after=guard.count(pruned) / len(held),
    )
    return pruned, section


def _labelled(
    model: LogicModel, data: Dataset | None, max_drop: float
) -> tuple[str, npt.NDArray[np.generic], Integers]:
    if not 0 <= max_drop <= 100:
        raise InputError(f"--max-drop {max_drop}: give percentage points, from 0 to 100")
    if model.readout.kind == "bits" or model.netlist.n_state:
        what = "state" if model.netlist.n_state else "no classes, so no accuracy"
        raise InputError(f"--lossy-prune: the model has {what}; it takes classifiers without state")
    if data is None:
        raise InputError("--lossy-prune: give the samples to judge by: --data TRAIN.npz")
    if data.y is None:
        raise InputError(f"{data.path}: no labels y in it; --lossy-prune needs them")
    if len(data.y) < MIN_SAMPLES:
        raise InputError(
            f"{data.path}: {len(data.y)} samples; --lossy-prune needs at least {MIN_SAMPLES}"
        )
    require_labels(model, data)
    with naming(data):
        model.encoder.check(data.x)
    return str(data.path), data.x, data.y


@dataclass(frozen=True, eq=False)
class _Guard:
    """Samples that a model may answer worse, but not much."""

    x: npt.NDArray[np.generic]
    y: Integers
    right: int
    allowed: int

    @classmethod
    def of(
        cls, model: LogicModel, x: npt.NDArray[np.generic], y: Integers, max_drop: float
    ) -> _Guard:
        allowed = math.floor(max_drop / 100 * len(y) + 1e-9)
        return cls(x, y, _right(model, x, y), allowed)

    def count(self, model: LogicModel) -> int:
        return _right(model, self.x, self.y)

    def accepts(self, model: LogicModel) -> bool:
        return self.count(model) >= self.right - self.allowed


def _right(model: LogicModel, x: npt.NDArray[np.generic], y: Integers) -> int:
    return int(np.count_nonzero(predict(model, x).classes == y))


@dataclass(eq=False)
class _Search:
    """inputs: bits of the network bool (n, B), y int64 (n,), of the samples that say what to
    replace; accepted: the models so far, each smaller than the one before."""

    inputs: Bits
    y: Integers
    check: _Guard
    accepted: list[LogicModel]

    @property
    def model(self) -> LogicModel:
        return self.accepted[-1]

    def merge(self) -> None:
        """Gates with one signature become the lowest node that has it."""
        netlist = self.model.netlist
        literal, same = signatures(self._values())
        gates = np.flatnonzero(same & (literal >> 1 != np.arange(netlist.n_nodes)))
        gates = gates[gates >= netlist.first_gate]
        gates = gates[np.argsort(literal[gates] > 1, kind="stable")]  # constants first
        self._replace(gates, literal[gates])

    def fix(self) -> None:
        """The gates that are hardly ever the other value, most certain first."""
        first, n = self.model.netlist.first_gate, len(self.y)
        ones = np.bitwise_count(self._values()[first:]).sum(axis=1, dtype=np.int64)
        differs = np.minimum(ones, n - ones)
        order = np.argsort(differs, kind="stable")
        order = order[differs[order] <= NEAR * n]
        self._replace(first + order, (2 * ones[order] > n).astype(np.int64))

    def drop_terms(self) -> None:
        """The terms of least effect, and what only they read, a batch at a time."""
        owed: Floats | None = np.zeros(self.model.readout.n_classes)
        while owed is not None:
            owed = self._drop_batch(owed)

    def _drop_batch(self, owed: Floats) -> Floats | None:
        """Owed (C,) is what rounding kept from the bias so far; None where little more can go."""
        model = self.model
        count = -(-len(model.readout.output) // ROUND)
        effect, mean = self._effects()
        order = np.argsort(effect, kind="stable")

        def made(size: int) -> LogicModel:
            return without(model, order[:size], mean, owed)[0]

        taken = self._take(count, made)
        worthwhile = taken > count // 4
        return without(model, order[:taken], mean, owed)[1] if worthwhile else None

    def _replace(self, gates: Integers, literals: Integers) -> None:
        self._take(len(gates), lambda size: substituted(self.model, gates[:size], literals[:size]))

    def _take(self, count: int, made: Callable[[int], LogicModel]) -> int:
        """Accept as many of `count` candidates as the check allows; how many that were."""
        low, high, best, size = 0, count + 1, None, count
        for _ in range(TRIES):
            if size == low:
                break
            if self.check.accepts(candidate := made(size)):
                low, best = size, candidate
            else:
                high = size
            size = (low + high) // 2
        if best is not None:
            self.accepted.append(tidied(best))
        return low

    def _values(self) -> Words:
        """uint64 (n_nodes, W): every node on the samples; beyond the last sample all are 0."""
        netlist = self.model.netlist
        every = replace(
            netlist, outputs=np.arange(netlist.n_nodes, dtype=np.int32), output_names=()
        )
        values, _ = Simulator(every).run(pack(self.inputs))
        values[:, -1] &= ALL_ONES >> np.uint64(-len(self.y) % 64)
        return values

    def _effects(self) -> tuple[Floats, Floats]:
        """Of each term (T,): what its mean in its place adds to the loss, and that mean.

        To second order, of the cross entropy of the framework's scores.
        """
        netlist, readout = self.model.netlist, self.model.readout
        words, _ = Simulator(netlist).run(pack(self.inputs))
        bits = unpack(words, len(self.y))
        sums = np.zeros((2, bits.shape[1], readout.n_classes))
        totals = np.zeros((2, readout.n_classes))
        for at in range(0, len(bits), CHUNK):
            some = bits[at : at + CHUNK]
            share = softmax(scores_of(readout, some) / readout.tau)
            slope, bend = share.copy(), share * (1 - share)
            slope[np.arange(len(some)), self.y[at : at + CHUNK]] -= 1
            set_ = some.T.astype(np.float32)
            for index, each in enumerate((slope, bend)):
                sums[index] += set_ @ each.astype(np.float32)
                totals[index] += each.sum(axis=0)
        term = (readout.output, readout.klass)
        mean: Floats = bits.mean(axis=0)[readout.output]
        weight = readout.weight / readout.tau
        first = weight * (mean * totals[0][readout.klass] - sums[0][term])
        # (mean - bit)**2, where a bit is its own square
        second = mean**2 * totals[1][readout.klass] + (1 - 2 * mean) * sums[1][term]
        return np.abs(first) + weight**2 * second / 2, mean


def softmax(scores: Floats) -> Floats:
    """Rows (n, C) of positive numbers that add up to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
