"""The estimate of logic cells: against place and route, and against counting by hand."""

from importlib import resources

import numpy as np
import pytest
import torch
from gate_layers import dense

from lgncc import nn
from lgncc.errors import InputError
from lgncc.nn.cost import (
    CLASS_CELLS,
    OUTPUT_CELLS,
    READOUT_CELLS,
    SHELL_CELLS,
    budget_penalty,
    estimate_cells,
    gates_with_cells,
    widths_within,
)
from lgncc.nn.recipes import recipe

AND, BUF_A, CONST1, XOR = 0b1000, 0b1010, 0b1111, 0b0110

PLACED = {
    "digits.pt": {"encoder": 224, "gates and readout": 179 + 1743, "shell": 724},
    "mnist16.pt": {"encoder": 0, "gates and readout": 377 + 2282, "shell": 634},
}
"""Logic cells of the shipped models on the iCEBreaker, as `lgncc compile` reported them."""


@pytest.mark.parametrize("name", PLACED)
def test_the_estimate_is_near_place_and_route(name):
    placed = PLACED[name]
    with resources.as_file(resources.files("lgncc.models") / name) as path:
        found = estimate_cells(nn.load(path), discrete=True).rounded()
    assert found["total"] == pytest.approx(sum(placed.values()), rel=0.06)
    assert found["shell"] == pytest.approx(placed["shell"], rel=0.06)  # features nobody reads
    assert found["encoder"] == pytest.approx(placed["encoder"], rel=0.12)
    both = found["network"] + found["readout"]  # LUTs of the readout take the last gates in
    assert both == pytest.approx(placed["gates and readout"], rel=0.12)


def test_the_shipped_mnist16_answers_its_test_samples():
    folder = resources.files("lgncc.models")
    with resources.as_file(folder / "mnist16.pt") as path:
        model = nn.load(path)
    with (
        resources.as_file(folder / "mnist16-test.npz") as path,
        np.load(path) as held_out,
    ):
        x, y = torch.from_numpy(held_out["x"]), held_out["y"]
    assert x.shape == (10_000, 256)
    assert np.mean(model(x).argmax(1).numpy() == y) == 0.9450


@pytest.mark.parametrize("discrete", [True, False])
def test_a_network_counted_by_hand(discrete):
    encoder = nn.Threshold(3, 7.5, nn.InputFormat(bits=4))
    first = dense(3, [AND, XOR, BUF_A, CONST1], [[0, 1], [0, 1], [0, 2], [2, 0]])
    middle = dense(4, [XOR] * 4, [[0, 1], [1, 2], [2, 3], [3, 0]])
    last = dense(4, [AND, BUF_A, CONST1, XOR], [[0, 1], [1, 2], [2, 3], [3, 0]])
    model = torch.nn.Sequential(encoder, first, middle, last, nn.GroupSum(2))
    # Feature 2 is read only where it does not matter; AND and XOR of the first layer need
    # a cell each; the middle one is taken in; three outputs vary.
    readout = round(2 * CLASS_CELLS + 3 * READOUT_CELLS)
    expected = {"encoder": 2, "network": 2 + 3, "readout": readout, "shell": SHELL_CELLS + 12}
    found = estimate_cells(model, discrete=discrete).rounded()
    assert found == {**expected, "total": sum(expected.values())}


@pytest.mark.parametrize("discrete", [True, False])
def test_gates_that_no_output_depends_on_are_not_counted(discrete):
    encoder = nn.Threshold(4, 7.5, nn.InputFormat(bits=4))
    first = dense(4, [AND, XOR, AND], [[0, 1], [1, 2], [2, 3]])
    middle = dense(3, [XOR, XOR], [[0, 1], [1, 2]])
    last = dense(2, [BUF_A, CONST1], [[0, 1], [1, 0]])
    model = torch.nn.Sequential(encoder, first, middle, last, nn.GroupSum(2))
    # Nothing reads the second gate of the middle, so the third of the first layer and
    # feature 3 are for nothing.
    readout = round(2 * CLASS_CELLS + READOUT_CELLS)
    expected = {"encoder": 3, "network": 2 + 1, "readout": readout, "shell": SHELL_CELLS + 16}
    found = estimate_cells(model, discrete=discrete).rounded()
    assert found == {**expected, "total": sum(expected.values())}
    layers = [first, middle, last]
    assert [gates.tolist() for gates in gates_with_cells(layers)] == [[0, 1], [], [0]]


@pytest.mark.parametrize("parametrization", ["raw", "light", "walsh"])
def test_the_penalty_moves_gates_toward_constants(parametrization):
    draws = torch.Generator().manual_seed(0)
    options = {"parametrization": parametrization, "init": "random", "generator": draws}
    model = torch.nn.Sequential(
        nn.LogicDense(8, 40, **options), nn.LogicDense(40, 20, **options), nn.GroupSum(2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    budget = SHELL_CELLS + 8 + 2 * CLASS_CELLS + 18
    before = estimate_cells(model, discrete=True).total
    for _ in range(200):
        optimizer.zero_grad()
        penalty = budget_penalty(model, budget)
        if not penalty > 0:
            break
        penalty.backward()
        optimizer.step()
    assert not budget_penalty(model, budget) > 0
    assert estimate_cells(model, discrete=True).total <= budget < before


def test_within_the_budget_nothing_is_added():
    layer = dense(2, [AND, XOR], [[0, 1], [0, 1]])
    assert budget_penalty(torch.nn.Sequential(layer, nn.GroupSum(2)), 1000) == 0


@pytest.mark.parametrize("cells", [1000, 2500, 4500])
def test_widths_keep_to_the_budget(cells):
    chosen = recipe("mnist16")
    first, last = widths_within(cells, chosen.widths, 10, 256, 1, 256)
    assert last % 10 == 0
    assert first / last == pytest.approx(10 / 9, rel=0.05)
    needed = SHELL_CELLS + 256 + 10 * CLASS_CELLS + OUTPUT_CELLS * last
    assert cells - 30 < needed <= cells


def test_a_budget_below_the_shell_is_refused():
    with pytest.raises(InputError, match="before the first gate"):
        widths_within(5000, (8000, 8000), 10, 784, 8, 1568)


def test_gates_of_more_inputs_are_not_guessed():
    layer = nn.LogicDense(8, 4, arity=4, parametrization="light")
    with pytest.raises(ValueError, match="two-input"):
        estimate_cells(torch.nn.Sequential(layer), discrete=True)
