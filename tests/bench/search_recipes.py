"""Fill lgncc/search/recipes.json: search each network and note what served it best.

    python tests/bench/search_recipes.py [--candidates N] [NETWORK ...]

A network of the table is searched again only if it is named. What is noted is re-measured alone:
the knobs without the choice of terms, which is of no use elsewhere; where they gain nothing over
-O2, the network keeps -O2's, which says that networks like it need no other start.
"""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path

from networks import network

from lgncc.mapping import MappingOptions
from lgncc.passes.inputs import PruneInputs
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.search.candidate import Task, evaluate
from lgncc.search.features import features_of
from lgncc.search.search import Settings, search
from lgncc.search.space import transferable

NETWORKS = (
    "digits", "mnist16", "mnist", "tt10", "random-1000", "random-2000", "random-4000",
    "random-8000", "random-16000", "constants-2000", "constants-8000",
)  # fmt: skip
TABLE = Path(str(resources.files("lgncc.search").joinpath("recipes.json")))


def searched_model(name):
    """As the compiler hands it to the search; None where its file is absent."""
    model = network(name)
    if model is None:
        return None
    return PruneInputs().apply(optimize(model, choose_pipeline(2), prove=False).model)


def recipe(name, candidates, table=()):
    model = searched_model(name)
    if model is None:
        return None
    task = Task(model)
    found = search(
        task, Settings(budget_s=None, candidates=candidates, recipes=table), notice=print
    )
    first, best = found.records[0].evaluation, found.best.evaluation
    # What -O2 chose itself may be part of what helped, or not.
    tried = [transferable(best.pinned, one) for one in (first.pinned, MappingOptions())]
    costs = [evaluate(task, options) for options in tried]
    alone, options = min(
        zip(costs, tried, strict=True), key=lambda one: one[0].rank(found.max_levels)
    )
    helps = alone.pinned is not None and alone.rank(found.max_levels) < first.rank(found.max_levels)
    print(f"{name}: {first.cells} {best.cells} after {len(found.records)}, alone {alone.cells}")
    return {
        "network": name,
        "features": features_of(model),
        "options": (options if helps else MappingOptions()).to_dict(),
        "cells": {"O2": first.cells, "recipe": alone.cells if helps else first.cells},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--candidates", type=int, default=129)
    parser.add_argument("--table", type=Path, default=TABLE)
    arguments = parser.parse_args()
    rows = {row["network"]: row for row in json.loads(arguments.table.read_text())}
    for name in arguments.networks:
        row = recipe(name, arguments.candidates)
        if row is None:
            print(f"{name}: its file is absent")
            continue
        rows[name] = row
        order = sorted(rows.values(), key=lambda row: row["network"])
        arguments.table.write_text(json.dumps(order, indent=1) + "\n")


if __name__ == "__main__":
    main()
