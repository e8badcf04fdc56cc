"""The training report: counts that a reader can check by hand."""

import itertools
import json

import numpy as np
import torch

from lgncc import nn
from lgncc.nn.training_plan import Progress
from lgncc.nn.training_report import layer_reports, write_report
from lgncc.nn.usage import dependence

AND, BUF_A, BUF_B, CONST1, XOR = 0b1000, 0b1010, 0b1100, 0b1111, 0b0110


def dense(in_features, tables, wires, arity=2):
    layer = nn.LogicDense(
        in_features,
        len(tables),
        arity=arity,
        parametrization="light",
        wiring=torch.tensor(wires).T.contiguous(),
    )
    rows = torch.tensor(tables)[:, None] >> torch.arange(1 << arity) & 1
    layer.weights.data = rows.float() * 2 - 1
    return layer


def test_unused_gates_are_those_that_no_output_depends_on():
    first = dense(3, [AND, XOR, AND, BUF_A], [[0, 1], [1, 2], [0, 2], [0, 1]])
    # Reads gates 0 and 1; gate 2 only where its value does not matter; gate 3 not at all.
    last = dense(4, [AND, BUF_A, CONST1], [[0, 1], [1, 2], [2, 2]])
    reports = layer_reports(torch.nn.Sequential(first, last, nn.GroupSum(3)))
    assert [(layer.gates, layer.unused) for layer in reports] == [(4, 2), (3, 0)]
    assert sorted(reports[0].functions.values()) == [1, 1, 2]
    assert sum(reports[1].functions.values()) == 3


def test_unused_runs_through_layers():
    first = dense(2, [AND, XOR], [[0, 1], [0, 1]])
    middle = dense(2, [BUF_A, BUF_B], [[0, 1], [0, 1]])
    last = dense(2, [BUF_B, BUF_B], [[0, 1], [0, 1]])  # only the second of the middle
    reports = layer_reports(torch.nn.Sequential(first, middle, last))
    assert [layer.unused for layer in reports] == [1, 1, 0]


def test_gates_of_more_inputs_are_counted_by_what_they_depend_on():
    tables = [0, 0xFFFF, 0xAAAA, 0x8000]  # constants, fanin 0, the conjunction of all four
    layer = dense(4, tables, [[0, 1, 2, 3]] * 4, arity=4)
    (report,) = layer_reports(torch.nn.Sequential(layer))
    assert report.functions == {"0 of 4 inputs": 2, "1 of 4 inputs": 1, "4 of 4 inputs": 1}


def test_dependence_over_all_tables_of_two_inputs():
    rows = np.array(list(itertools.product((False, True), repeat=4)))
    found = dependence(rows)
    for (at_00, at_a, at_b, at_ab), on_a, on_b in zip(rows, *found, strict=True):
        assert on_a == (at_00 != at_a or at_b != at_ab)
        assert on_b == (at_00 != at_b or at_a != at_ab)


def test_files_lie_beside_the_model(tmp_path):
    history = [Progress(e, 2, 0.5, "validation", 0.9, 0.8 + e / 100, 1.0) for e in (1, 2)]
    model = torch.nn.Sequential(dense(2, [AND, XOR], [[0, 1], [0, 1]]), nn.GroupSum(2))
    files = write_report(tmp_path / "m.pt", {"recipe": "mine"}, history, model)
    assert [path.name for path in files] == ["m.pt.report.json", "m.pt.report.png"]
    content = json.loads(files[0].read_text())
    assert (content["format"], content["recipe"]) == (1, "mine")
    assert [round(one["gap"], 6) for one in content["curves"]] == [0.09, 0.08]
    assert content["layers"][0]["gates"] == 2
    assert files[1].read_bytes().startswith(b"\x89PNG")
