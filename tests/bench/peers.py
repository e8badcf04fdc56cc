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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dwn_peer
import numpy as np
import speed
from peer_flows import PLACED, SIZES, bare, theirs
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
OF_RAW = "of torchlogix raw"
VECTORS = 256
PROOF_LIMIT_S = 60


class Kept:
    """Results in a folder, a file each."""

    def __init__(self, folder, again=(), *, only=False):
        self.folder, self.again, self.only = folder, again, only
        self.commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        folder.mkdir(parents=True, exist_ok=True)

    def row(self, section, name, model, flow, work, limit_s):
        """What `work(model, limit_s)` found, now or before; None where it is not to be run."""
        path = self.folder / f"{section}-{_slug(name)}-{_slug(flow)}.json"
        digest = _digest(model)
        known = json.loads(path.read_text()) if path.exists() else {}
        if known.get("model") != digest and self.only:
            return None
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
        row = {"network": name, "gates": model.netlist.n_gates, "flow": flow} | known["found"]
        return row | {"commit": known["commit"]}


def _slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower())


def _digest(model):
    found = hashlib.sha256()
    for array in (model.netlist.fanin, model.netlist.table, model.netlist.outputs):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _cpu_seconds():
    usages = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@dataclass(frozen=True)
class Section:
    """flows: by name, what measures a network; the first is what the others are shares `of`,
    in `unit`. columns: what else a row shows."""

    name: str
    flows: dict
    unit: str
    of: str
    columns: tuple[str, ...]

    def rows(self, kept, name, model, chosen, limit_s):
        """A row a flow whose name begins with one of `chosen`."""
        flows = [flow for flow in self.flows if any(flow.startswith(one) for one in chosen)]
        rows = (kept.row(self.name, name, model, flow, self.flows[flow], limit_s) for flow in flows)
        found = [row for row in rows if row is not None]
        first = next(iter(self.flows))
        base = next((row.get(self.unit) for row in found if row["flow"] == first), None)
        for row in found:
            row[self.of] = row[self.unit] / base if base and row.get(self.unit) else None
        keys = ("network", "gates", "flow", *self.columns, self.of, "seconds", "note", "commit")
        return [{key: row.get(key) for key in keys} for row in found]


def size_section():
    return Section("size", SIZES, "LUT4", OF_RAW, ("LUT4", "carries", "LUT levels"))


def placed_section(device):
    flows = {flow: partial(work, device=device) for flow, work in PLACED.items()}
    return Section("placed", flows, "logic cells", OF_RAW, ("device", "logic cells", "MHz"))


def dwn_section():
    flows = dwn_peer.FLOWS
    return Section("dwn", flows, "LUT4", "of dwn2rtl", ("LUT4", "carries", "LUT levels"))


def compare_dwn(kept, flows, limit_s):
    """No rows where dwn2rtl is not installed."""
    if importlib.util.find_spec("dwn2rtl") is None:
        return []
    model = dwn_peer.as_model(dwn_peer.random_dwn())
    return dwn_section().rows(kept, dwn_peer.NAME, model, flows, limit_s)


def compare(names, section_of, kept, flows, limit_s):
    """All rows of a section. section_of: the section of a network's name."""
    rows = []
    for name in names:
        model = bare(name)
        if model is None:
            print(f"{name}: its file is absent, skipped", file=sys.stderr)
        else:
            rows += section_of(name).rows(kept, name, model, flows, limit_s)
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
        verdict = verdict_on(raw, simple)
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


def verdict_on(raw, simple):
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
    parser.add_argument("--kept", action="store_true", help="show what is kept, measure nothing")
    parser.add_argument("--out", type=Path, default=Path("build/peers"))
    arguments = parser.parse_args()
    kept = Kept(arguments.out / "rows", arguments.again, only=arguments.kept)
    names, flows, limit_s = arguments.networks, arguments.flow, arguments.limit
    sections = {
        "size": lambda: compare(names, lambda _: size_section(), kept, flows, limit_s),
        "placed": lambda: compare(
            [name for name in names if name in DEVICES],
            lambda name: placed_section(DEVICES[name]),
            kept,
            flows,
            limit_s,
        ),
        "miscompile": lambda: each(["constants-400", *names[:3]], miscompile),
        "dwn": lambda: compare_dwn(kept, flows, limit_s),
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
