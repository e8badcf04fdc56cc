"""Circuit JSON: operations, sums, broken files, and torchlogix's own evaluation of it."""

import itertools
import json
import re

import numpy as np
import pytest
import torch
from fuzz import check_reader
from torchlogix_shim import torchlogix as import_torchlogix

from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, Source, load, torchlogix_circuit
from lgncc.golden import predict

OPERATIONS = {  # outputs on in0, in1 = 00, 01, 10, 11
    "CONST_FALSE": "0000",
    "CONST_TRUE": "1111",
    "WIRE": "0011",
    "NOT": "1100",
    "NOT_A": "1100",
    "NOT_B": "1010",
    "AND": "0001",
    "OR": "0111",
    "XOR": "0110",
    "NAND": "1110",
    "NOR": "1000",
    "XNOR": "1001",
    "AND_NOT_B": "0010",
    "AND_NOT_A": "0100",
    "OR_NOT_B": "1011",
    "OR_NOT_A": "1101",
}
ROWS = np.array(list(itertools.product((0, 1), repeat=2)))


def gate(number, op, in0=-1, in1=-1):
    return {"gate_id": number, "op": op, "in0": in0, "in1": in1, "node_idx": -1}


def circuit():
    """3 inputs; ids with gaps; two sums, of which the first has a constant in its beta."""
    return {
        "n_inputs": 3,
        "input_shape": [1, 3],
        "outputs": [20, 21],
        "output_shape": [2],
        "gates": [gate(5, "AND_NOT_B", 0, 1), gate(9, "NOT", 5), gate(7, "XOR", 9, 2)],
        "sum_nodes": [
            {"node_id": 20, "input_ids": [5, 7, 7], "tau": 2.0, "beta": 3.5},
            {"node_id": 21, "input_ids": [9, 0], "tau": 2.0, "beta": 0.5},
        ],
    }


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_every_operation(tmp_path):
    content = circuit()
    content |= {"n_inputs": 2, "input_shape": [2], "sum_nodes": []}
    content["gates"] = [gate(2 + n, op, 0, 1) for n, op in enumerate(OPERATIONS)]
    content["outputs"] = [2 + n for n in range(len(OPERATIONS))]
    got = predict(load(write(tmp_path / "c.json", content)), ROWS).bits
    for column, outputs in zip(got.T, OPERATIONS.values(), strict=True):
        assert "".join(str(int(bit)) for bit in column) == outputs


def test_operations_are_those_of_the_package():
    import_torchlogix()
    from torchlogix.circuit import GateOp, _eval_gate_op

    got = {
        op.name: "".join(str(int(_eval_gate_op(op, bool(a), bool(b)))) for a, b in ROWS)
        for op in GateOp
    }
    assert got == OPERATIONS


def test_sums_have_their_beta_tau_and_repeated_inputs(tmp_path):
    model = load(write(tmp_path / "c.json", circuit()))
    x = np.array(list(itertools.product((0, 1), repeat=3)))
    a_not_b = x[:, 0] & (1 - x[:, 1])
    seven = (1 - a_not_b) ^ x[:, 2]
    expected = np.stack([a_not_b + 2 * seven + 3.5, (1 - a_not_b) + x[:, 0] + 0.5], axis=1) / 2
    answer = predict(model, x)
    scores = (answer.scores + model.readout.beta) / model.readout.tau
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(answer.classes, expected.argmax(axis=1))
    assert [str(fact) for fact in model.provenance.facts] == [
        "inputs: 3 bits (no --threshold given) (derived, exact)",
        "gates: 3 (from checkpoint)",
        "outputs: 2 (from checkpoint)",
        "readout: 2 sums, tau 2, beta 0.5 to 3.5 (from checkpoint)",
    ]


def test_bits_can_be_summed_by_classes_and_inputs_thresholded(tmp_path):
    content = circuit()
    del content["sum_nodes"]
    content["outputs"] = [5, 0, 7, 9]
    path = write(tmp_path / "c.json", content)
    assert load(path).readout.kind == "bits"
    given = GivenFacts(classes=2, threshold=100.5, input_format="u8")
    assert predict(load(path, given), [[255, 100, 101]]).scores.tolist() == [[2, 1]]


def changed(**fields):
    return lambda content: content.update(fields)


def in_gate(index, **fields):
    return lambda content: content["gates"][index].update(fields)


def in_sum(index, **fields):
    return lambda content: content["sum_nodes"][index].update(fields)


