"""BLIF: what cannot be read is refused with its line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from blif_text import refusal

HEAD = ".inputs a b\n.outputs y\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + ".names p y\n1 1\n.names y p\n1 1\n", ": combinational cycle: p -> y -> p"),
        (HEAD + ".names y y\n1 1\n", ": combinational cycle: y -> y"),
        (HEAD + ".names a c y\n11 1\n", ": nothing drives net c"),
        (HEAD + ".names a c\n1 1\n", ": nothing drives net y"),
        (HEAD + ".names a y\n1 1\n.names b y\n1 1\n", ": net y is driven more than once"),
        (HEAD + ".names b a\n1 1\n.names y\n", ": net a is driven more than once"),
        (".inputs a a\n.outputs a\n", ": net a is driven more than once"),
        (".inputs a\n.names a y\n1 1\n", ": no .outputs"),
        ("", ": the file is empty; save or copy the model again"),
        ("# nothing\n", ": no BLIF statement in it"),
        (
            HEAD + "\n.latch a y re clk 0\n",
            ":4: .latch: the network holds state, and lgncc reads combinational BLIF; cut the "
            "latches, or export the combinational part",
        ),
        (
            HEAD + ".subckt and2 a=a b=b y=y\n",
            ":3: .subckt is not read; flatten and map the design to .names first "
            "(in yosys: flatten; abc -lut 6; write_blif)",
        ),
        (
            HEAD + ".gate nand2 a=a\n",
            ":3: .gate is not read; flatten and map the design to .names first "
            "(in yosys: flatten; abc -lut 6; write_blif)",
        ),
        (
            HEAD + ".names a b a b a b a y\n1111111 1\n",
            ":3: .names of 7 inputs; at most 6 are read (in yosys: abc -lut 6; write_blif)",
        ),
        (
            HEAD + ".names a b y\n1 1\n",
            ":3: cover row '1 1' does not fit 2 inputs and an output",
        ),
        (
            HEAD + ".names a b y\n1x 1\n",
            ":3: cover row '1x 1' does not fit 2 inputs and an output",
        ),
        (
            HEAD + ".names a b y\n11 2\n",
            ":3: cover row '11 2' does not fit 2 inputs and an output",
        ),
        (HEAD + ".names a b y\n11\n", ":3: cover row '11' does not fit 2 inputs and an output"),
        (
            HEAD + ".names a b y\n1 1 1\n",
            ":3: cover row '1 1 1' does not fit 2 inputs and an output",
        ),
        (HEAD + ".names y\n1 1\n", ":3: cover row '1 1' does not fit 0 inputs and an output"),
        (HEAD + ".names y\n-\n", ":3: cover row '-' does not fit 0 inputs and an output"),
        (
            HEAD + ".names a y\n1 1\n0 0\n",
            ":3: the cover mixes rows of output 0 and of output 1",
        ),
        (
            HEAD + ".names a b p\n1 1\n.names a b y\n1 1\n",
            ":3: cover row '1 1' does not fit 2 inputs and an output",
        ),
        (".inputs a\n11 1\n.outputs a\n", ":2: '11 1' belongs to no .names"),
        ("stray\n.inputs a\n.outputs a\n", ":1: 'stray' belongs to no .names"),
        (HEAD + ".names\n", ":3: .names without an output"),
        (
            ".model one\n.inputs a\n.outputs a\n.end\n.model two\n.inputs b\n.outputs b\n",
            ":5: a second .model; flatten the design first",
        ),
        (
            ".inputs \\\na \\\nb\n.outputs \\\n y # one\n\n.names a \\\nb y\n1 1\n",
            ":7: cover row '1 1' does not fit 2 inputs and an output",
        ),
        (".inputs \\\na \\\nb\n.outputs a\n.latch a b\n", ":5: .latch: the network"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, text, message):
    assert refusal(tmp_path, text).startswith(message)


def test_a_long_cycle_is_shortened(tmp_path):
    text = HEAD.replace("y", "n0")
    for i in range(20):
        text += f".names n{(i + 1) % 20} n{i}\n1 1\n"
    message = refusal(tmp_path, text)
    assert message.startswith(": combinational cycle: n")
    nets = message.removeprefix(": combinational cycle: ").split(" -> ")
    assert len(nets) == 10
    assert nets[8] == "..."
    assert nets[9] == nets[0]
    for source, to in pairwise(nets[:8]):
        assert (int(to[1:]) + 1) % 20 == int(source[1:])  # the data's way


def test_text_that_is_not_ascii_is_refused_with_its_byte(tmp_path):
    assert refusal(tmp_path, ".inputs ä\n.outputs ä\n") == ": byte 8 is not ASCII text"
