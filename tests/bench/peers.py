"""What users have today against lgncc: same machine, same run.

    python tests/bench/peers.py [NETWORK ...] [--only SECTION ...] [--again FLOW] [--out FOLDER]

size: LUT4s on iCE40 of network, readout and argmax (the encoder is left out on both sides):
torchlogix's Circuit, raw and simplified, as its Verilog with a behavioural argmax, through
`synth_ice40`; plain area mapping by ABC; `lgncc -O2`, proof included; its serial readout.
placed: logic cells after nextpnr, in the same shell, where the part has room.
miscompile: whether torchlogix's simplified Verilog still computes the network.
dwn: dwn2rtl against lgncc on a DWN. speed: the software models (tests/bench/speed.py).

Each result is kept in FOLDER/rows as soon as it is there; a rerun takes it from there unless
--again names its flow (or a beginning of it) or the network changed. Writes peers.md, peers.json
and plots into FOLDER; ratios are what it states. Seconds are the processor's, children included.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import speed
from dwn_peer import compare_dwn
from peer_flows import PLACED, RAW, SIZES, bare, theirs
from peer_plots import plots
from results import markdown, write_json
from synthesis import LateError, logic_of

from lgncc.errors import DesignError
from lgncc.golden import Simulator, pack, unpack
from lgncc.verify.equivalence import check_equal, differ_on_random

NETWORKS = (
    *("digits", "mnist16", "tt10", "mnist-3x2000", "difflogic", "mnist"),
    *(f"random-{gates}" for gates in (1000, 4000, 16000, 32000, 100000)),
)
DEVICES = {"digits": "up5k", "mnist16": "up5k", "tt10": "hx8k", "mnist-3x2000": "hx8k"}
SPEED_NETWORKS = ("digits", "tt10", "random-32000")
TITLES = {
    "size": "LUT4s on iCE40",
    "placed": "Logic cells after place and route",
    "miscompile": "torchlogix's simplified Verilog",
    "dwn": "A DWN",
    "speed": "Software models",
}
VECTORS = 256
PROOF_LIMIT_S = 60


class Kept:
    """Results in a folder, a file each."""

    def __init__(self, folder, again):
        self.folder, self.again = folder, again
        self.commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        folder.mkdir(parents=True, exist_ok=True)

    def row(self, section, name, model, flow, work, limit_s):
        """What `work(model, limit_s)` found, now or before."""
        path = self.folder / f"{section}-{name}-{re.sub(r'[^a-z0-9]+', '-', flow.lower())}.json"
        digest = _digest(model)
        known = json.loads(path.read_text()) if path.exists() else {}
        if known.get("model") != digest or any(flow.startswith(one) for one in self.again):
            print(f"{section}: {name}: {flow} ...", file=sys.stderr, flush=True)
            started, now = _cpu_seconds(), time.perf_counter()
            try:
                found = work(model, limit_s)
            except (LateError, DesignError) as error:
                found = {"note": str(error).splitlines()[0]}
            found["seconds"] = round(_cpu_seconds() - started, 1)
            known = {"found": found, "model": digest, "commit": self.commit}
            known["wall seconds"] = round(time.perf_counter() - now, 1)
            known["date"] = time.strftime("%Y-%m-%d")
            path.write_text(json.dumps(known, indent=1))
            print(f"  {found}", file=sys.stderr, flush=True)
        return {"network": name, "gates": model.netlist.n_gates, "flow": flow} | known["found"]


def _digest(model):
    found = hashlib.sha256()
    for array in (model.netlist.fanin, model.netlist.table, model.netlist.outputs):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _cpu_seconds():
    usages = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def compare_sizes(kept, names, flows, limit_s):
    """A row a network and flow; no LUT4s where a flow was not done in time."""
    keys = ("network", "gates", "flow", "LUT4", "carries", "LUT levels", "of torchlogix raw")
    return _compare(kept, "size", names, SIZES, flows, limit_s, "LUT4", keys)


def compare_placed(kept, names, flows, limit_s):
    """The same in logic cells of a device."""
    keys = ("network", "gates", "flow", "device", "logic cells", "of torchlogix raw", "MHz")
    rows = []
    for name in [name for name in names if name in DEVICES]:
        works = {flow: partial(work, device=DEVICES[name]) for flow, work in PLACED.items()}
        rows += _compare(kept, "placed", [name], works, flows, limit_s, "logic cells", keys)
    return rows


def _compare(kept, section, names, works, flows, limit_s, unit, keys):
    rows = []
    for name in names:
        model = bare(name)
        if model is None:
            print(f"{name}: its file is absent, skipped", file=sys.stderr)
            continue
        chosen = [flow for flow in works if any(flow.startswith(one) for one in flows)]
        found = [kept.row(section, name, model, flow, works[flow], limit_s) for flow in chosen]
        raw = next((row.get(unit) for row in found if row["flow"] == RAW), None)
        for row in found:
            row["of torchlogix raw"] = row[unit] / raw if raw and row.get(unit) else None
        rows += [{key: row.get(key) for key in (*keys, "seconds", "note")} for row in found]
    return rows


def miscompile(name):
    """torchlogix's simplified Verilog against its raw one: a verdict, and what it costs."""
    model = bare(name)
    if model is None:
        return []
    netlists, bits = [], 0
    for simplified in (False, True):
        verilog, _, bits = theirs(model, simplified)
        netlists.append((logic_of(verilog, "circuit"), bits))
    (raw, raw_bits), (simple, simple_bits) = netlists
    x = np.random.default_rng(0).integers(0, 2, (VECTORS, raw.n_inputs)).astype(bool)
    answers = []
    for netlist, width in netlists:
        words, _ = Simulator(netlist).run(pack(x))
        digits = unpack(words, VECTORS).reshape(VECTORS, model.readout.n_classes, width)
        answers.append((digits << np.arange(width)).sum(axis=2))
    verdict = "ports differ"
    if raw_bits == simple_bits:
        verdict = compare(raw, simple)
    wrong = int((answers[0] != answers[1]).any(axis=1).sum())
    classes = [answer.argmax(axis=1) for answer in answers]
    return [
        {
            "network": name,
            "simplified = raw?": verdict,
            f"vectors with wrong scores, of {VECTORS}": wrong,
            "with a wrong class": int((classes[0] != classes[1]).sum()),
        }
    ]


