"""What users have today against lgncc: same machine, same run.

    python tests/bench/peers.py [NETWORK ...] [--only SECTION ...] [--limit S] [--out FOLDER]

1. LUT4s on iCE40 of network, readout and argmax (the encoder is left out on both sides):
   torchlogix's Circuit, raw and simplified, as its Verilog with a behavioural argmax, through
   `synth_ice40`; plain area mapping by ABC; `lgncc -O2`, proof included; its serial readout.
2. Whether torchlogix's simplified Verilog still computes the network.
3. dwn2rtl against lgncc on a DWN.
4. The software models (tests/bench/speed.py).

Writes peers.md, peers.json and plots into FOLDER; ratios are what it states.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import speed
from dwn_peer import compare_dwn
from networks import network
from peer_circuits import torchlogix_circuit, write_circuit
from results import markdown, write_json
from synthesis import logic_of, synthesize

from lgncc.emit.core import core_verilog
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.golden import Simulator, pack, unpack
from lgncc.mapping import MappingOptions, map_model
from lgncc.mapping.serial import map_serial
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.equivalence import check_equal, differ_on_random
from lgncc.verify.mapped import prove_mapped
from lgncc.verify.serial import check_serial

NETWORKS = ("digits", "mnist16", "tt10", "random-1000", "random-4000", "random-16000")
SPEED_NETWORKS = ("digits", "tt10", "random-32000")
TITLES = {
    "size": "LUT4s on iCE40",
    "miscompile": "torchlogix's simplified Verilog",
    "dwn": "A DWN",
    "speed": "Software models",
}
VECTORS = 256
PROOF_LIMIT_S = 60
ARGMAX = """
module top(input [{inputs}:0] x, output reg [{index}:0] y);
  wire [{total}:0] scores;
  reg [{width}:0] best;
  integer j;
  circuit c(.inp(x), .scores_flat(scores));
  always @* begin
    y = 0; best = scores[{width}:0];
    for (j = 1; j < {classes}; j = j + 1)
      if (scores[j * {bits} +: {bits}] > best) begin
        y = j; best = scores[j * {bits} +: {bits}];
      end
  end
endmodule
"""


def bare(name):
    """The network with its inputs as they are, scores as plain counts; None where absent."""
    model = network(name)
    if model is None:
        print(f"{name}: its file is absent, skipped", file=sys.stderr)
        return None
    readout = replace(model.readout, kind="class", tau=1.0, beta=0.0)
    return replace(model, encoder=Encoder.identity(model.netlist.n_inputs), readout=readout)


def theirs(model, simplified):
    """torchlogix's Verilog and, below it, a top module with an argmax; bits of a score."""
    with tempfile.TemporaryDirectory() as folder:
        write_circuit(model, Path(folder, "c.json"))
        circuit = torchlogix_circuit(Path(folder, "c.json"))
    if simplified:
        circuit.simplify()
    verilog = circuit.get_verilog_code()
    classes = model.readout.n_classes
    total = int(verilog.split("output reg  [")[1].split(":")[0]) + 1
    bits = total // classes
    top = ARGMAX.format(
        inputs=model.netlist.n_inputs - 1,
        index=max(classes - 1, 1).bit_length() - 1,
        total=total - 1,
        width=bits - 1,
        bits=bits,
        classes=classes,
    )
    return verilog, verilog + "\n" + top, bits


