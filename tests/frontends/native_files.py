"""Checkpoints of lgncc.nn for the tests of their reader."""

from pathlib import Path

import torch

from lgncc import nn
from lgncc.frontends import GivenFacts, native
from lgncc.frontends.source import Source


def read(path, **given_facts):
    return native.read(Source(Path(path)), GivenFacts(**given_facts))


def mend(path, change):
    """Apply `change` to the file's content and write it back."""
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def small_checkpoint(folder):
    """A good one: 3 features of u5 at 0.5 and 2, then 6-8-4 gates, 2 classes."""
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        nn.Thermometer(torch.tensor([[0.5, 2.0]] * 3), nn.InputFormat(5)),
        nn.LogicDense(6, 8, generator=generator),
        nn.LogicDense(8, 4, generator=generator),
        nn.GroupSum(2, tau=3.0),
    )
    nn.save(model, folder / "small.pt", {"seed": 0})
    return folder / "small.pt"
