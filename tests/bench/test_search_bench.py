"""The benchmarks of the search run, at toy size."""

import json

import pytest
import search_curve
import search_recipes

from lgncc.search.features import features_of


def test_a_recipe_is_of_the_network_and_no_worse_than_level_2():
    row = search_recipes.recipe("random-200", candidates=4)
    assert row["features"] == features_of(search_recipes.searched_model("random-200"))
    assert row["cells"]["recipe"] <= row["cells"]["O2"]


def test_the_curve_becomes_a_table_and_a_plot(tmp_path):
    page = tmp_path / "search.md"
    page.write_text(f"above\n{search_curve.BEGIN}\nold\n{search_curve.END}\nbelow\n")
    rows = search_curve.measure("random-200", 2.0, seed=1)
    assert [row["start"] for row in rows] == ["recipes of others", "no recipes"]
    search_curve.write(rows, 2.0, tmp_path, tmp_path / "search.json")
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old" not in text
    assert "| random-200 | no recipes |" in text
    assert json.loads((tmp_path / "search.json").read_text())["search"] == rows
    assert (tmp_path / "search.svg").stat().st_size > 1000


def test_the_gain_is_what_was_found_by_then():
    row = {"cells": [200, 190], "curve": [[0.0, 200], [2.0, 195], [9.0, 190]]}
    assert [search_curve.gain(row, s) for s in (1, 2, 10)] == pytest.approx([0, 2.5, 5])
