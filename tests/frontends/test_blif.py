"""BLIF: covers, order, continuations and errors; hand-written text, naive answers, ABC."""

from __future__ import annotations

import random
import subprocess
from itertools import pairwise, product

import naive
import pytest
from exhaustive import answers, roots_of, samples

from lgncc.emit.aiger import to_aiger
from lgncc.errors import InputError
from lgncc.flow.tools import find_tool
from lgncc.frontends import GivenFacts, load


def read(tmp_path, text, **given):
    path = tmp_path / "net.blif"
    path.write_text(text)
    return load(path, GivenFacts(**given), "blif")


def refusal(tmp_path, text, **given):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **given)
    message = str(caught.value)
    path = str(tmp_path / "net.blif")
    assert message.startswith(path)
    return message.removeprefix(path)


def cubes(arity, minterms):
    """Every pattern over 0, 1 and - whose minterms are all among these."""
    for pattern in product("01-", repeat=arity):
        inside = [
            sum(bit << slot for slot, bit in enumerate(bits))
            for bits in samples(arity)
            if all(p in ("-", str(bit)) for p, bit in zip(pattern, bits, strict=True))
        ]
        if set(inside) <= set(minterms):
            yield "".join(pattern), set(inside)


def minterm_cover(arity, minterms):
    return ["".join(str(m >> slot & 1) for slot in range(arity)) for m in minterms]


def short_cover(arity, minterms):
    """Largest cubes first, and only those that add a minterm."""
    left, chosen = set(minterms), []
    for pattern, inside in sorted(cubes(arity, minterms), key=lambda cube: -len(cube[1])):
        if inside & left:
            chosen.append(pattern)
            left -= inside
    return chosen


def redundant_cover(arity, minterms):
    return [pattern for pattern, _ in cubes(arity, minterms)]


@pytest.mark.parametrize("cover", [minterm_cover, short_cover, redundant_cover])
@pytest.mark.parametrize("polarity", [1, 0])
@pytest.mark.parametrize("arity", [0, 1, 2, 3])
def test_every_table_is_read_from_every_form_of_cover(tmp_path, arity, polarity, cover):
    tables = range(1 << (1 << arity))
    names = " ".join(f"x{slot}" for slot in range(arity))
    text = [f".model all\n.inputs {names}", ".outputs " + " ".join(f"y{t}" for t in tables)]
    kept = []
    for table in tables:
        rows = [row for row in range(1 << arity) if table >> row & 1 == polarity]
        patterns = cover(arity, rows)
        if not patterns and polarity == 0:
            continue  # an empty cover is constant 0: it has no off-set form of constant 1
        kept.append(table)
        text.append(f".names {names} y{table}")
        text += [f"{pattern} {polarity}".strip() for pattern in patterns]
    text[1] = ".outputs " + " ".join(f"y{t}" for t in kept)
    netlist = read(tmp_path, "\n".join([*text, ".end"])).netlist
    assert netlist.k == 2
    expected = [[table >> row & 1 for table in kept] for row in range(1 << arity)]
    assert answers(netlist) == expected


@pytest.mark.parametrize("arity", [4, 5, 6])
def test_wide_tables_keep_the_first_input_as_the_leftmost_column(tmp_path, arity):
    draw = random.Random(arity)
    tables = [draw.getrandbits(1 << arity) for _ in range(6)]
    names = " ".join(f"x{slot}" for slot in range(arity))
    text = [f".inputs {names}", ".outputs " + " ".join(f"y{i}" for i in range(6))]
    for index, table in enumerate(tables):
        text.append(f".names {names} y{index}")
        rows = [row for row in range(1 << arity) if table >> row & 1]
        text += [f"{pattern} 1" for pattern in minterm_cover(arity, rows)]
    netlist = read(tmp_path, "\n".join(text)).netlist
    assert answers(netlist) == [[t >> row & 1 for t in tables] for row in range(1 << arity)]


def test_constants_are_nodes_and_cost_no_gates(tmp_path):
    text = ".inputs a\n.outputs zero one both\n.names zero\n.names one\n1\n.names both\n0\n"
    assert read(tmp_path, text).netlist.dump().splitlines() == [
        "netlist: 1 inputs, 0 state, 0 gates (k=2), 3 outputs",
        "zero = 0",
        "one = 1",
        "both = 0",
    ]


