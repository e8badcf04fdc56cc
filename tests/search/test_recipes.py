"""The table of recipes: found by likeness, and the search starts with what it says."""

from dataclasses import replace

import builds
import numpy as np
import pytest

from lgncc.mapping import MappingOptions
from lgncc.search.candidate import Task
from lgncc.search.features import features_of
from lgncc.search.recipes import NEAREST, Recipe, nearest, shipped_recipes
from lgncc.search.search import Settings, search
from lgncc.search.space import KNOBS, SCRIPTS, transferable

SHAPES = {"narrow": (6, 40), "wide": (2, 200), "middle": (3, 100)}


def model(name, seed=1):
    return builds.deep_model(*SHAPES[name], seed=seed)


@pytest.fixture(scope="module")
def table():
    return [
        Recipe(name, features_of(model(name)), MappingOptions(script=script))
        for name, script in zip(SHAPES, SCRIPTS, strict=False)
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_a_network_finds_its_own_recipe_first(table, name):
    assert nearest(table, features_of(model(name)))[0].network == name


@pytest.mark.parametrize("name", SHAPES)
def test_a_network_like_it_finds_its_recipe(table, name):
    assert nearest(table, features_of(model(name, seed=7)))[0].network == name


def test_a_network_like_it_starts_with_its_recipe(table):
    name = "wide"
    task = Task(model(name, seed=7))
    found = search(task, Settings(budget_s=None, candidates=2, workers=1, recipes=table))
    first, second = found.records
    assert first.origin == "-O2"
    assert second.origin == f"recipe of {name}"
    own = next(one for one in table if one.network == name)
    assert replace(second.options, max_levels=None) == own.options


def test_one_recipe_for_many_networks_is_tried_once(table):
    same = [replace(one, options=MappingOptions(plain_every=8)) for one in table]
    assert len(nearest(same, table[0].features)) == 1


def test_without_recipes_nothing_is_near():
    assert nearest((), {"gates": 1.0}) == []


def test_features_of_every_kind_of_model_are_finite():
    for kind in ("class", "bits", "scores"):
        values = features_of(builds.small_model(kind))
        assert np.isfinite(list(values.values())).all()


def test_the_shipped_table_is_one_of_knobs_with_the_features_of_today():
    shipped = shipped_recipes()
    names = features_of(builds.small_model()).keys()
    assert shipped
    for one in shipped:
        assert one.features.keys() == names, "run tests/bench/search_recipes.py"
        assert transferable(one.options, MappingOptions()) == one.options
        assert all(
            getattr(one.options, name) in (*values, None)
            for name, values in KNOBS.items()
            if name in one.options.to_dict()
        )
    assert nearest(shipped, shipped[0].features, NEAREST)[0].options == shipped[0].options
