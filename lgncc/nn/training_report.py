"""What a training leaves beside its model: MODEL.report.json and MODEL.report.png."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lgncc.errors import EnvironmentLacksError
from lgncc.gates import GATES
from lgncc.nn.training_plan import Progress
from lgncc.nn.usage import layer_usages
from lgncc.storage import replacing

FORMAT = 1


@dataclass(frozen=True)
class LayerReport:
    """Of the discrete network. unused: gates that no output of the network depends on.

    name: as of `LayerUsage`. functions: gates by name for two inputs ("a and b"), else by
    how many inputs they depend on ("3 of 4 inputs").
    """

    name: str
    gates: int
    unused: int
    functions: dict[str, int]


def layer_reports(model: torch.nn.Sequential) -> list[LayerReport]:
    """One for each layer of gates, as `layer_usages` finds them."""
    return [
        LayerReport(
            layer.name,
            len(layer.used),
            int((~layer.used).sum()),
            _functions(layer.rows, layer.reads),
        )
        for layer in layer_usages(model)
    ]


def _functions(rows: npt.NDArray[np.bool_], depends: npt.NDArray[np.bool_]) -> dict[str, int]:
    arity = len(depends)
    if arity == 2:
        names = [gate.name for gate in GATES]
        kinds = rows @ (1 << np.arange(4))
    else:
        names = [f"{count} of {arity} inputs" for count in range(arity + 1)]
        kinds = depends.sum(axis=0)
    counts = np.bincount(kinds, minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def report_paths(model: Path) -> tuple[Path, Path]:
    """The JSON and the PNG of `model`."""
    return model.with_name(f"{model.name}.report.json"), model.with_name(f"{model.name}.report.png")


def write_report(
    path: Path, facts: dict[str, Any], history: list[Progress], model: torch.nn.Sequential
) -> tuple[Path, Path]:
    """Write both files beside `path`. Raises EnvironmentLacksError without matplotlib."""
    data, picture = report_paths(path)
    layers = layer_reports(model)
    curves = [{**asdict(one), "gap": one.accuracy_soft - one.accuracy_discrete} for one in history]
    content = {
        "format": FORMAT,
        **facts,
        "layers": [asdict(layer) for layer in layers],
        "curves": curves,
    }
    with replacing(data) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
    _draw(picture, history, layers)
    return data, picture


def require_matplotlib() -> None:
    """Raise EnvironmentLacksError where it is missing: before the training, not after it."""
    if find_spec("matplotlib") is None:
        raise EnvironmentLacksError(
            "matplotlib draws the curves of the training report and is not installed: "
            "pip install 'lgncc[train]'"
        )


def _draw(path: Path, history: list[Progress], layers: list[LayerReport]) -> None:
    # Figure, not pyplot: no window system, no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6 + 2.5 * len(layers)), layout="constrained")
    curves, gap, *histograms = figure.subplots(
        2 + len(layers), 1, gridspec_kw={"height_ratios": [3, 1.5] + [2] * len(layers)}
    )
    epochs = [one.epoch for one in history]
    soft = np.array([one.accuracy_soft for one in history])
    discrete = np.array([one.accuracy_discrete for one in history])
    part = history[0].part if history else "test"
    curves.plot(epochs, 100 * soft, label="soft, as trained")
    curves.plot(epochs, 100 * discrete, label="discrete, as built")
    curves.set(ylabel=f"{part} accuracy, %")
    curves.legend(loc="lower right")
    gap.plot(epochs, 100 * (soft - discrete), color="black")
    gap.axhline(0, color="grey", linewidth=0.5)
    gap.set(xlabel="epoch", ylabel="gap, points")
    for axes, layer in zip(histograms, layers, strict=True):
        axes.bar(list(layer.functions), list(layer.functions.values()))
        axes.tick_params(axis="x", rotation=30)
        axes.set(title=f"{layer.name}: {layer.gates:,} gates, {layer.unused:,} unused")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
