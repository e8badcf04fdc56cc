"""The networks that benchmarks speak of: shipped, public and random ones."""

from __future__ import annotations

from pathlib import Path

from scale import random_model

import lgncc.models
from lgncc.facts import GivenFacts
from lgncc.frontends import load

DATA = Path("/work/shared/data")
TT10 = DATA / "tt10-mnist16-3x2550.blif"
MODELS = Path(lgncc.models.__file__).parent


def network(name):
    """`digits`, `mnist16`, `tt10`, or `random-GATES`. None where its file is absent."""
    if name.startswith("random-"):
        return random_model(int(name.removeprefix("random-")))
    if name != "tt10":
        return load(MODELS / f"{name}.pt")
    return load(TT10, GivenFacts(classes=10)) if TT10.exists() else None
