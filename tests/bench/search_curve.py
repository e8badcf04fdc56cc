"""What -O3 gains over -O2, over time: docs/explanation/search.svg and the table of search.md.

    python tests/bench/search_curve.py [--budget S] [--networks ...] [--out FOLDER]

Each network is searched twice from the same seed: with the shipped recipes of all other networks,
as a network that the table does not know would be, and with none. The time counts from the moment
at which -O2's design is known, on all cores of this machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from results import machine, write_json
from search_recipes import searched_model

from lgncc.search.candidate import Task
from lgncc.search.recipes import shipped_recipes
from lgncc.search.search import Settings, search

NETWORKS = ("digits", "mnist16", "tt10", "random-4000")
DOCS = Path("docs/explanation")
BEGIN, END = "<!-- curve begins -->", "<!-- curve ends -->"


def measure(name, budget_s, seed):
    """A dict for each of the two searches; `curve`: seconds and cells."""
    task = Task(searched_model(name))
    others = [one for one in shipped_recipes() if one.network != name]
    rows = []
    for start, recipes in (("recipes of others", others), ("no recipes", ())):
        found = search(task, Settings(budget_s=budget_s, seed=seed, recipes=recipes), notice=print)
        first, best = found.records[0], found.best
        rows.append(
            {
                "network": name,
                "start": start,
                "candidates": len(found.records),
                "cells": [first.evaluation.cells, best.evaluation.cells],
                "levels": [first.evaluation.levels, best.evaluation.levels],
                "curve": [[round(s - first.at_s, 1), cells] for s, cells in found.over_time],
            }
        )
        print(rows[-1])
    return rows


def gain(row, seconds):
    """Percent fewer cells than -O2 after so many seconds."""
    first = row["cells"][0]
    return 100 * (1 - min(cells for s, cells in row["curve"] if s <= seconds) / first)


def table(rows, budget_s):
    times = [s for s in (5, 15, 30, 60, 120, 240, 600) if s <= budget_s]
    lines = [
        "| network | start | LUTs: -O2 | -O3 | levels | candidates | "
        + " | ".join(f"{s} s" for s in times)
        + " |",
        "| --- | --- |" + " --- |" * (4 + len(times)),
    ]
    for row in rows:
        (before, after), levels = row["cells"], " to ".join(map(str, row["levels"]))
        gains = " | ".join(f"{gain(row, s):.2f} %" for s in times)
        lines.append(
            f"| {row['network']} | {row['start']} | {before:,} | {after:,} | {levels} | "
            f"{row['candidates']} | {gains} |"
        )
    return "\n".join(lines)


def plot(rows, budget_s, path):
    figure, axes = plt.subplots(figsize=(7, 4))
    names = list(dict.fromkeys(row["network"] for row in rows))
    for row in rows:
        seconds = [s for s, _ in row["curve"]] + [budget_s]
        gains = [gain(row, s) for s in seconds]
        held_out = row["start"] != "no recipes"
        axes.step(
            seconds,
            gains,
            where="post",
            color=f"C{names.index(row['network'])}",
            linestyle="-" if held_out else ":",
            label=f"{row['network']}, {row['start']}",
        )
    axes.set(xlabel="seconds of searching", ylabel="fewer LUTs than -O2 (%)", ylim=(0, None))
    axes.legend(fontsize=7)
    figure.tight_layout()
    plt.rcParams["svg.hashsalt"] = "lgncc"
    figure.savefig(path, metadata={"Date": None})


def write(rows, budget_s, folder, json_path):
    """The plot, the JSON, and the table into its place in the page."""
    plot(rows, budget_s, folder / "search.svg")
    write_json(json_path, search=rows)
    page = folder / "search.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    cores, load = machine()["cores"], machine()["load"]
    where = f"{cores} cores, with a load of {load:.0f} on them, mostly of other work:"
    page.write_text(
        before + "\n".join([BEGIN, "", where, "", table(rows, budget_s), "", END]) + after
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=DOCS)
    parser.add_argument("--json", type=Path, default=Path("build/search.json"))
    arguments = parser.parse_args()
    rows = []
    for name in arguments.networks:
        rows += measure(name, arguments.budget, arguments.seed)
        write(rows, arguments.budget, arguments.out, arguments.json)


if __name__ == "__main__":
    main()
