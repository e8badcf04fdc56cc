"""Pruning: what goes is what matters least, and the network stays within its budget."""

import itertools
import math

import numpy as np
import pytest
import torch

from lgncc import frontends, nn
from lgncc.golden import predict
from lgncc.nn.cost import CLASS_CELLS, OUTPUT_CELLS, SHELL_CELLS, estimate_cells
from lgncc.nn.pruning import Pruning, _candidates, make_certain, prune

AND, A, B, XOR, TRUE = 0b1000, 0b1010, 0b1100, 0b0110, 0b1111
NO_CELL_BELOW = {0b0000, TRUE, A, B, 0b0101, 0b0011}
"""Constants, wires and inverters."""
KINDS = ("raw", "light", "walsh")


def random_network(widths, features=8, classes=4, parametrization="light", seed=0):
    draws = torch.Generator().manual_seed(seed)
    options = {"parametrization": parametrization, "init": "random", "generator": draws}
    sizes = itertools.pairwise((features, *widths))
    layers = [nn.LogicDense(*size, **options) for size in sizes]
    return torch.nn.Sequential(*layers, nn.GroupSum(classes, 1.5))


def samples(n=200, features=8, classes=4, seed=1):
    draws = torch.Generator().manual_seed(seed)
    x = torch.randint(2, (n, features), generator=draws)
    return x, torch.randint(classes, (n,), generator=draws)


def budget_of(outputs, classes=4):
    """Whole cells for so many outputs of a network with eight one-bit features."""
    return math.ceil(SHELL_CELLS + 8 + CLASS_CELLS * classes + OUTPUT_CELLS * outputs)


def cells(model):
    return float(estimate_cells(model, discrete=True).total)


