"""Gates that no output depends on, where memories carry them from step to step."""

import pytest
import torch
from gate_layers import dense
from hypothesis import given, settings
from hypothesis import strategies as st

from lgncc import nn
from lgncc.cells import CELLS
from lgncc.nn.usage import layer_usages

AND, BUF_A, BUF_B, CONST0, OR = 0b1000, 0b1010, 0b1100, 0b0000, 0b1110


def used(model):
    return {layer.name: layer.used.astype(int).tolist() for layer in layer_usages(model)}


def test_a_gate_is_used_where_an_output_needs_it_steps_later():
    # h0' = x0 and x1; h1' = h0; h2' = h1: out comes h2, two steps later. h3' = h2 is lost.
    z = [[0, 1], [2, 3], [3, 4], [4, 5]]
    cell = nn.LogicRecurrent(
        2, 4, "recompute", stacks={"update": [dense(6, [AND, BUF_A, BUF_A, BUF_A], z)]}
    )
    after = dense(4, [BUF_A, CONST0], [[2, 3], [3, 0]])
    model = nn.Streaming(nn.Threshold(2, 0, nn.InputFormat(1)), cell, after, nn.GroupSum(2))
    assert used(model) == {"layer 1, update 0": [1, 1, 1, 0], "layer 2": [1, 1]}


def test_a_memory_that_feeds_only_itself_is_unused():
    # Memory 1 counts on, but nobody reads it.
    update = [
        dense(3, [AND, OR, BUF_B], [[0, 1], [0, 2], [0, 2]]),
        dense(3, [BUF_A, BUF_B], [[0, 2], [2, 1]]),
    ]
    cell = nn.LogicRecurrent(1, 2, "recompute", stacks={"update": update})
    model = nn.Streaming(dense(1, [BUF_A], [[0, 0]]), cell, dense(2, [BUF_A], [[0, 1]]))
    assert used(model) == {
        "layer 0": [1],
        "layer 1, update 0": [1, 0, 0],
        "layer 1, update 1": [1, 0],
        "layer 2": [1],
    }


def test_layers_below_another_kind_are_left_out():
    image = nn.Image(1, 4, 4)
    conv = nn.LogicConv2d((1, 4, 4), 2, 2, depth=1)
    flat = nn.Flatten()
    width = len(torch.nn.Sequential(image, conv, flat)(torch.zeros(1, 16))[0])
    model = torch.nn.Sequential(image, conv, flat, dense(width, [AND], [[0, 1]]))
    assert used(model) == {"layer 3": [1]}
    assert layer_usages(torch.nn.Sequential(image, conv, flat)) == []


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_changing_unused_gates_changes_no_answer(cell, seed):
    draws = torch.Generator().manual_seed(seed)
    options = {"init": "random", "parametrization": "light", "generator": draws}
    recurrent = nn.LogicRecurrent(3, 5, cell, 2, **options)
    model = nn.Streaming(recurrent, nn.LogicDense(5, 3, **options)).eval()
    x = torch.randint(2, (20, 30, 3), generator=draws).float()
    before = model(x)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.LogicDense)]
    for layer, usage in zip(layers, layer_usages(model), strict=True):
        assert len(usage.used) == layer.out_features
        layer.weights.data[torch.from_numpy(~usage.used)] *= -1
    assert torch.equal(model(x), before)
