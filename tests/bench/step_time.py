"""Processor time of a training step, ours and torchlogix's in one run, turn by turn.

    python tests/bench/step_time.py [rounds]

Batch 128, 784 inputs, two layers of 8,000 gates, GroupSum, cross-entropy: forward and
backward, one thread. The best of the rounds counts, since other work only ever adds.
"""

import sys
import time
from pathlib import Path

import torch

from lgncc import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "frontends"))
from torchlogix_shim import torchlogix

torchlogix_layers = torchlogix("torchlogix.layers")

SIZES = ((784, 8000), (8000, 8000))
BATCH = 128
CLASSES = 10
KINDS = [("raw", 2), ("light", 2), ("walsh", 2), ("light", 4), ("walsh", 4), ("light", 6)]


def ours(kind, arity, **options):
    layers = [nn.LogicDense(*size, parametrization=kind, arity=arity, **options) for size in SIZES]
    return torch.nn.Sequential(*layers, nn.GroupSum(CLASSES, 30.0))


def torchlogix_network(kind, arity, sizes=SIZES):
    options = {"parametrization": {"walsh": "warp"}.get(kind, kind), "lut_rank": arity}
    layers = [torchlogix_layers.LogicDense(*size, **options) for size in sizes]
    return torch.nn.Sequential(*layers, torchlogix_layers.GroupSum(CLASSES, 30.0))


def step(model, x, y):
    """Processor seconds of the forward and of the backward pass."""
    start = time.process_time()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    middle = time.process_time()
    loss.backward()
    end = time.process_time()
    model.zero_grad()
    return middle - start, end - middle


def best_times(models, features, rounds):
    """Processor milliseconds (forward, backward) of each of the named models, turn by turn.

    On one thread, the best of the rounds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(2, (BATCH, features), generator=generator).float()
    y = torch.randint(CLASSES, (BATCH,), generator=generator)
    times = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            times[name].append(step(model, x, y))
    torch.set_num_threads(threads)
    return {
        name: tuple(1e3 * min(part) for part in zip(*each, strict=True))
        for name, each in times.items()
    }


def main(rounds=5):
    print(f"best of {rounds}, milliseconds forward + backward")
    for kind, arity in KINDS:
        models = {"ours": ours(kind, arity), "gumbel": ours(kind, arity, gumbel=True)}
        models["torchlogix"] = torchlogix_network(kind, arity)
        best = best_times(models, SIZES[0][0], rounds)
        shown = ", ".join(f"{name} {f:.1f} + {b:.1f}" for name, (f, b) in best.items())
        ratio = sum(best["torchlogix"]) / sum(best["ours"])
        print(f"{kind} {arity}: {shown}; torchlogix / ours {ratio:.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
