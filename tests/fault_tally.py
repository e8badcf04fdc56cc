"""Single faults of mapped, fused designs of the shipped networks, and who refutes them.

    python tests/fault_tally.py [--faults 500] [--seed 0]

Whether a fault changes an answer is decided without the proof and without ABC: it does where
random inputs show it, and does not where the changed LUT or output is the same function of a cut
of the nodes below it, for every value of the cut. A fault that is neither is `open`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from mutations import IN_LUTS, move_next_state, with_luts

import lgncc.models
from lgncc.frontends import load
from lgncc.golden import Simulator
from lgncc.mapping.map_model import map_model
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.lemma import RefutedError
from lgncc.verify.mapped import prove_mapped

MODELS = Path(lgncc.models.__file__).parent
WORDS = 64  # 4,096 random samples
MAX_CUT = 16
N_STATE = 24


def with_state(model):
    """The last inputs of a network become state, which the first outputs are the next values of."""
    netlist, n = model.netlist, model.netlist.n_inputs - N_STATE
    netlist = replace(
        netlist,
        n_inputs=n,
        next_state=netlist.outputs[:N_STATE],
        reset=np.arange(N_STATE) % 2 == 1,
        input_names=netlist.input_names[:n],
    )
    encoder = model.encoder
    assert (encoder.feature == np.arange(encoder.n_bits)).all(), "a feature an input"
    encoder = replace(
        encoder,
        bits=encoder.bits[:n],
        signed=encoder.signed[:n],
        fraction=encoder.fraction[:n],
        feature=encoder.feature[:n],
        threshold=encoder.threshold[:n],
    )
    return replace(model, encoder=encoder, netlist=netlist)


@cache
def read(name, kind="class", state=False):
    """A shipped network as it is mapped at -O2, with another readout, or with state."""
    model = load(MODELS / f"{name}.pt")
    model = replace(model, readout=replace(model.readout, kind=kind, tau=1.0))
    return optimize(with_state(model) if state else model, choose_pipeline(2), prove=False).model


DESIGNS = {
    "digits, class, LUT4": lambda: map_model(read("digits"), 4),
    "digits, class, LUT6": lambda: map_model(read("digits"), 6),
    "digits, scores, LUT4": lambda: map_model(read("digits", "scores"), 4),
    "digits, bits, LUT4": lambda: map_model(read("digits", "bits"), 4),
    "mnist16, class, LUT4": lambda: map_model(read("mnist16"), 4),
    "mnist16, scores, LUT6": lambda: map_model(read("mnist16", "scores"), 6),
    "mnist16 with state, class, LUT4": lambda: map_model(read("mnist16", state=True), 4),
    "mnist16 with state, class, LUT6": lambda: map_model(read("mnist16", state=True), 6),
}


def tally(design, changing, seed=0):
    """Faults until `changing` of them change an answer: Counter of (verdict, effect).

    verdict: the lemma that refutes it, or "proved"; effect: "changes", "unchanged" or "open".
    """
    rng = np.random.default_rng(seed)
    luts = design.luts
    shape = (luts.n_inputs + luts.n_state, WORDS)
    sources = rng.integers(0, 1 << 64, shape, np.uint64, endpoint=False)
    right = roots(luts, sources)
    faults = (*IN_LUTS, move_next_state) if luts.n_state else IN_LUTS
    found = Counter()
    while sum(count for (_, effect), count in found.items() if effect == "changes") < changing:
        faulty = faults[rng.integers(len(faults))](luts, rng)
        if not np.array_equal(roots(faulty, sources), right):
            effect = "changes"
        else:
            effect = "unchanged" if is_same(luts, faulty) else "open"
        found[verdict(with_luts(design, faulty)), effect] += 1
    return found


def roots(luts, sources):
    return np.concatenate(Simulator(luts).run(sources[: luts.n_inputs], sources[luts.n_inputs :]))


def verdict(design):
    try:
        prove_mapped(design)
    except RefutedError as error:
        return error.lemma
    return "proved"


def is_same(luts, faulty):
    """Whether what was changed is the same function of some nodes below it; False: not shown."""
    gates = np.flatnonzero((luts.table != faulty.table) | (luts.fanin != faulty.fanin).any(axis=1))
    pairs = [(int(luts.first_gate + gate), int(luts.first_gate + gate)) for gate in gates]
    moved = zip(luts.roots.tolist(), faulty.roots.tolist(), strict=True)
    pairs += [(one, other) for one, other in moved if one != other]
    return all(_is_same(luts, faulty, *pair) for pair in pairs)


def _is_same(luts, faulty, one, other):
    """The nodes `one` of luts and `other` of faulty, which differ nowhere below them."""
    first = luts.first_gate
    if one == other:  # the changed gate itself
        cut = {*luts.fanin[one - first].tolist(), *faulty.fanin[one - first].tolist()} - {0, 1}
    else:
        cut = {one, other} - {0, 1}
    while len(cut) <= MAX_CUT:
        if np.array_equal(_values(luts, one, cut), _values(faulty, other, cut)):
            return True
        highest = max(cut)
        if highest < first:
            return False
        cut = (cut - {highest}) | set(luts.fanin[highest - first].tolist()) - {0, 1}
    return False


def _values(luts, root, cut):
    """The root for every value of the cut, by recursion over tables: bool (2**cut,)."""
    row = np.arange(1 << len(cut))
    known = {node: row >> index & 1 for index, node in enumerate(sorted(cut))}
    known |= {0: np.zeros_like(row), 1: np.ones_like(row)}

    def value(node):
        if node not in known:
            gate = node - luts.first_gate
            at = sum(value(int(f)) << slot for slot, f in enumerate(luts.fanin[gate]))
            known[node] = (luts.table[gate] >> at.astype(np.uint64)).astype(np.int64) & 1
        return known[node]

    return value(root)


def main() -> None:
    """A Markdown table of all designs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=500, help="that change an answer, of each")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    lemmas = ("leaves", "blocks", "answer", "outputs", "proved")
    columns = ("design", "LUTs", "change an answer", *(f"refuted by {one}" for one in lemmas[:-1]))
    columns += ("not refuted", "change none", "of these refuted", "open")
    print("|", " | ".join(columns), "|\n|" + " --- |" * len(columns))
    for name, make in DESIGNS.items():
        design = make()
        found = tally(design, arguments.faults, arguments.seed)
        assert {lemma for lemma, _ in found} <= set(lemmas), found
        row = [name, f"{design.luts.n_gates:,}", arguments.faults]
        row += [found[lemma, "changes"] for lemma in lemmas]
        for effect in ("unchanged", "open"):
            row.append(sum(count for (_, one), count in found.items() if one == effect))
            if effect == "unchanged":
                row.append(row[-1] - found["proved", effect])
        row[-1] = f"{row[-1]}, {row[-1] - found['proved', 'open']} refuted"
        print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
