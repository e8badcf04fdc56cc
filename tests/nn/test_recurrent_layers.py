"""Recurrent layers against their update rules, a step, a sample and a gate at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn

CELLS = {
    "recompute": ["update"],
    "gated": ["gate", "candidate"],
    "set_reset": ["set_net", "reset_net"],
    "toggle": ["toggle_net"],
    "gru": ["gate", "candidate", "out_proj", "readout"],
    "lstm": ["forget", "input", "candidate", "out_proj", "readout"],
}


def naive_stack(layer, name, bits):
    for dense in getattr(layer.stacks, name):
        tables = [row.index(max(row)) for row in dense.weights.tolist()]
        wires = zip(*dense.connections.tolist(), strict=True)
        bits = [t >> (bits[a] + 2 * bits[b]) & 1 for t, (a, b) in zip(tables, wires, strict=True)]
    return bits


def naive_step(layer, x, h, c):
    """The next (h, C), word for word from the table of rules."""
    out = {n: naive_stack(layer, n, [*x, *h]) for n in CELLS[layer.cell] if n != "readout"}
    rows = range(len(h))
    match layer.cell:
        case "recompute":
            return out["update"], c
        case "gated":
            return [h[i] if out["gate"][i] else out["candidate"][i] for i in rows], c
        case "set_reset":
            return [int(out["set_net"][i] or (h[i] and not out["reset_net"][i])) for i in rows], c
        case "toggle":
            return [int(out["toggle_net"][i] != h[i]) for i in rows], c
        case "gru":
            c = [c[i] if out["gate"][i] else out["candidate"][i] for i in rows]
        case "lstm":
            c = [
                int((c[i] and out["forget"][i]) or (out["input"][i] and out["candidate"][i]))
                for i in rows
            ]
    return naive_stack(layer, "readout", [*out["out_proj"], *c]), c


def naive(layer, x, first):
    answers = []
    for sample, begins in zip(x.int().tolist(), first.tolist(), strict=True):
        h, c, steps = [0] * layer.hidden, [0] * layer.hidden, []
        for bits, begin in zip(sample, begins, strict=True):
            if begin:
                h, c = [0] * layer.hidden, [0] * layer.hidden
            h, c = naive_step(layer, bits, h, c)
            steps.append(h)
        answers.append(steps)
    return torch.tensor(answers, dtype=torch.float32)


def draw(cell, generator, features=3, hidden=8, depth=2, **options):
    return nn.LogicRecurrent(
        features, hidden, cell, depth, init="random", generator=generator, **options
    )


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=8)
@given(data=st.data())
def test_eval_mode_matches_the_update_rule_with_resets_in_between(cell, data):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    hidden = data.draw(st.integers(1, 9))
    features, depth = data.draw(st.integers(1, hidden)), data.draw(st.integers(1, 3))
    layer = draw(cell, generator, features, hidden, depth).eval()
    x = torch.randint(2, (3, 12, features), generator=generator).float()
    first = torch.rand(3, 12, generator=generator) < 0.2
    assert torch.equal(layer(x, first), naive(layer, x, first))
    assert torch.equal(layer(x), naive(layer, x, torch.zeros(3, 12, dtype=torch.bool)))


@pytest.mark.parametrize("cell", CELLS)
def test_first_splits_a_sequence_into_independent_ones(cell):
    generator = torch.Generator().manual_seed(3)
    layer = draw(cell, generator, hidden=6).train()
    x = torch.rand(2, 9, 3, generator=generator)
    first = torch.zeros(2, 9, dtype=torch.bool)
    first[:, 4] = True
    parts = torch.cat([layer(x[:, :4]), layer(x[:, 4:])], dim=1)
    torch.testing.assert_close(layer(x, first), parts)
    assert not torch.equal(layer(x)[:, 4:], parts[:, 4:])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("parametrization", ["raw", "light"])
def test_gradients_reach_every_stack_and_the_first_step(cell, parametrization):
    generator = torch.Generator().manual_seed(0)
    layer = draw(cell, generator, parametrization=parametrization).train()
    x = torch.rand(2, 5, 3, generator=generator, requires_grad=True)
    (layer(x)[:, -1] * torch.rand(8, generator=generator)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert (parameter.grad != 0).any(), name
    assert (x.grad[:, 0] != 0).any()


@pytest.mark.parametrize("cell", ["gated", "set_reset", "toggle"])
def test_relaxed_update_is_the_expected_one_of_independent_bits(cell):
    generator = torch.Generator().manual_seed(1)
    layer = draw(cell, generator, hidden=5, depth=1).double().train()
    x = torch.rand(4, 2, 3, generator=generator, dtype=torch.float64)
    h, second = layer(x).unbind(1)
    z = torch.cat([x[:, 1], h], dim=1)
    out = [getattr(layer.stacks, name)(z) for name in CELLS[cell]]
    expected = {
        "gated": lambda s, c: s * h + (1 - s) * c,
        "set_reset": lambda s, r: 1 - (1 - s) * (1 - (1 - r) * h),
        "toggle": lambda t: t * (1 - h) + (1 - t) * h,
    }[cell](*out)
    torch.testing.assert_close(second, expected, rtol=1e-12, atol=1e-12)


def test_streaming_runs_the_other_layers_on_every_step():
    generator = torch.Generator().manual_seed(2)
    before, after = (nn.LogicDense(4, 4, init="random", generator=generator) for _ in range(2))
    cell = draw("toggle", generator, 4, 4)
    model = nn.Streaming(before, cell, after, nn.GroupSum(2)).eval()
    x = torch.randint(2, (3, 6, 4), generator=generator).float()
    first = torch.rand(3, 6, generator=generator) < 0.3
    states = cell(torch.stack([before(x[:, step]) for step in range(6)], dim=1), first)
    scores = torch.stack([nn.GroupSum(2)(after(states[:, step])) for step in range(6)], dim=1)
    assert torch.equal(model(x, first), scores)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.LogicRecurrent(2, 4, "latch"), "known cells are recompute, gated"),
        (lambda: nn.LogicRecurrent(0, 4), "0 features, 4 hidden: 1 or more"),
        (lambda: nn.LogicRecurrent(2, 4, depth=0), "depth 0; a stack has 1 layer"),
        (lambda: nn.LogicRecurrent(9, 4), "4 gates read at most 8 inputs, not 13"),
        (lambda: nn.LogicRecurrent(2, 4, stacks={}), "a gated cell has the stacks gate, cand"),
        (
            lambda: nn.LogicRecurrent(2, 4, "toggle", stacks={"toggle_net": [nn.LogicDense(5, 4)]}),
            r"toggle_net: layers of \[5\] inputs and \[4\] gates do not lead from 6 signals to 4",
        ),
        (lambda: nn.LogicRecurrent(2, 4)(torch.zeros(3, 2)), r"not \(batch, steps, 2\)"),
        (
            lambda: nn.LogicRecurrent(2, 4)(torch.zeros(3, 5, 2), torch.zeros(3, 5)),
            r"first is torch.float32 \(3, 5\); it must be torch.bool \(3, 5\)",
        ),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