def sizes(name, limit_s):
    """A row a flow; LUT4 None where it was not done in time."""
    model = bare(name)
    if model is None:
        return []
    rows = []

    def row(flow, luts, carries, levels, seconds, note=""):
        raw = rows[0]["LUT4"] if rows else luts
        rows.append(
            {
                "network": name,
                "gates": model.netlist.n_gates,
                "flow": flow,
                "LUT4": luts,
                "carries": carries,
                "LUT levels": levels,
                "of torchlogix raw": luts / raw if luts and raw else None,
                "seconds": round(seconds, 1),
                "note": note,
            }
        )
        print(f"{name}: {flow}: {luts} LUT4, {seconds:.1f} s", file=sys.stderr)

    for flow, simplified in (("raw", False), ("simplified", True)):
        started = time.perf_counter()
        _, verilog, _ = theirs(model, simplified)
        cells = synthesize(verilog, "top", limit_s)
        seconds = time.perf_counter() - started
        found = (cells.luts, cells.carries) if cells else (None, None)
        late = "" if cells else f"not done in {limit_s:.0f} s"
        row(f"torchlogix {flow}, synth_ice40", *found, None, seconds, late)

    started = time.perf_counter()
    smaller = optimize(model, choose_pipeline(2), prove=True).model
    seconds = time.perf_counter() - started
    for flow, options in (
        ("plain area mapping (ABC)", MappingOptions(readout="plain")),
        ("lgncc -O2", MappingOptions()),
    ):
        started = time.perf_counter()
        design = map_model(smaller, 4, options)
        if options.readout == "compressors":
            prove_mapped(design)
        taken = seconds + time.perf_counter() - started
        note = "proved" if options.readout == "compressors" else ""
        row(flow, design.luts.n_gates, 0, design.luts.depth, taken, note)
    rows += serial(name, model, smaller, rows[0]["LUT4"], limit_s)
    return rows


def serial(name, model, smaller, raw, limit_s):
    """The class-serial core, stream interface and control included."""
    from lgncc.hw.serial_core import SerialCore

    started = time.perf_counter()
    design = map_serial(smaller, 1)
    check_serial(design)
    cells = synthesize(
        core_verilog(SerialCore(design, input_register=False), "top"), "top", limit_s
    )
    if cells is None:
        return []
    print(f"{name}: serial readout: {cells.luts} LUT4", file=sys.stderr)
    return [
        {
            "network": name,
            "gates": model.netlist.n_gates,
            "flow": "lgncc serial readout, 1 bit a cycle",
            "LUT4": cells.luts,
            "carries": cells.carries,
            "LUT levels": design.luts.depth,
            "of torchlogix raw": cells.luts / raw if raw else None,
            "seconds": round(time.perf_counter() - started, 1),
            "note": f"{design.rows} cycles; {cells.registers} registers; proved",
        }
    ]


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


def plots(folder, size_rows, speed_rows):
    """LUT4s as shares of torchlogix raw, and speed-ups, one bar a flow and network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for file, rows, key, flow, title in (
        ("size", size_rows, "of torchlogix raw", "flow", "LUT4s, torchlogix raw = 1"),
        ("speed", speed_rows, "times as fast", "tool", "times as fast as torchlogix's defaults"),
    ):
        if not rows:
            continue
        names = list(dict.fromkeys(row["network"] for row in rows))
        flows = list(dict.fromkeys(row[flow] for row in rows))
        figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
        for index, one in enumerate(flows):
            found = {row["network"]: row[key] or 0 for row in rows if row[flow] == one}
            at = np.arange(len(names)) + (index - (len(flows) - 1) / 2) * 0.8 / len(flows)
            axes.bar(at, [found.get(n, 0) for n in names], 0.8 / len(flows), label=one)
        axes.set_xticks(np.arange(len(names)), names)
        axes.set_title(title)
        if file == "speed":
            axes.set_yscale("log")
        axes.legend(fontsize="small")
        figure.savefig(folder / f"peers-{file}.svg", metadata={"Date": None})
        pyplot.close(figure)


def main() -> None:
    """Print and write all sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--speed", nargs="*", default=list(SPEED_NETWORKS), metavar="NETWORK")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one synthesis")
    parser.add_argument("--samples", type=int, default=speed.SAMPLES)
    parser.add_argument(
        "--only", nargs="+", default=list(TITLES), choices=TITLES, metavar="SECTION"
    )
    parser.add_argument("--out", type=Path, default=Path("build/peers"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sections = {
        "size": lambda: each(arguments.networks, lambda name: sizes(name, arguments.limit)),
        "miscompile": lambda: each(["constants-400", *arguments.networks[:3]], miscompile),
        "dwn": lambda: compare_dwn(arguments.limit) if importlib.util.find_spec("dwn2rtl") else [],
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
        write_json(arguments.out / "peers.json", **found)
    print(text)
    plots(arguments.out, found.get("size"), found.get("speed"))


def each(names, measure):
    """The rows of all networks."""
    return [row for name in names for row in measure(name)]


if __name__ == "__main__":
    main()