MALFORMED = {
    "operation": (in_gate(0, op="MAJ"), "unknown operation 'MAJ'"),
    "operation type": (in_gate(0, op=3), "op is missing or is no str"),
    "fanin": (in_gate(0, in0=99), "a gate reads 99, which nothing drives"),
    "no fanin": (in_gate(0, in1=-1), "a gate reads -1, which nothing drives"),
    "reads a sum": (in_gate(0, in1=20), "a gate reads 20, which nothing drives"),
    "itself": (in_gate(0, in0=5), "gate 5 reads a gate that comes after it, or itself"),
    "later": (in_gate(1, in0=7), "gate 9 reads a gate that comes after it"),
    "twice": (in_gate(1, gate_id=5), "gate 5 is there twice"),
    "an input's id": (in_gate(1, gate_id=2), "gate 2 has the id of an input"),
    "a sum's id": (in_gate(1, gate_id=20), "20 is both a gate and a sum"),
    "float id": (in_gate(1, gate_id=9.0), "gate_id of gates: all must be integers"),
    "bool id": (in_gate(1, in0=True), "in0 of gates: all must be integers"),
    "huge id": (in_gate(1, gate_id=1 << 70), "is out of range"),
    "gate a number": (changed(gates=[3]), "op is missing"),
    "gates": (changed(gates={}), "gates is missing or is no list"),
    "inputs": (changed(n_inputs=4), r"4 inputs do not fill input_shape \[1, 3\]"),
    "negative": (changed(n_inputs=-3, input_shape=[-3]), "-3 inputs"),
    "output": (changed(outputs=[20, 22]), "outputs mix bits and sums"),
    "no outputs": (changed(outputs=[]), "no outputs"),
    "unknown output": (changed(outputs=[50], sum_nodes=[]), "outputs reads 50"),
    "mixed": (changed(outputs=[20, 9]), "outputs mix bits and sums"),
    "sum input": (in_sum(0, input_ids=[5, 8]), "a sum reads 8"),
    "sum id": (in_sum(0, node_id=21), "sum 21 is there twice"),
    "tau": (in_sum(0, tau=3.0), r"sums have different tau \(2, 3\)"),
    "tau 0": (in_sum(0, tau=0), "tau is 0; it must be above 0"),
    "tau text": (in_sum(0, tau="2"), "tau is '2'; it must be a number"),
    "beta NaN": (in_sum(0, beta=float("nan")), "beta is nan; it must be a number"),
    "beta huge": (in_sum(0, beta=1e300), "beta is 1e[+]300; it must be a number"),
    "beta fraction": (in_sum(0, beta=0.25), "beta of sums differ by fractions"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_circuits_are_refused_with_the_place(tmp_path, name):
    change, message = MALFORMED[name]
    content = circuit()
    change(content)
    with pytest.raises(InputError, match=rf"c\.json: .*{message}"):
        load(write(tmp_path / "c.json", content))


def test_other_json_is_declined_and_damaged_json_is_refused(tmp_path):
    other = write(tmp_path / "other.json", {"layers": []})
    reason = torchlogix_circuit.recognize(Source(other))
    assert reason == 'JSON without "n_inputs", "gates", "outputs"'
    path = write(tmp_path / "c.json", circuit())
    path.write_text(path.read_text()[:-5])
    with pytest.raises(InputError, match=r"c\.json: not a JSON file"):
        load(path)
    path.write_text('{"n_inputs":1,"outputs":[],"gates":' + "[" * 100_000)
    with pytest.raises(InputError, match=r"c\.json: not a JSON file"):
        load(path)


def test_mutants_are_refused_or_valid():
    tally = check_reader(torchlogix_circuit.READER, json.dumps(circuit()).encode())
    assert min(tally.values()) > 0


# The real thing.


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """A torchlogix model with constant gates, its circuit, and inputs bool (10000, 12)."""
    package = import_torchlogix()
    from torchlogix.layers import GroupSum, LogicDense

    torch.manual_seed(0)
    layers = [LogicDense(12, 30), LogicDense(30, 40), GroupSum(4, tau=2.0)]
    for layer in layers[:2]:
        torch.nn.init.normal_(layer.weight)
    layers[1].weight.data[[3, 7, 12, 13, 14, 38]] = torch.eye(16)[15]  # constant 1
    model = torch.nn.Sequential(*layers).eval()
    x = torch.randint(0, 2, (10_000, 12)).bool()
    expected = model(x.float()).detach().numpy()
    whole = package.Circuit.from_model(model, [12])
    simple = package.Circuit.from_model(model, [12])
    simple.simplify()
    folder = tmp_path_factory.mktemp("circuits")
    whole.write_json(folder / "whole.json")
    simple.write_json(folder / "simple.json")
    return folder, simple, x, expected


@pytest.mark.parametrize("name", ["whole", "simple"])
def test_forward_of_circuits(traced, name):
    folder, _, x, expected = traced
    model = load(folder / f"{name}.json")
    answer = predict(model, x.numpy())
    scores = (answer.scores + model.readout.beta) / model.readout.tau
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    np.testing.assert_array_equal(answer.classes, expected.argmax(axis=1))


def test_simplified_circuits_keep_the_beta_that_torchlogix_leaves_out_of_its_verilog(traced):
    """Its Verilog sums `raw` alone; we follow that text here, and it is wrong where we are not."""
    folder, simple, x, expected = traced
    betas = [node.beta for node in simple.sum_nodes]
    assert len(set(betas)) > 1
    verilog = simple.get_verilog_code()
    loops = re.findall(
        r"for \(i = (\d+); i < (\d+);.*raw\[i\];\n +scores_flat\S+ .*= s_\d+;", verilog
    )
    assert len(loops) == 4  # and no beta is added anywhere:
    assert not re.search(r"scores_flat\[.*\] = .*[+/]", verilog)
    ids = [node.input_ids for node in simple.sum_nodes]
    assert [int(stop) - int(start) for start, stop in loops] == [len(inputs) for inputs in ids]
    model = load(folder / "simple.json")
    answer = predict(model, x.numpy())
    as_verilog = answer.scores - model.readout.bias
    assert (as_verilog.argmax(axis=1) != expected.argmax(axis=1)).mean() > 0.1
    np.testing.assert_array_equal(model.readout.bias + model.readout.beta, betas)
    np.testing.assert_array_equal(answer.classes, expected.argmax(axis=1))