def compare(raw, simple):
    """A verdict by simulation, then by ABC, which gives up on large sums added up differently."""
    found = differ_on_random(raw, simple)
    try:
        found = found or check_equal(raw, simple, PROOF_LIMIT_S)
    except DesignError:
        return "no difference found, no proof either"
    return "equal" if found.equal else "refuted, with a counterexample"


def main() -> None:
    """Print and write all sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--speed", nargs="*", default=list(SPEED_NETWORKS), metavar="NETWORK")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for one run of a tool")
    parser.add_argument("--samples", type=int, default=speed.SAMPLES)
    parser.add_argument(
        "--only", nargs="+", default=list(TITLES), choices=TITLES, metavar="SECTION"
    )
    parser.add_argument("--flow", nargs="+", default=[""], help="only flows that begin so")
    parser.add_argument("--again", nargs="*", default=[], metavar="FLOW")
    parser.add_argument("--out", type=Path, default=Path("build/peers"))
    arguments = parser.parse_args()
    kept = Kept(arguments.out / "rows", arguments.again)
    names, flows, limit_s = arguments.networks, arguments.flow, arguments.limit
    sections = {
        "size": lambda: compare_sizes(kept, names, flows, limit_s),
        "placed": lambda: compare_placed(kept, names, flows, limit_s),
        "miscompile": lambda: each(["constants-400", *names[:3]], miscompile),
        "dwn": lambda: compare_dwn(limit_s) if importlib.util.find_spec("dwn2rtl") else [],
        "speed": lambda: each(arguments.speed, lambda name: speed.measure(name, arguments.samples)),
    }
    found = {}
    for section in arguments.only:
        found[section] = sections[section]()
        # After each one, since an interrupt would lose hours.
        text = "\n".join(
            f"## {TITLES[name]}\n\n"
            f"{markdown(rows) if rows else 'Not measured: not installed, or no file.'}\n"
            for name, rows in found.items()
        )
        (arguments.out / "peers.md").write_text(text)
        write_json(arguments.out / "peers.json", commit=kept.commit, **found)
    print(text)
    plots(arguments.out, found.get("size"), found.get("speed"))


def each(names, measure):
    """The rows of all networks."""
    return [row for name in names for row in measure(name)]


if __name__ == "__main__":
    main()