ORDERED = """\
.model half_adder
.inputs a b
.outputs sum carry
.names a b sum
01 1
10 1
.names a b carry
11 1
.end
"""
HALF_ADDER = [
    "netlist: 2 inputs, 0 state, 2 gates (k=2), 2 outputs",
    "n4 = xor(a, b)",
    "n5 = and(a, b)",
    "sum = n4",
    "carry = n5",
]


@pytest.mark.parametrize(
    "text",
    [
        ORDERED,
        ORDERED.replace("\n", "\r\n"),
        ORDERED.removesuffix(".end\n"),
        ORDERED.removesuffix("\n"),
        ORDERED.replace(".model half_adder\n", ""),
        ORDERED.replace(".inputs a b", ".inputs a\n.inputs b"),
        ORDERED.replace(".inputs a b", ".inputs \\\na \\\n\\\n b"),
        ORDERED.replace("01 1", "# xor\n  01\t1 # row\n\n"),
        ORDERED.replace("\n01 1", " # the \\ sum\n01 \\\n1"),
        ".names a b sum\n01 1\n10 1\n.names a b carry\n11 1\n.outputs sum carry\n.inputs a b\n",
    ],
    ids=[
        "plain",
        "crlf",
        "no end",
        "no last newline",
        "no model",
        "split inputs",
        "continued",
        "comments",
        "comment with backslash",
        "ports last",
    ],
)
def test_layout_and_order_of_statements_do_not_matter(tmp_path, text):
    assert read(tmp_path, text).netlist.dump().splitlines() == HALF_ADDER


def test_names_read_before_they_are_driven_are_sorted_out(tmp_path):
    text = (
        ".inputs a b\n.outputs y\n.names p q y\n11 1\n.names p q\n0 1\n.names a b p\n1- 1\n-1 1\n"
    )
    netlist = read(tmp_path, text).netlist
    assert answers(netlist) == [[0]] * 4  # p and not p
    assert netlist.dump().splitlines()[1:] == [
        "n4 = or(a, b)",
        "n5 = not_a(n4, 0)",
        "n6 = and(n4, n5)",
        "y = n6",
    ]


def test_outputs_may_be_inputs_and_may_repeat(tmp_path):
    text = ".inputs a unread\n.outputs a y y a\n.names a y\n0 1\n"
    assert read(tmp_path, text).netlist.dump().splitlines() == [
        "netlist: 2 inputs, 0 state, 1 gates (k=2), 4 outputs",
        "n4 = not_a(a, 0)",
        "a = a",
        "y = n4",
        "y = n4",
        "a = a",
    ]


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


def test_classes_group_the_outputs_and_tau_needs_them(tmp_path):
    text = ".inputs a b\n.outputs a b a b\n"
    readout = read(tmp_path, text, classes=2, tau=4.0).readout
    assert (readout.kind, readout.tau) == ("class", 4.0)
    assert readout.klass.tolist() == [0, 0, 1, 1]
    assert read(tmp_path, text).readout.kind == "bits"
    assert refusal(tmp_path, text, tau=2.0) == (
        ": --tau needs --classes; without them, bits are read"
    )
    assert refusal(tmp_path, text, classes=3) == (
        ": --classes 3: GroupSum: 4 outputs do not divide into 3 groups of one size"
    )
    assert refusal(tmp_path, text, input_bits=3) == (
        ": the file says input_bits = 2, the command line says 3; leave --input-bits out or give "
        "the file's value"
    )


def test_provenance_says_what_was_read(tmp_path):
    provenance = read(tmp_path, ORDERED).provenance
    assert provenance.frontend == "blif"
    assert [str(fact) for fact in provenance.facts] == [
        "inputs: 2 bits (from checkpoint)",
        "outputs: 2 (from checkpoint)",
        ".names: 2 (2 of 2 inputs) (from checkpoint)",
        "gates: 2 of two inputs (derived, exact)",
        "readout: bits (no --classes given) (derived, exact)",
    ]


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
