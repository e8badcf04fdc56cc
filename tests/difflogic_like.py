"""Difflogic as the second opinion: its layers restated from what they are known to do.

Sources: the paper's table of 16 gates; `LogicLayer` and `get_unique_connections` of
difflogic 0.1.0, restated as plain loops. It shares no code with lgncc. `installed`
puts the classes where torch.save looks for them, as if difflogic were importable.
"""

from __future__ import annotations

import sys
import types
from contextlib import contextmanager

import numpy as np
import torch

GATES = [
    lambda a, b: a & ~a,
    lambda a, b: a & b,
    lambda a, b: a & ~b,
    lambda a, b: a,
    lambda a, b: ~a & b,
    lambda a, b: b,
    lambda a, b: a ^ b,
    lambda a, b: a | b,
    lambda a, b: ~(a | b),
    lambda a, b: ~(a ^ b),
    lambda a, b: ~b,
    lambda a, b: a | ~b,
    lambda a, b: ~a,
    lambda a, b: ~a | b,
    lambda a, b: ~(a & b),
    lambda a, b: a | ~a,
]
"""On bool tensors, by gate number."""


def unique_pairs(n, count):
    """Pairs of n nodes in difflogic's order."""
    pairs = [(i, i + 1) for i in range(0, n - 1, 2)]
    if len(pairs) < count:
        pairs += [(i, i + 1) for i in range(1, n - 1, 2)]
    offset = 2
    while count > len(pairs) > offset:
        pairs += [(i, i + offset) for i in range(n - offset)]
        offset += 1
    assert len(pairs) >= count
    return pairs[:count]


class LogicLayer(torch.nn.Module):
    """On `cuda` the weights are made without the CPU's random stream, as a GPU would."""

    def __init__(self, in_dim, out_dim, device="cuda", connections="random"):
        super().__init__()
        stream = None if device == "cpu" else torch.Generator().manual_seed(in_dim + out_dim)
        self.weights = torch.nn.Parameter(torch.randn(out_dim, 16, generator=stream))
        self.in_dim, self.out_dim, self.device = in_dim, out_dim, device
        self.grad_factor, self.implementation, self.connections = 1.0, "python", connections
        if connections == "random":
            c = torch.randperm(2 * out_dim) % in_dim
            c = torch.randperm(in_dim)[c].reshape(2, out_dim)
            self.indices = c[0], c[1]
        else:
            order = torch.randperm(out_dim)
            pairs = unique_pairs(in_dim, out_dim)
            self.indices = tuple(
                torch.tensor([pairs[int(i)][end] for i in order]) for end in (0, 1)
            )
        self.num_neurons = self.num_weights = out_dim

    def forward(self, x):
        """Bool (n, in_dim) to bool (n, out_dim)."""
        outputs = []
        ends = (index.tolist() for index in self.indices)
        for gate, a, b in zip(self.weights.tolist(), *ends, strict=True):
            number = gate.index(max(gate))
            outputs.append(GATES[number](x[:, a], x[:, b]))
        return torch.stack(outputs, dim=1)


class GroupSum(torch.nn.Module):
    def __init__(self, k, tau=1.0, device="cuda"):
        super().__init__()
        self.k, self.tau, self.device = k, tau, device

    def forward(self, x):
        return x.reshape(len(x), self.k, -1).sum(-1) / self.tau


def network(inputs, sizes, classes, tau=10.0, device="cuda", connections="random"):
    """As main.py builds it: Flatten, LogicLayers, GroupSum."""
    layers = [torch.nn.Flatten()]
    for size in sizes:
        layers.append(LogicLayer(inputs, size, device=device, connections=connections))
        inputs = size
    return torch.nn.Sequential(*layers, GroupSum(classes, tau))


def answers(model, bits):
    """Counts int64 (n, classes) and classes (n,) of bool bits (n, inputs), in eval mode."""
    with torch.no_grad():
        scores = model.eval()(torch.as_tensor(bits))
    counts = np.rint(scores.numpy() * model[-1].tau).astype(np.int64)
    return counts, scores.argmax(dim=1).numpy()


@contextmanager
def installed(*classes, package="difflogic", module="difflogic.difflogic"):
    """While it lasts, `classes` (LogicLayer and GroupSum) pickle as difflogic's do."""
    classes = classes or (LogicLayer, GroupSum)
    fakes = {package: types.ModuleType(package), module: types.ModuleType(module)}
    own = {kind: kind.__module__ for kind in classes}
    for kind in classes:
        setattr(fakes[module], kind.__name__, kind)
        kind.__module__ = module
    sys.modules.update(fakes)
    try:
        yield
    finally:
        for name in fakes:
            del sys.modules[name]
        for kind, name in own.items():
            kind.__module__ = name


def save_module(model, path):
    """torch.save(model) as a user of difflogic does it; afterwards it is gone again."""
    with installed():
        torch.save(model, path)


def save_wiring(model, path, **more):
    """The npz of --wiring."""
    layers = [layer for layer in model.modules() if hasattr(layer, "indices")]
    arrays = {
        f"indices_{i}": np.stack([row.numpy() for row in layer.indices])
        for i, layer in enumerate(layers)
    }
    np.savez(path, **arrays, **more)
