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
from lgncc.nn.layers import LogicDense
from lgncc.nn.training_plan import Progress
from lgncc.storage import replacing

FORMAT = 1


@dataclass(frozen=True)
class LayerReport:
    """Of the discrete network. unused: gates that no output of the network depends on.

    functions: gates by name for two inputs ("a and b"), else by how many inputs they
    depend on ("3 of 4 inputs").
    """

    gates: int
    unused: int
    functions: dict[str, int]


def layer_reports(model: torch.nn.Sequential) -> list[LayerReport]:
    """One for each layer of gates. The first gates of `LogicDense` come first."""
    layers = [layer for layer in model if isinstance(layer, LogicDense)]
    rows = [_rows(layer) for layer in layers]
    depends = [dependence(table) for table in rows]
    used = [np.ones(len(rows[-1]), np.bool_)]
    for layer, reads in zip(layers[:0:-1], depends[:0:-1], strict=True):
        wires = layer.wires().numpy()
        needed = np.zeros(layer.in_features, np.bool_)
        needed[wires[reads & used[0]]] = True
        used.insert(0, needed)
    return [
        LayerReport(len(table), int((~kept).sum()), _functions(table, reads))
        for table, kept, reads in zip(rows, used, depends, strict=True)
    ]


def dependence(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Of tables bool (n, 2**k): bool (k, n), whether gate n's output changes with fanin k."""
    size = rows.shape[1]
    index = np.arange(size)
    fanins = range(size.bit_length() - 1)
    return np.stack([(rows != rows[:, index ^ (1 << fanin)]).any(axis=1) for fanin in fanins])


def _rows(layer: LogicDense) -> npt.NDArray[np.bool_]:
    tables = layer.tables().numpy()
    rows: npt.NDArray[np.bool_] = (tables[:, None] >> np.arange(1 << layer.arity) & 1) > 0
    return rows


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
    for number, (axes, layer) in enumerate(zip(histograms, layers, strict=True), 1):
        axes.bar(list(layer.functions), list(layer.functions.values()))
        axes.tick_params(axis="x", rotation=30)
        axes.set(title=f"layer {number}: {layer.gates:,} gates, {layer.unused:,} unused")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
