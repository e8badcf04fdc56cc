"""Truth tables of torchlogix's parametrizations, exhaustively, and random networks of them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from torchlogix_cases import (
    all_rows,
    answers,
    facts,
    layer,
    naive_network,
    naive_output,
    write,
)

from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, load


def test_raw_gates_are_the_sixteen_of_difflogic(tmp_path):
    path = write(tmp_path / "m.pt", layer(torch.eye(16), 2))
    got = answers(path, all_rows(2))
    names = {1: "0001", 2: "0010", 3: "0011", 5: "0101", 6: "0110", 7: "0111", 12: "1100"}
    for gate, outputs in names.items():  # rows 00, 01, 10, 11 of (a, b)
        assert got[:, gate].tolist() == [bit == "1" for bit in outputs]
    for gate in range(16):
        assert got[:, gate].tolist() == [bool(gate >> (3 - row) & 1) for row in range(4)]


def test_the_first_of_equal_raw_weights_is_the_gate(tmp_path):
    weights = torch.zeros(2, 16)
    weights[1, [6, 9]] = 1
    got = answers(write(tmp_path / "m.pt", layer(weights, 2)), all_rows(2))
    assert got.T.tolist() == [[False] * 4, [False, True, True, False]]


@pytest.mark.parametrize("rank", [2, 4])
def test_light_and_warp_have_every_table_with_input_0_highest(tmp_path, rank):
    rows = 1 << rank
    tables = np.array(list(itertools.product((0, 1), repeat=rows)))
    light = torch.tensor(tables * 2.0 - 1)
    walsh = [
        [(-1.0) ** sum(a & b for a, b in zip(j, r, strict=True)) for r in all_rows(rank).tolist()]
        for j in all_rows(rank).tolist()
    ]
    warp = torch.tensor((1 - 2 * tables) @ np.array(walsh) / rows, dtype=torch.float32)
    for name, weights in (("light", light), ("warp", warp)):
        path = write(tmp_path / f"{name}.pt", layer(weights, rank))
        got = answers(path, all_rows(rank), parametrization=name)
        np.testing.assert_array_equal(got, tables.T.astype(bool))


@pytest.mark.parametrize("kind", ["light", "warp"])
def test_tables_of_six_inputs(tmp_path, kind):
    weights = torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
    path = write(tmp_path / "m.pt", layer(weights, 6))
    got = answers(path, all_rows(6), parametrization=kind)
    expected = [[naive_output(kind, gate, x) for gate in weights.tolist()] for x in all_rows(6)]
    np.testing.assert_array_equal(got, np.array(expected, bool))


def test_a_warp_tie_is_0_and_so_is_a_light_weight_of_0(tmp_path):
    path = write(tmp_path / "m.pt", layer(torch.tensor([[0.0] * 4, [1.0, 1.0, 0, 0]]), 2))
    assert answers(path, all_rows(2), parametrization="warp").sum() == 0
    assert answers(path, all_rows(2), parametrization="light").T.tolist() == [
        [False] * 4,
        [True, True, False, False],
    ]


def test_warp_rounds_near_ties_as_float32_sums_do_and_says_so(tmp_path):
    weights = torch.tensor([[16777216.0, 1.0, -16777216.0, -0.5]])  # 2**24 swallows the 1
    path = write(tmp_path / "m.pt", layer(weights, 2))
    expected = [naive_output("warp", weights[0].tolist(), row) for row in all_rows(2)]
    exact = [int((weights[0].double() @ torch.tensor(s).double()) < 0) for s in
             ([1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1])]  # fmt: skip
    assert expected != exact
    assert answers(path, all_rows(2), parametrization="warp")[:, 0].tolist() == [
        bool(bit) for bit in expected
    ]
    assert any("near ties: 1 table rows" in fact for fact in facts(path, parametrization="warp"))
    write(path, layer(torch.ones(1, 4).half(), 2))
    with pytest.raises(InputError, match=r"0\.weight is float16.*save it as float32"):
        load(path, GivenFacts(parametrization="warp"))


@st.composite
def networks(draw):
    kind, rank = draw(
        st.sampled_from([("raw", 2), ("light", 2), ("light", 4), ("warp", 2), ("warp", 4)])
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    n_inputs = width = draw(st.integers(rank, 7))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        out = -(-width // rank) + draw(st.integers(0, 4))
        columns = 16 if kind == "raw" else 1 << rank
        weights = torch.randn(out, columns, generator=generator)
        indices = (torch.randperm(out * rank, generator=generator) % width).reshape(rank, out)
        layers.append((weights, indices))
        width = out
    candidates = min(3, n_inputs, *(len(weights) for weights, _ in layers))
    learnable = draw(st.booleans())
    first = draw(st.integers(0, 12))
    tensors = {}
    for number, (weights, indices) in enumerate(layers):
        name = f"net.{first + 3 * number}"
        tensors[f"{name}.weight"] = weights
        tensors[f"{name}.connections.indices"] = indices
        if learnable:
            scores = torch.randn(candidates, *indices.shape, generator=generator)
            others = torch.randint(0, 1 + indices.max(), scores.shape, generator=generator)
            best = scores.argmax(0, keepdim=True)
            tensors[f"{name}.connections.weights"] = scores
            tensors[f"{name}.connections.indices"] = others.scatter(0, best, indices[None])
    order = draw(st.permutations(list(tensors)))
    plain = [(weights.tolist(), indices.tolist()) for weights, indices in layers]
    return kind, n_inputs, plain, {key: tensors[key] for key in order}


@settings(max_examples=40)
@given_(networks())
def test_random_networks_answer_as_the_naive_evaluator(tmp_path_factory, case):
    kind, n_inputs, layers, tensors = case
    path = write(tmp_path_factory.mktemp("m") / "m.pt", tensors)
    x = np.random.default_rng(0).integers(0, 2, (20, n_inputs))
    given = {} if kind == "raw" else {"parametrization": kind}
    expected = [naive_network(kind, layers, sample.tolist()) for sample in x]
    np.testing.assert_array_equal(
        answers(path, x, input_bits=n_inputs, **given), np.array(expected, bool)
    )
