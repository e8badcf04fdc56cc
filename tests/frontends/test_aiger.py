"""AIGER: what is read answers as a restatement of the format does, and as ABC does."""

import subprocess

import numpy as np
import pytest
from aiger_graphs import HALF_ADDER, TOGGLE, ascii_file, binary_file, graphs, read, run
from hypothesis import given, settings
from naive import group_scores, winner

from lgncc.builder import NetlistBuilder
from lgncc.emit.aiger import to_aiger
from lgncc.flow.tools import find_tool
from lgncc.golden import predict
from lgncc.verify.equivalence import check_equal


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
