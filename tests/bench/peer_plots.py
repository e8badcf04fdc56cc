"""Plots of a comparison with peers."""

from __future__ import annotations

import numpy as np


def plots(folder, size_rows, speed_rows):
    """LUT4s as shares of torchlogix raw, over the gates, and speed-ups, a bar a tool."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    if size_rows:
        figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
        plot_sizes(axes, size_rows)
        figure.savefig(folder / "peers-size.svg", metadata={"Date": None})
        pyplot.close(figure)
    if speed_rows:
        figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
        plot_speed(axes, speed_rows)
        figure.savefig(folder / "peers-speed.svg", metadata={"Date": None})
        pyplot.close(figure)


def plot_sizes(axes, rows):
    """A line a flow over random networks, marks without a line for the others."""
    for index, flow in enumerate(dict.fromkeys(row["flow"] for row in rows)):
        mine = [row for row in rows if row["flow"] == flow and row["of torchlogix raw"]]
        mine.sort(key=lambda row: row["gates"])
        for random, style in ((True, "o-"), (False, "D")):
            some = [row for row in mine if row["network"].startswith("random") == random]
            label = flow if random else None
            x, y = ([row[key] for row in some] for key in ("gates", "of torchlogix raw"))
            axes.plot(x, y, style, color=f"C{index}", markersize=5, label=label)
    named = [row for row in rows if not row["network"].startswith("random")]
    for name, gates in dict.fromkeys((row["network"], row["gates"]) for row in named):
        axes.annotate(name, (gates, 1.02), rotation=60, fontsize="x-small")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.3)
    axes.set_xlabel("gates; circles: random networks, diamonds: trained ones")
    axes.set_ylabel("LUT4s, torchlogix raw = 1")
    axes.legend(fontsize="small", loc="lower left")


def plot_speed(axes, rows):
    names = list(dict.fromkeys(row["network"] for row in rows))
    tools = list(dict.fromkeys(row["tool"] for row in rows))
    for index, tool in enumerate(tools):
        found = {r["network"]: r["times as fast"] or 0 for r in rows if r["tool"] == tool}
        at = np.arange(len(names)) + (index - (len(tools) - 1) / 2) * 0.8 / len(tools)
        axes.bar(at, [found.get(name, 0) for name in names], 0.8 / len(tools), label=tool)
    axes.set_xticks(np.arange(len(names)), names)
    axes.set_title("times as fast as torchlogix's defaults")
    axes.set_yscale("log")
    axes.legend(fontsize="small")
