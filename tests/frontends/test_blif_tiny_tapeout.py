"""BLIF: the Tiny Tapeout network, against an evaluator of its text and by ABC."""

from __future__ import annotations

import random
import subprocess

import naive
from exhaustive import roots_of

from lgncc.emit.aiger import to_aiger
from lgncc.flow.tools import find_tool
from lgncc.frontends import GivenFacts, load


def blif_evaluator(text):
    """The tt10 file read once more, by a person's rules: {net: (fanins, rows)} in file order."""
    inputs, outputs, gates, target = [], [], {}, None
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].split()
        if words[:1] == [".inputs"]:
            inputs += words[1:]
        elif words[:1] == [".outputs"]:
            outputs += words[1:]
        elif words[:1] == [".names"]:
            target = words[-1]
            gates[target] = (words[1:-1], [])
        elif words and not words[0].startswith("."):
            gates[target][1].append(words)

    def run(bits):
        value = dict(zip(inputs, bits, strict=True))

        def of(net):
            if net not in value:
                fanins, rows = gates[net]
                here = [of(f) for f in fanins]
                hit = [
                    row[-1]
                    for row in rows
                    if len(row) == 1
                    or all(c in ("-", str(b)) for c, b in zip(row[0], here, strict=True))
                ]
                on = not rows or rows[0][-1] == "1"
                value[net] = int(bool(hit) == on) if rows else 0
            return value[net]

        return [of(net) for net in outputs]

    return inputs, gates, run


def test_the_tiny_tapeout_network_answers_as_its_text_says(tt10_blif):
    model = load(tt10_blif, GivenFacts(classes=10))
    netlist = model.netlist
    inputs, gates, run = blif_evaluator(tt10_blif.read_text())
    assert (netlist.n_inputs, len(gates), len(netlist.outputs)) == (256, 7650, 2550)
    assert netlist.input_names == tuple(inputs)
    draw = random.Random(0)
    for _ in range(3):
        bits = [draw.getrandbits(1) for _ in inputs]
        got = roots_of(netlist, bits)
        assert got == run(bits)
        assert len(naive.group_scores(got, model.readout.n_classes)) == 10


def test_abc_proves_the_tiny_tapeout_network_equal_to_its_own_reading(tt10_blif, tmp_path):
    (tmp_path / "ours.aig").write_bytes(to_aiger(load(tt10_blif).netlist))
    done = subprocess.run(
        [*find_tool("abc").argv, "-q", f"cec -n ours.aig {tt10_blif}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Networks are equivalent" in done.stdout, done.stdout + done.stderr
