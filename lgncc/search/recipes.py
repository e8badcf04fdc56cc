"""Recipes: what served best on networks that were searched before, and which are like this one.

`recipes.json` is written by tests/bench/search_recipes.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from lgncc.mapping import MappingOptions
from lgncc.search.features import Features, distance

NEAREST = 4
LEAST_SPREAD = 0.1  # of a feature that hardly differs in the table: chance must not decide


@dataclass(frozen=True)
class Recipe:
    """The knobs that served a network best, and its features."""

    network: str
    features: Features
    options: MappingOptions


def shipped_recipes() -> tuple[Recipe, ...]:
    text = resources.files("lgncc.search").joinpath("recipes.json").read_text(encoding="utf-8")
    return tuple(
        Recipe(one["network"], one["features"], MappingOptions.from_dict(one["options"]))
        for one in json.loads(text)
    )


def nearest(table: Sequence[Recipe], features: Features, count: int = NEAREST) -> list[Recipe]:
    """Those of the most similar networks, the most similar first, of the same options the first
    only. Each feature counts in units of its spread over the table."""
    if not table:
        return []
    values = np.array([[one.features[name] for name in features] for one in table])
    spread = np.maximum(values.std(axis=0), LEAST_SPREAD)
    scale = dict(zip(features, spread.tolist(), strict=True))
    ranked = sorted(table, key=lambda one: distance(one.features, features, scale))
    distinct: dict[MappingOptions, Recipe] = {}
    for one in ranked:
        distinct.setdefault(one.options, one)
    return [*distinct.values()][:count]
