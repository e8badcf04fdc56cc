"""A build report as people read it on a terminal. Takes the plain dict of report.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lgncc.report.build_report import LossySection
from lgncc.report.search import SearchSection
from lgncc.wording import counted

BAR_WIDTH = 24
RESULT_STYLE = {"proved": "green", "tested": "green", "refuted": "bold red", "skipped": "yellow"}


def render(report: Mapping[str, Any]) -> Group:
    """The whole report, a section after the other."""
    return Group(
        _summary(report),
        Text(),
        _utilization(report),
        Text(),
        _breakdown(report),
        Text(),
        _ladder(report["verification"]),
        Text(),
        _artifacts(report),
    )


def _grid(*rows: tuple[RenderableType, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for row in rows:
        grid.add_row(*row)
    return grid


def _summary(report: Mapping[str, Any]) -> Table:
    model, netlist, arch = report["model"], report["netlist"], report["arch"]
    latency, throughput = report["latency_us"], report["throughput_samples_per_s"]
    rows: list[tuple[RenderableType, ...]] = [
        ("model", f"{model['path']} ({model['frontend']})"),
        ("board", f"{report['board']['name']} ({report['board']['part']})"),
        (
            "network",
            f"{counted(netlist['gates_in'], 'gate')} read, {netlist['gates_out']:,} after passes, "
            f"{counted(netlist['levels'], 'level')}; "
            f"{counted(netlist['luts'], 'LUT')} in the whole design",
        ),
        *_lossy(report),
        ("architecture", f"{arch['name']}: {arch['reason']}"),
        *_search(report),
    ]
    for clock, timing in report["timing"].items():
        verdict = Text("met", "green") if timing["met"] else Text("MISSED", "bold red")
        rows.append(
            (
                f"clock {clock}",
                Text.assemble(
                    f"Fmax {timing['fmax_mhz']:.1f} MHz, target {timing['target_mhz']:.1f} MHz: ",
                    verdict,
                ),
            )
        )
    rows += [
        (
            "latency",
            f"core {latency['core']:.2f} µs ({counted(arch['latency_cycles'], 'cycle')}), "
            f"link {latency['link']:,.0f} µs",
        ),
        (
            "throughput",
            f"core {throughput['core']:,.0f} samples/s, link {throughput['link']:,.0f} samples/s",
        ),
    ]
    if report["accuracy"]:
        accuracy = report["accuracy"]
        rows.append(
            (
                "accuracy",
                f"{accuracy['golden']:.2%} of {counted(accuracy['samples'], 'sample')} "
                f"({accuracy['data']})",
            )
        )
    return _grid(*rows)


def _lossy(report: Mapping[str, Any]) -> list[tuple[RenderableType, ...]]:
    """What was given up, where something was: reports of before have no such key."""
    if not report.get("lossy"):
        return []
    line = LossySection(**report["lossy"]).line()
    return [(Text("LOSSY", "bold red"), f"{line}; not part of any proof")]


def _search(report: Mapping[str, Any]) -> list[tuple[RenderableType, ...]]:
    found = report.get("search")
    return [("search", SearchSection.from_dict(found).line())] if found else []


def _bar(share: float) -> ProgressBar:
    style = "red" if share > 1 else "yellow" if share > 0.85 else "green"
    return ProgressBar(
        total=1.0, completed=min(share, 1.0), width=BAR_WIDTH, complete_style=style,
        finished_style=style,
    )  # fmt: skip


def _utilization(report: Mapping[str, Any]) -> Table:
    rows = [
        (name, _bar(use["used"] / use["available"]), f"{use['used']:,} of {use['available']:,}")
        for name, use in report["utilization"].items()
        if use["used"] and use["available"]
    ]
    return _grid(("utilization", "", ""), *rows)


def _breakdown(report: Mapping[str, Any]) -> Table:
    total = sum(report["breakdown"].values()) or 1
    rows = [
        (part, _bar(cells / total), f"{cells:,}") for part, cells in report["breakdown"].items()
    ]
    return _grid(("logic cells", "", ""), *rows)


def _ladder(rungs: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            rung["rung"],
            Text(rung["result"], RESULT_STYLE[rung["result"]]),
            rung["detail"],
            f"{rung['seconds']:.1f} s",
        )
        for rung in rungs
    ]
    return _grid(("verification", "", "", ""), *rows)


def _artifacts(report: Mapping[str, Any]) -> Table:
    return _grid(("files", ""), *report["artifacts"].items())


def render_ladder(rungs: Sequence[Mapping[str, Any]]) -> Table:
    """The verification ladder alone, for `lgncc verify`."""
    return _ladder(rungs)
