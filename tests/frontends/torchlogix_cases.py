"""torchlogix state dicts written by hand, and a naive evaluator of their gates.

Nothing here needs torchlogix, or shares code with the reader.
"""

import itertools

import numpy as np
import torch

from lgncc.frontends import GivenFacts, load
from lgncc.golden import predict


def write(path, tensors, wrap=None):
    state = {name: torch.as_tensor(value) for name, value in tensors.items()}
    torch.save(state if wrap is None else {wrap: state}, path)
    return path


def facts(path, **given):
    return [str(fact) for fact in load(path, GivenFacts(**given)).provenance.facts]


def answers(path, x, **given):
    return predict(load(path, GivenFacts(**given)), x).bits


# The naive second opinion: one gate at a time, input 0 the highest bit of a row.


def naive_row(values):
    return int("".join(str(int(value)) for value in values), 2)


def naive_output(kind, weights, values):
    """Output of one gate whose inputs are `values`."""
    weights = [np.float32(w) for w in weights]
    if kind == "raw":
        gate = weights.index(max(weights))
        return int(f"{gate:04b}"[naive_row(values)])
    if kind == "light":
        return int(weights[naive_row(values)] > 0)
    total = np.float32(0)  # a sum over all products of signs, in float32, first to last
    for subset, weight in zip(itertools.product((0, 1), repeat=len(values)), weights, strict=True):
        sign = 1
        for chosen, value in zip(subset, values, strict=True):
            sign *= (-1 if value else 1) if chosen else 1
        total = np.float32(total + weight * np.float32(sign))
    return int(total < 0)


def naive_network(kind, layers, sample):
    """layers: of (weights, indices), both as nested lists."""
    for weights, indices in layers:
        sample = [
            naive_output(kind, gate, [sample[source] for source in sources])
            for gate, sources in zip(weights, zip(*indices, strict=True), strict=True)
        ]
    return sample


def all_rows(rank):
    return np.array(list(itertools.product((0, 1), repeat=rank)))


def dense(sizes=(6, 8, 6), start=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for number, (width, out) in enumerate(itertools.pairwise(sizes), start=start):
        wiring = torch.randperm(2 * out, generator=generator) % width
        tensors[f"{number}.weight"] = torch.randn(out, 16, generator=generator)
        tensors[f"{number}.connections.indices"] = wiring.reshape(2, out)
    return tensors


# A small convolution: one kernel, (a and not b) xor (c or d), on 4x4 images padded by 1.


def conv_state():
    window = torch.tensor([[[0, 0, 0], [2, 1, 0]], [[1, 2, 0], [2, 2, 0]]])  # rank, leaves
    starts = torch.tensor([(row, column, 0) for row in range(4) for column in range(4)])
    places = window[:, None, None] + starts[None, None, :, None]
    return {
        "0.tree_weights.0": torch.eye(16)[[2, 7], None],
        "0.tree_weights.1": torch.eye(16)[[6], None],
        "0.connections._indices_L0": places,
        "0.connections._indices_L1": torch.tensor([[0], [1]]),
    }


CONV = """
input_shape = [1, 4, 4]
[[layer]]
kind = "conv2d"
receptive_field_size = 3
padding = 1
"""


def put(key, index, value):
    def change(state):
        state[key][index] = value

    return change


def layer(weights, rank):
    """One layer whose gates all read inputs 0 to rank - 1, in this order."""
    indices = torch.arange(rank)[:, None].repeat(1, len(weights))
    return {"0.weight": weights, "0.connections.indices": indices}
