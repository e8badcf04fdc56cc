"""BLIF: covers, order and continuations; hand-written text and naive answers."""

from __future__ import annotations

import random
from itertools import product

import pytest
from blif_text import read, refusal
from exhaustive import answers, samples


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
