"""AIGER, both forms: against a word-by-word restatement of the format, ABC, and broken files."""

import subprocess

import numpy as np
import pytest
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import group_scores, winner

from lgncc import frontends
from lgncc.builder import NetlistBuilder
from lgncc.emit.aiger import to_aiger
from lgncc.errors import InputError
from lgncc.flow.tools import find_tool
from lgncc.frontends import aiger, blif
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict
from lgncc.verify.equivalence import check_equal

HALF_ADDER = b"""aag 7 2 0 2 3
2
4
6
12
6 13 15
12 2 4
14 3 5
i0 x
i1 y
o0 s
o1 c
c
half adder, from the AIGER report
"""

TOGGLE = b"""aag 3 1 1 2 1
2
4 7 1
4
7
6 2 4
"""


def read(data, tmp_path, **facts):
    path = tmp_path / "net.aig"
    path.write_bytes(data)
    return aiger.read(Source(path), GivenFacts(**facts))


def run(graph, steps):
    """Outputs of each step. A latch is (literal, next, reset), an AND (literal, a, b)."""
    inputs, latches, outputs, ands = graph
    drivers = {left: (a, b) for left, a, b in ands}
    state = {literal: reset for literal, _, reset in latches}
    answers = []
    for bits in steps:
        values = {0: 0, **dict(zip(inputs, bits, strict=True)), **state}

        def value(literal, values=values):
            if literal % 2:
                return 1 - value(literal - 1)
            if literal not in values:
                a, b = drivers[literal]
                values[literal] = value(a) * value(b)
            return values[literal]

        answers.append([value(output) for output in outputs])
        state = {literal: value(after) for literal, after, _ in latches}
    return answers


def ascii_file(graph):
    inputs, latches, outputs, ands = graph
    highest = max([0, *inputs, *(row[0] for row in (*latches, *ands))]) // 2
    header = f"aag {highest} {len(inputs)} {len(latches)} {len(outputs)} {len(ands)}"
    rows = [[i] for i in inputs] + [list(row) for row in latches]
    rows += [[o] for o in outputs] + [list(row) for row in ands]
    return "\n".join([header, *(" ".join(map(str, row)) for row in rows)]).encode() + b"\n"


def binary_file(graph):
    """The graph must be in the binary form's order."""
    inputs, latches, outputs, ands = graph
    total = len(inputs) + len(latches) + len(ands)
    text = f"aig {total} {len(inputs)} {len(latches)} {len(outputs)} {len(ands)}\n"
    text += "".join(f"{after} {reset}\n" if reset else f"{after}\n" for _, after, reset in latches)
    text += "".join(f"{output}\n" for output in outputs)
    octets = bytearray()
    for left, a, b in ands:
        for delta in (left - a, a - b):
            rest = delta
            while rest > 127:
                octets.append(rest % 128 + 128)
                rest //= 128
            octets.append(rest)
    return text.encode() + bytes(octets)


@st.composite
def graphs(draw):
    """A random graph in the binary form's order, some of them wide enough for long deltas."""
    rng = draw(st.randoms(use_true_random=False))
    n_inputs, n_latches = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    n_ands = draw(st.sampled_from([0, 1, 5, 20, 200]))
    first = 2 * (1 + n_inputs + n_latches)
    ands = []
    for index in range(n_ands):
        left = first + 2 * index
        a, b = rng.randrange(left), rng.randrange(left)
        ands.append((left, max(a, b), min(a, b)))
    top = first + 2 * n_ands
    latch = [2 * (1 + n_inputs + i) for i in range(n_latches)]
    latches = [(lit, rng.randrange(top), rng.randrange(2)) for lit in latch]
    outputs = [rng.randrange(top) for _ in range(draw(st.integers(0, 6)))]
    steps = [[rng.randrange(2) for _ in range(n_inputs)] for _ in range(4)]
    return ([2 * (1 + i) for i in range(n_inputs)], latches, outputs, ands), steps, rng


