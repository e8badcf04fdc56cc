"""Software models of one network: seconds from its file to the last answer, ours and others'.

    python tests/bench/speed.py [NETWORK ...] [--samples N] [--json FILE] [--markdown FILE]

Every tool reads the same torchlogix Circuit JSON (or gets the same network), is prepared
(torchlogix and difflogic-style C: gcc), and answers the same N random samples, bool (N, B) in
memory. Imports are not counted. All answers must be equal. The ratio is to torchlogix's
compiled circuit at its defaults; `one thread` keeps ours to one core.
"""

from __future__ import annotations

import argparse
import ctypes
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from networks import network
from peer_circuits import DifflogicStyle, torchlogix_circuit, write_circuit
from results import markdown, write_json

from lgncc import golden
from lgncc.emit.c import to_c
from lgncc.frontends import load

SAMPLES = 1_000_000 // 512 * 512
NUMPY_SAMPLES = 1 << 14
NETWORKS = ("tt10", "digits", "random-32000")


class Clock:
    """Wall and processor seconds (children included) of named stretches."""

    def __init__(self):
        self.seconds, self.cpu = {}, {}

    def __call__(self, name, work):
        cpu, start = self._cpu(), time.perf_counter()
        answer = work()
        self.seconds[name] = time.perf_counter() - start
        self.cpu[name] = self._cpu() - cpu
        return answer

    def _cpu(self):
        usages = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class ExportedC:
    """`lgncc export --format c`, compiled for this machine."""

    def __init__(self, model, folder):
        source = folder / "m.c"
        source.write_text(to_c(model, "m"))
        library = source.with_suffix(".so")
        flags = ["-O2", "-march=native", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", library, source], check=True)
        self.library, self.n_classes = ctypes.CDLL(library), model.readout.n_classes
        sizes = dict(re.findall(r"#define M_(\w+) (\d+)", source.read_text()))
        slots, planes = int(sizes["SLOTS"]), int(sizes["PLANES"])
        self.scratch = np.empty(8 * (slots + self.n_classes * planes), np.uint64)

    def __call__(self, bits):
        scores = np.empty((len(bits), self.n_classes), np.int64)
        self.library.m_run(
            ctypes.c_void_p(bits.ctypes.data),
            ctypes.c_size_t(len(bits)),
            ctypes.c_void_p(scores.ctypes.data),
            None,
            ctypes.c_void_p(self.scratch.ctypes.data),
        )
        return scores


def tools(circuit, model, folder):
    """(name, load and prepare, answer): prepare makes what answer takes beside the bits."""

    def compiled(**options):
        def prepare():
            found = torchlogix_circuit(circuit)
            found.compile(**options)
            return found

        return prepare

    def scores(model, bits):
        return golden.predict(model, bits).scores

    def alone(model, bits):
        with Patched(golden, "_cores", lambda: 1):
            return scores(model, bits)

    def by_numpy(model, bits):
        with Patched(golden, "library", lambda: None):
            return scores(model, bits)

    def run_circuit(found, bits):
        return found(bits, use_compiled=True)

    def run(found, bits):
        return found(bits)

    return [
        ("torchlogix, defaults", compiled(), run_circuit),
        ("torchlogix, 64 packed", compiled(pack_bits=64), run_circuit),
        ("difflogic-style C", lambda: DifflogicStyle(model, folder), run),
        ("lgncc predict", lambda: load(circuit), scores),
        ("lgncc predict, one thread", lambda: load(circuit), alone),
        ("lgncc export --format c", lambda: ExportedC(load(circuit), folder), run),
        ("lgncc predict, numpy", lambda: load(circuit), by_numpy),
    ]


class Patched:
    """An attribute replaced for a while."""

    def __init__(self, owner, name, value):
        self.owner, self.name, self.value = owner, name, value

    def __enter__(self):
        self.old = getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.value)

    def __exit__(self, *_):
        setattr(self.owner, self.name, self.old)


def measure(name, samples):
    """A row a tool. Exits where answers differ."""
    model = network(name)
    if model is None:
        print(f"{name}: its file is absent, skipped", file=sys.stderr)
        return []
    bits = np.random.default_rng(0).integers(0, 2, (samples, model.netlist.n_inputs), np.uint8)
    bits = bits.view(np.bool_)
    rows, expected, defaults = [], None, None
    with tempfile.TemporaryDirectory() as folder:
        circuit = Path(folder, "circuit.json")
        write_circuit(model, circuit)
        for tool, prepare, answer in tools(circuit, model, Path(folder)):
            given = bits[:NUMPY_SAMPLES] if "numpy" in tool else bits
            clock = Clock()
            prepared = clock("prepare", prepare)
            found = clock("answer", lambda p=prepared, g=given, f=answer: f(p, g))
            expected = (expected if expected is not None else found)[: len(found)]
            if not same(found, expected, model.readout):
                sys.exit(f"{name}: {tool} answers something else")
            rate = len(given) / clock.seconds["answer"]
            total = clock.seconds["prepare"] + samples / rate
            cpu = clock.cpu["prepare"] + clock.cpu["answer"] * samples / len(given)
            defaults = defaults or (total, cpu)
            rows.append(
                {
                    "network": name,
                    "gates": model.netlist.n_gates,
                    "tool": tool,
                    "load and prepare, s": clock.seconds["prepare"],
                    "million samples/s": rate / 1e6,
                    "total, s": total,
                    "times as fast": defaults[0] / total,
                    "CPU, s": cpu,
                    "times less CPU": defaults[1] / cpu,
                }
            )
            print(f"{name}: {tool}: {total:.2f} s", file=sys.stderr)
    return rows


def same(found, expected, readout):
    """Counts, or floats (count + beta) / tau."""
    found, expected = (np.asarray(one, np.float64) for one in (found, expected))
    if readout.tau != 1 or readout.beta:
        scaled = (found + readout.beta) / readout.tau
        return np.allclose(found, expected, 1e-5) or np.allclose(scaled, expected, 1e-5)
    return np.array_equal(found, expected)


def main() -> None:
    """Print the Markdown table; write it and its JSON where told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--samples", type=int, default=SAMPLES, help="a multiple of 64")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    rows = [row for name in arguments.networks for row in measure(name, arguments.samples)]
    table = markdown(rows)
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + "\n")
    if arguments.json:
        write_json(arguments.json, samples=arguments.samples, speed=rows)


if __name__ == "__main__":
    main()
