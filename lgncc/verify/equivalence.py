"""Formal equivalence of two netlists, by ABC's combinational equivalence checker.

ABC runs as a program on two AIGER files. A counterexample is simulated on both
netlists before it is believed, and decoded into feature values and classes.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.emit.aiger import to_aiger
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.flow.tools import find_tool
from lgncc.golden import Simulator, pack, predict_encoded, unpack
from lgncc.model import LogicModel
from lgncc.netlist import Netlist

TIMEOUT_S = 600.0

# CPU seconds of (&cec -y, &cec, cec) where the networks are equal, a random one against its LUTs:
# 0.06, 0.14, 0.31 at 4,000 gates; 0.2, 1.1, 3.3 at 32,000; 0.8, 4.3, 14 at 100,000. Only cec
# prints the inputs of a difference, which it is quick to find.
CHECKERS = ("&cec -y", "&cec", "cec")
SMALL_GATES = 5_000  # up to here, cec alone
LARGE_GATES = 50_000
EQUAL = "Networks are equivalent"


@dataclass(frozen=True, eq=False)
class Equivalence:
    """equal, or a counterexample: bool (n_inputs + n_state,), inputs first."""

    equal: bool
    counterexample: Bits | None = None
    differing: Integers | None = None
    """Positions among the roots that differ on the counterexample."""


def check_equal(before: Netlist, after: Netlist, timeout_s: float = TIMEOUT_S) -> Equivalence:
    """Are all outputs and next states the same functions of inputs and state?

    Raises DesignError where ABC gives no verdict, EnvironmentLacksError without ABC.
    """
    shapes = [(n.n_inputs, n.n_state, len(n.outputs)) for n in (before, after)]
    if shapes[0] != shapes[1]:
        raise DesignError(
            f"equivalence: ports differ: (inputs, state, outputs) {shapes[0]} against {shapes[1]}"
        )
    if not len(before.roots):
        return Equivalence(equal=True)
    if not np.array_equal(before.reset, after.reset):
        raise DesignError("equivalence: reset values differ")
    verdict = _run_abc(before, after, timeout_s)
    if EQUAL in verdict:
        return Equivalence(equal=True)
    if "NOT EQUIVALENT" not in verdict:
        tail = " ".join(verdict.split())[-300:]
        raise DesignError(f"equivalence: ABC reached no verdict: {tail or 'it printed nothing'}")
    return _confirm(before, after, verdict)


def differ_on_random(before: Netlist, after: Netlist, words: int = 4) -> Equivalence | None:
    """A difference that 64 * words random inputs and states show, without ABC; None if none."""
    rng = np.random.default_rng(0)
    sources = rng.integers(
        0, 1 << 64, (before.n_inputs + before.n_state, words), np.uint64, endpoint=False
    )
    inputs, state = np.split(sources, [before.n_inputs])
    roots = [np.concatenate(Simulator(netlist).run(inputs, state)) for netlist in (before, after)]
    samples = np.bitwise_or.reduce(roots[0] ^ roots[1], axis=0)
    if not samples.any():
        return None
    word = int(np.argmax(samples != 0))
    mask = int(samples[word])
    shift = np.uint64((mask & -mask).bit_length() - 1)
    differing = np.flatnonzero((roots[0] ^ roots[1])[:, word] >> shift & np.uint64(1))
    found = (sources[:, word] >> shift & np.uint64(1)).astype(np.bool_)
    return Equivalence(equal=False, counterexample=found, differing=differing)


def _run_abc(before: Netlist, after: Netlist, timeout_s: float) -> str:
    """What ABC's checkers print, the quickest first, until one says equal, or all have.

    The time limit is of each.
    """
    abc = find_tool("abc")
    gates = max(before.n_gates, after.n_gates)
    quick, sweep, classic = CHECKERS
    checkers = [classic] if gates <= SMALL_GATES else [quick, classic]
    if gates > LARGE_GATES:
        checkers.insert(1, sweep)
    with tempfile.TemporaryDirectory(prefix="lgncc-cec-") as folder:
        paths = [Path(folder, name) for name in ("before.aig", "after.aig")]
        for path, netlist in zip(paths, (before, after), strict=True):
            # Without names: ABC then calls the inputs pi0, pi1, ... in its counterexample.
            path.write_bytes(to_aiger(netlist, combinational=True, symbols=False))
        for checker in checkers:
            try:
                done = subprocess.run(
                    [*abc.argv, "-q", f"{checker} before.aig after.aig"],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                if checker != checkers[-1]:
                    continue
                raise DesignError(
                    f"equivalence: ABC reached no verdict in {timeout_s:.0f} s "
                    f"({before.n_gates} against {after.n_gates} gates)"
                ) from error
            if EQUAL in done.stdout:
                break
    return done.stdout + done.stderr


def _confirm(before: Netlist, after: Netlist, verdict: str) -> Equivalence:
    """The printed counterexample, checked by simulation; unlisted inputs are free, so 0."""
    # `INPUT: pi0 = 1'h1` lists every input; `Input pattern: pi0=1`, all that an older ABC
    # prints, only those that the first differing output of the first netlist reads.
    assignments = re.findall(r"\bpi(\d+)(?:=| = 1'h)([01])", verdict)
    sources = np.zeros(before.n_inputs + before.n_state, np.bool_)
    for index, bit in assignments:
        sources[int(index)] = bit == "1"
    roots = [_roots(netlist, sources) for netlist in (before, after)]
    differing = np.flatnonzero(roots[0] != roots[1])
    if not len(differing):
        raise DesignError("equivalence: ABC says they differ, but its counterexample shows none")
    return Equivalence(equal=False, counterexample=sources, differing=differing)


def _roots(netlist: Netlist, sources: Bits) -> Bits:
    words = pack(sources[None, :])
    outputs, next_state = Simulator(netlist).run(
        words[: netlist.n_inputs], words[netlist.n_inputs :]
    )
    return np.concatenate([unpack(outputs, 1)[0], unpack(next_state, 1)[0]])


def decode(encoder: Encoder, bits: Bits) -> Integers | None:
    """Feature integers (F,) that encode to these network inputs bool (B,), or None.

    None: no sample does, since a feature would have to be above a threshold and at
    most a lower one at once.
    """
    low, high = (bound.copy() for bound in encoder.integer_range)
    np.maximum.at(low, encoder.feature[bits], encoder.threshold[bits] + 1)
    np.minimum.at(high, encoder.feature[~bits], encoder.threshold[~bits])
    return None if (low > high).any() else low


def explain(before: LogicModel, after: LogicModel, found: Equivalence) -> str:
    """A refutation in the user's terms: the sample, and what each side answers."""
    assert found.counterexample is not None
    assert found.differing is not None
    inputs = found.counterexample[: before.netlist.n_inputs]
    n_outputs = len(before.netlist.outputs)
    names = [
        before.netlist.output_name(i) if i < n_outputs else f"next s{i - n_outputs}"
        for i in found.differing[:4].tolist()
    ]
    lines = [f"{len(found.differing)} outputs differ, first: {', '.join(names)}"]
    features = decode(before.encoder, inputs)
    if features is None:
        ones = np.flatnonzero(inputs).tolist()
        lines.append(f"network inputs at 1 (no sample encodes to this): {ones}")
    else:
        values = np.ldexp(features.astype(np.float64), -before.encoder.fraction.astype(np.int64))
        shown = " ".join(f"{index}={values[index]:g}" for index in np.flatnonzero(values))
        lines.append(f"features: {shown or 'all'} {'and the others ' if shown else ''}0")
    if before.readout.kind != "bits" and not before.netlist.n_state:
        answers = [predict_encoded(model, inputs[None, :]).classes for model in (before, after)]
        classes = [int(answer[0]) for answer in answers if answer is not None]
        lines.append(f"class before: {classes[0]}, after: {classes[1]}")
    return "\n".join(lines)