def shuffled(graph, rng):
    """The same graph with other variable numbers (gaps too) and its ANDs in any order."""
    inputs, latches, outputs, ands = graph
    used = [*inputs, *(row[0] for row in (*latches, *ands))]
    numbers = rng.sample(range(1, 2 * len(used) + 2), len(used))
    variable = {0: 0, **{literal // 2: n for literal, n in zip(used, numbers, strict=True)}}

    def new(literal):
        return 2 * variable[literal // 2] + literal % 2

    ands = [(new(left), new(a), new(b)) for left, a, b in ands]
    return (
        [new(i) for i in inputs],
        [(new(lit), new(after), reset) for lit, after, reset in latches],
        [new(o) for o in outputs],
        rng.sample(ands, len(ands)),
    )


def assert_answers(data, graph, steps, tmp_path):
    model = read(data, tmp_path)
    bits = np.array(steps, np.uint8).reshape(len(steps), len(graph[0]))
    if model.netlist.n_state:
        found = predict(model, bits[None]).bits[0]
    else:
        found = predict(model, bits).bits
    assert found.astype(int).tolist() == run(graph, steps)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("aiger")


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_random_graphs_answer_as_the_format_says_in_both_forms(folder, case):
    graph, steps, rng = case
    assert_answers(binary_file(graph), graph, steps, folder)
    assert_answers(ascii_file(graph), graph, steps, folder)
    other = shuffled(graph, rng)
    assert_answers(ascii_file(other), other, steps, folder)


@pytest.mark.parametrize("form", [ascii_file, binary_file])
def test_every_complement_of_an_and_and_of_its_result(tmp_path, form):
    ands = [(6 + 2 * i, 4 + i // 2, 2 + i % 2) for i in range(4)]
    graph = ([2, 4], [], [lit + flip for lit, _, _ in ands for flip in (0, 1)], ands)
    assert_answers(form(graph), graph, [[0, 0], [1, 0], [0, 1], [1, 1]], tmp_path)


def test_outputs_may_be_constants_inputs_and_latches_complemented(tmp_path):
    graph = ([2], [(4, 3, 1)], [0, 1, 2, 3, 4, 5], [])
    for form in (ascii_file, binary_file):
        assert_answers(form(graph), graph, [[0], [1], [1], [0]], tmp_path)


def test_complements_are_absorbed_in_tables(tmp_path):
    assert read(HALF_ADDER, tmp_path).netlist.dump() == (
        "netlist: 2 inputs, 0 state, 3 gates (k=2), 2 outputs\n"
        "n4 = and(x, y)\n"
        "n5 = nor(x, y)\n"
        "n6 = nor(n4, n5)\n"
        "s = n6\n"
        "c = n4"
    )


def test_latches_become_state_with_their_reset_values(tmp_path):
    model = read(TOGGLE, tmp_path)
    assert model.netlist.reset.tolist() == [True]
    bits = predict(model, np.array([[[1], [1], [0], [1]]])).bits[0].astype(int)
    # q starts at 1; q' = not (x and q)
    assert bits.tolist() == [[1, 0], [0, 1], [1, 1], [1, 0]]


def test_names_come_from_the_symbol_table_and_gaps_are_filled(tmp_path):
    netlist = read(HALF_ADDER, tmp_path).netlist
    assert (netlist.input_names, netlist.output_names) == (("x", "y"), ("s", "c"))
    netlist = read(HALF_ADDER.replace(b"i0 x\n", b""), tmp_path).netlist
    assert netlist.input_names == ("i0", "y")
    netlist = read(TOGGLE + b"c\nany \xff\n", tmp_path).netlist
    assert netlist.input_names == ()


def test_every_fact_has_its_source(tmp_path):
    facts = list(map(str, read(TOGGLE, tmp_path, classes=2).provenance.facts))
    assert facts == [
        "inputs: 1 bits (from checkpoint)",
        "outputs: 2 (from checkpoint)",
        "state: 1 latches, 1 of them reset to 1 (from checkpoint)",
        "gates: 2 of two inputs (derived, exact)",
        "readout: GroupSum, 2 contiguous groups (given)",
    ]


@pytest.mark.parametrize("stateful", [False, True])
def test_classes_are_group_sums(tmp_path, stateful):
    latches = [(8, 2, 0)] if stateful else []
    graph = ([2, 4, 6], latches, [2, 4, 3, 6], [])
    steps = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    x = np.array(steps)[None] if stateful else np.array(steps)
    answer = predict(read(ascii_file(graph), tmp_path, classes=2, tau=2.0), x)
    scores = [group_scores(bits, 2) for bits in run(graph, steps)]
    assert answer.scores.reshape(-1, 2).tolist() == scores
    assert answer.classes.reshape(-1).tolist() == [winner(score) for score in scores]


# Other programs.


def test_our_own_export_comes_back(tmp_path):
    rng = np.random.default_rng(5)
    builder = NetlistBuilder(6, 3)
    first = builder.gates(np.arange(16), rng.integers(0, 11, 16), rng.integers(0, 11, 16))
    second = builder.gates(rng.integers(0, 16, 40), rng.choice(first, 40), rng.integers(0, 27, 40))
    netlist = builder.finish(
        np.concatenate([second, [0, 1, 4]]),
        next_state=[second[0], 1, 3],
        reset=[True, False, True],
        input_names=tuple("abcdef"),
    )
    back = read(to_aiger(netlist), tmp_path).netlist
    assert check_equal(netlist, back).equal
    assert back.reset.tolist() == [True, False, True]
    assert back.input_names == tuple("abcdef")


@settings(max_examples=10, deadline=None)
@given(graphs())
def test_what_abc_writes_after_reading_the_same_file_is_the_same_function(folder, case):
    graph, _, _ = case
    if not graph[2]:
        return  # ABC refuses a network without outputs
    graph = (graph[0], [(lit, after, 0) for lit, after, _ in graph[1]], graph[2], graph[3])
    (folder / "in.aig").write_bytes(binary_file(graph))
    subprocess.run(
        [*find_tool("abc").argv, "-q", "read_aiger in.aig; strash; write_aiger out.aig"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    ours = read(binary_file(graph), folder).netlist
    theirs = read((folder / "out.aig").read_bytes(), folder).netlist
    assert check_equal(ours, theirs).equal


# Broken files.

MALFORMED = {
    "no header": (b"hello\n", r":1: no AIGER header"),
    "few ANDs": (b"aig 3 1 0 0 2\n", "the file ends within AND 0 of 2"),
    "count": (b"aig 9 1 0 0 2\n", "the header says 9 variables for 1 inputs"),
    "huge": (b"aig 9999999999 9999999999 0 0 0\n", "9999999999 inputs; at most 1048576"),
    "huge outputs": (b"aag 0 0 0 9999999999 0\n", "ends before its 9999999999 lines"),
    "huge latches": (b"aig 9999999999 0 9999999999 0 0\n", "ends before its 9999999999 lines"),
    "huge ANDs": (b"aig 9999999999 0 0 0 9999999999\n", "ends within AND 0"),
    "line": (HALF_ADDER.replace(b"12 2 4", b"12 2"), r":7: '12 2' is not an AND"),
    "odd definition": (HALF_ADDER.replace(b"12 2 4", b"13 2 4"), "13 cannot be defined"),
    "twice": (HALF_ADDER.replace(b"12 2 4", b"14 2 4"), "variable 7 is defined more than once"),
    "range": (HALF_ADDER.replace(b"12 2 4", b"12 2 99"), "literal 99, but the header says 7"),
    "undefined": (HALF_ADDER.replace(b"12 2 4", b"12 2 9"), "literal 8 is used, but nothing"),
    "cycle": (
        HALF_ADDER.replace(b"12 2 4", b"12 2 7"),
        r"combinational cycle of ANDs: (6 -> 12 -> 6|12 -> 6 -> 12)",
    ),
    "uninitialised": (
        TOGGLE.replace(b"4 7 1", b"4 7 4") + b"l0 q\n",
        r"latch 4 \(q\) starts uninitialised",
    ),
    "reset": (TOGGLE.replace(b"4 7 1", b"4 7 2"), "latch 4 resets to 2"),
    "bad": (b"aag 1 1 0 0 0 1\n2\n2\n", r":1: 1 bad state properties"),
    "constraint": (b"aag 1 1 0 0 0 0 1\n2\n2\n", "1 invariant constraint properties"),
    "justice": (b"aag 1 1 0 0 0 0 0 1\n2\n1\n2\n", "1 justice properties"),
    "fairness": (b"aag 1 1 0 0 0 0 0 0 1\n2\n2\n", "1 fairness properties"),
    "symbol": (HALF_ADDER.replace(b"i0 x", b"k0 x"), "'k0 x' is no symbol"),
    "symbol range": (HALF_ADDER.replace(b"i0 x", b"i2 x"), "i2 is one of 2"),
    "symbol twice": (HALF_ADDER.replace(b"i0 x", b"i1 x"), "i1 is named twice"),
    "symbol bytes": (HALF_ADDER.replace(b"i0 x", b"i0 \xff"), "not UTF-8"),
    "delta 0": (b"aig 2 1 0 0 1\n\0\2", "AND 0 reads itself or something below 0"),
    "delta below": (b"aig 2 1 0 0 1\n\5\1", "AND 0 reads itself or something below 0"),
    "endless": (b"aig 2 1 0 0 1\n" + b"\x80" * 9 + b"\1\1", "AND 0 has an endless delta"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_the_place(tmp_path, name):
    data, message = MALFORMED[name]
    with pytest.raises(InputError, match=rf"net\.aig.*{message}"):
        read(data, tmp_path)


def test_an_empty_graph_and_sections_of_zero_are_whole(tmp_path):
    assert read(b"aag 0 0 0 1 0 0 0\n1\n", tmp_path).netlist.outputs.tolist() == [1]


def test_facts_that_contradict_or_mean_nothing_are_errors(tmp_path):
    with pytest.raises(InputError, match="the file says input_bits = 2"):
        read(HALF_ADDER, tmp_path, input_bits=3)
    with pytest.raises(InputError, match="--threshold has no meaning for a AIGER file"):
        read(HALF_ADDER, tmp_path, threshold=0.5)
    with pytest.raises(InputError, match="2 outputs do not divide into 3"):
        read(HALF_ADDER, tmp_path, classes=3)


def test_recognition_is_by_content(tmp_path):
    for data in (HALF_ADDER, binary_file(([2], [], [3], []))):
        (tmp_path / "a.blif").write_bytes(data)
        assert aiger.recognize(Source(tmp_path / "a.blif")) is None
        assert blif.recognize(Source(tmp_path / "a.blif")) is not None
    (tmp_path / "b.aig").write_bytes(b".model x\n")
    assert aiger.recognize(Source(tmp_path / "b.aig")) == "no aag or aig header"


def test_load_finds_the_reader(tmp_path):
    (tmp_path / "x").write_bytes(HALF_ADDER)
    assert frontends.load(tmp_path / "x").provenance.frontend == "aiger"


@pytest.mark.parametrize("data", [HALF_ADDER, TOGGLE])
def test_damaged_ascii_files_never_crash(data):
    tally = check_reader(aiger.READER, data)
    assert min(tally["refused"], tally["other"] + tally["same"]) > 0.05 * tally.total()


def test_damaged_binary_files_never_crash():
    graph = ([2, 4, 6], [(8, 11, 1)], [11, 14], [(10, 8, 3), (12, 10, 5), (14, 13, 11)])
    tally = check_reader(aiger.READER, binary_file(graph) + b"i0 a\no1 long name\n")
    assert min(tally["refused"], tally["other"] + tally["same"]) > 0.05 * tally.total()