def loss(model, x, y):
    scores = model.eval()(x.float()).double()
    return float(torch.nn.functional.cross_entropy(scores, y, reduction="sum"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certain_gate_is_the_same_soft_and_discrete_and_has_no_gradient(kind):
    layer = nn.LogicDense(2, 16, parametrization=kind, wiring=torch.tensor([[0] * 16, [1] * 16]))
    tables = torch.arange(16)
    make_certain(layer, torch.arange(16), tables)
    assert torch.equal(layer.tables(), tables)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    soft = layer.train()(corners)
    assert torch.equal(soft.T, (tables[:, None] >> torch.arange(4) & 1).float())
    soft.sum().backward()
    assert not layer.weights.grad.any()


@pytest.mark.parametrize("gumbel", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_around_a_constant(kind, gumbel):
    model = random_network((20, 12), parametrization=kind)
    for layer in model[:2]:
        layer.sampling = nn.noise.Sampling(gumbel)
    x, y = samples()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.train()(x.float()), y).backward()
        optimizer.step()

    for _ in range(20):
        step()  # what Adam remembers moves a gate on for a while
    gates = torch.tensor([1, 5, 6])
    make_certain(model[1], gates, torch.tensor([0, TRUE, 0]))
    before = model[1].tables().clone()
    for _ in range(200):
        step()
    assert model[1].tables()[gates].tolist() == [0, TRUE, 0]
    assert not torch.equal(model[1].tables(), before)
    assert torch.equal(
        model[1](model[0](x.float()))[:, gates], torch.tensor([[0.0, 1.0, 0.0]]).expand(len(x), 3)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_effect_of_an_output_is_what_its_mean_instead_of_it_does_to_the_loss(seed):
    model, (x, y) = random_network((20, 12), seed=seed), samples()
    model[2].tau = 20.0  # where the third order is small
    outputs = _candidates(model.eval(), model[-1], x, y)[0]
    bits = model[:2](x.float()).double()
    for gate, effect in zip(outputs.gates, outputs.effects, strict=True):
        changed = bits.clone()
        changed[:, gate] = bits[:, gate].mean()
        change = loss(model[2:], changed, y) - loss(model[2:], bits, y)
        slope = torch.autograd.functional.jvp(
            lambda b: torch.nn.functional.cross_entropy(model[2](b), y, reduction="sum"),
            bits,
            changed - bits,
        )[1]
        # The first order counts as a loss, whatever its sign.
        assert effect == pytest.approx(
            change - float(slope) + abs(float(slope)), rel=5e-3, abs=1e-3
        )


def test_constants_keep_the_mean_score_of_each_class():
    model, (x, _) = random_network((60, 40)), samples()
    y = torch.zeros(len(x), dtype=torch.int64)
    outputs = _candidates(model.eval(), model[-1], x, y)[0]
    chosen = torch.arange(len(outputs.gates)) % 3 > 0
    before = model(x.float()).mean(0)
    make_certain(outputs.layer, outputs.gates[chosen], outputs.tables(chosen))
    assert ((model(x.float()).mean(0) - before).abs() <= 0.5 / model[-1].tau + 1e-5).all()


def test_the_effect_below_is_the_slope_of_the_loss():
    model, (x, y) = random_network((10, 14, 12)).eval(), samples()
    found = _candidates(model, model[-1], x, y)[1]
    assert found.layer is model[0]
    bits = x.float().double()
    hidden = model[0](bits)
    small = 1e-4
    tables = found.tables(torch.ones(len(found.gates), dtype=torch.bool))
    for gate, table, effect in zip(found.gates, tables, found.effects, strict=True):
        a, b = bits[:, model[0].wires()[:, gate]].T
        slopes = {}
        for name, value in ((0, a * 0), (TRUE, a * 0 + 1), (A, a), (B, b), (5, 1 - a), (3, 1 - b)):
            moved = hidden.clone()
            moved[:, gate] += small * (value - hidden[:, gate])
            change = loss(model[1:], moved, y) - loss(model[1:], hidden, y)
            slopes[name] = change / small
        assert effect == pytest.approx(min(slopes.values()), rel=1e-2, abs=1e-2)
        assert slopes[int(table)] == pytest.approx(min(slopes.values()), rel=1e-2, abs=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(12,), (40, 24), (40, 40, 24), (30, 30, 30, 30, 24)])
def test_the_budget_is_kept_and_only_by_constants_and_wires(widths, kind):
    model, (x, y) = random_network(widths, parametrization=kind), samples()
    before = [layer.tables() for layer in model[:-1]]
    needed = cells(model)
    budget = (needed + budget_of(0)) // 2
    assert prune(model, x, y, budget) > 0
    assert budget - 3 * len(widths) < cells(model) <= budget
    for layer, tables in zip(model[:-1], before, strict=True):
        changed = (layer.tables() != tables).nonzero()[:, 0]
        allowed = {0, TRUE} if layer is model[-2] else NO_CELL_BELOW
        assert set(layer.tables()[changed].tolist()) <= allowed


def test_outputs_that_tell_nothing_go_first():
    draws = torch.Generator().manual_seed(2)
    x = torch.randint(2, (400, 8), generator=draws)
    y = x[:, 0]
    wiring = torch.tensor([[2, 3, 0, 4, 0, 5, 6, 7], [3, 4, 1, 5, 1, 6, 7, 2]])
    layer = nn.LogicDense(8, 8, parametrization="light", wiring=wiring)
    # Output 2 says "class 0" and output 4 "class 1"; the others are noise.
    make_certain(layer, torch.arange(8), torch.tensor([XOR, XOR, 5, XOR, A, XOR, XOR, XOR]))
    model = torch.nn.Sequential(layer, nn.GroupSum(2, 1.0))
    prune(model, x, y, budget_of(2, classes=2))
    kept = [gate for gate, table in enumerate(layer.tables().tolist()) if table not in (0, TRUE)]
    assert kept == [2, 4]
    assert (model.eval()(x.float()).argmax(1) == y).all()


def test_a_gate_that_the_data_never_tell_from_a_wire_becomes_one():
    x = torch.tensor(list(itertools.product((0, 1), repeat=4)))
    x = x[(x[:, 0] <= x[:, 1])]  # so that x0 and x1 is x0
    y = x[:, 0] ^ x[:, 2] ^ x[:, 3]
    first = nn.LogicDense(4, 2, parametrization="light", wiring=torch.tensor([[0, 2], [1, 3]]))
    make_certain(first, torch.arange(2), torch.tensor([AND, XOR]))
    wires = [[0, 1], [1, 0]]
    middle, last = (
        nn.LogicDense(2, 2, parametrization="light", wiring=torch.tensor(w)) for w in (wires, wires)
    )
    make_certain(middle, torch.arange(2), torch.tensor([A, A]))
    make_certain(last, torch.arange(2), torch.tensor([0b1001, XOR]))
    model = torch.nn.Sequential(first, middle, last, nn.GroupSum(2)).eval()
    answers = model(x.float())
    assert (answers.argmax(1) == y).all()
    assert prune(model, x, y, cells(model) - 1) == 1
    assert first.tables().tolist() == [A, XOR]
    assert torch.equal(model(x.float()), answers)


def test_what_is_too_much_shrinks_to_nothing_between_start_and_end():
    x, y = samples()
    model = random_network((100, 80))
    budget = budget_of(20)
    pruning = Pruning(budget, start=0.2, end=0.7)
    found = [cells(model)]
    for epoch in range(10):
        pruning.apply(model, x, y, epoch / 10, (epoch + 1) / 10)
        found.append(cells(model))
    assert found[0] == found[1] == found[2]
    falls = -np.diff(found[2:8])
    assert (falls[:-1] > 0).all()  # the last share is less than a cell
    assert falls[0] > falls[-1]
    assert budget - 3 < found[7] <= budget
    assert found[8] == found[9] == found[10] == found[7]


def test_a_phase_of_one_epoch_is_pruned_at_its_end():
    model, budget = random_network((100, 80)), budget_of(20)
    Pruning(budget).apply(model, *samples(), 0.0, 1.0)
    assert cells(model) <= budget


@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_pruned_network_compiles_to_the_same_answers(tmp_path, left):
    model, (x, y) = random_network((40, 24), classes=4), samples()
    prune(model, x, y, budget_of(left))
    nn.save(model, tmp_path / "m.pt")
    compiled = frontends.load(tmp_path / "m.pt")
    expected = model.eval()(x.float()).argmax(1).numpy()
    assert np.array_equal(predict(compiled, x.numpy()).classes, expected)


def test_what_cannot_be_pruned_is_refused():
    model, (x, y) = random_network((12,)), samples()
    with pytest.raises(ValueError, match="needs a GroupSum at the end, not LogicDense"):
        prune(model[:-1], x, y, 0)
    with pytest.raises(ValueError, match="no gate is left to prune"):
        prune(model, x, y, SHELL_CELLS)
