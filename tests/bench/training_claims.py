"""The claims of three papers, measured side by side: data, width, depth, optimizer the same.

    python tests/bench/training_claims.py [--out build/bench] [--toy]

`light` against `raw` (arXiv 2510.03250: 4x fewer parameters, up to 1.86x faster backward,
8.5x fewer steps), Gumbel noise with straight-through estimates against the plain softmax
(2506.07500: gap -98 %, unused gates -100 %), both with random and with residual
initialization, and our step time against torchlogix's. Prints and writes Markdown and JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from step_time import best_times, torchlogix_network

from lgncc import nn
from lgncc.nn import recipes
from lgncc.nn.inputs import Threshold
from lgncc.nn.training import accuracy, deterministic
from lgncc.nn.training_report import layer_reports

KINDS = ("raw", "light")
INITS = ("random", "residual")
CERTAIN = 0.9
"""A gate is decided where its likeliest truth table has at least this probability."""


@dataclass(frozen=True)
class Setting:
    """Adam at `rate`; accuracy every `every` of `steps`. `train` and `test` samples at most."""

    data: str
    depth: int
    width: int
    steps: int
    tau: float
    train: int = 10_000
    test: int = 2_000
    every: int = 25
    batch: int = 128
    rate: float = 0.01
    seed: int = 0


FULL = (
    Setting("digits", depth=6, width=1000, steps=600, tau=5.0),
    Setting("mnist16", depth=6, width=1000, steps=600, tau=5.0),
)
TOY = (Setting("digits", depth=3, width=140, steps=6, tau=1.0, train=64, test=32, every=2),)


@dataclass(frozen=True)
class Measured:
    """After training: shares of the test samples, and of the gates.

    unused: no output depends on them. undecided: below CERTAIN still.
    curve: (step, soft, discrete) as training went.
    """

    kind: str
    gumbel: bool
    init: str
    parameters: int
    soft: float
    discrete: float
    unused: float
    undecided: float
    seconds: float
    curve: list[tuple[int, float, float]]

    @property
    def best(self) -> float:
        return max(discrete for _, _, discrete in self.curve)

    def steps_to(self, discrete: float) -> int:
        return next(step for step, _, found in self.curve if found >= discrete)


Bits = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def data(setting: Setting) -> Bits:
    """Training and test bits (n, F) with their labels: the recipe's, behind its encoder."""
    recipe = recipes.recipe(setting.data)
    split = recipe.split()
    encode: torch.nn.Module = Threshold(256, 0, recipes.BITS)
    if setting.data == "digits":
        encode = recipe.network(split, recipe.widths, torch.Generator())[0]
    train, test = slice(setting.train), slice(setting.test)
    return (
        encode(split.train_x[train]),
        split.train_y[train],
        encode(split.test_x[test]),
        split.test_y[test],
    )


def network(setting: Setting, features: int, kind: str, init: str) -> torch.nn.Sequential:
    """The same wires for every kind, and so another stream for the weights."""
    draws, weights = (torch.Generator().manual_seed(setting.seed + part) for part in (0, 1))
    layers: list[torch.nn.Module] = []
    for _ in range(setting.depth):
        wires = nn.wiring.wire("random", features, setting.width, draws)
        options = {"parametrization": kind, "init": init, "wiring": wires}
        layers.append(nn.LogicDense(features, setting.width, generator=weights, **options))
        features = setting.width
    return torch.nn.Sequential(*layers, nn.GroupSum(10, setting.tau))


def trained(setting: Setting, bits: Bits, kind: str, init: str, gumbel: bool) -> Measured:
    train_x, train_y, test_x, test_y = bits
    model = network(setting, train_x.shape[1], kind, init)
    optimizer = torch.optim.Adam(model.parameters(), lr=setting.rate)
    draws = torch.Generator().manual_seed(setting.seed)
    torch.manual_seed(setting.seed)  # of the Gumbel noise
    curve, seconds = [], 0.0
    for step in range(1, setting.steps + 1):
        batch = torch.randint(len(train_x), (setting.batch,), generator=draws)
        started = time.process_time()
        set_gumbel(model, gumbel)
        loss = torch.nn.functional.cross_entropy(model.train()(train_x[batch]), train_y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds += time.process_time() - started
        if step % setting.every == 0 or step == setting.steps:
            set_gumbel(model, False)  # the soft network is the expectation, not a draw
            soft = accuracy(model.train(), test_x, test_y)
            curve.append((step, soft, accuracy(model.eval(), test_x, test_y)))
    gates = setting.depth * setting.width
    unused = sum(layer.unused for layer in layer_reports(model)) / gates
    undecided = float(torch.cat([likeliest(layer) for layer in model[:-1]]).lt(CERTAIN).sum())
    parameters = sum(weights.numel() for weights in model.parameters())
    _, soft, discrete = curve[-1]
    return Measured(
        kind, gumbel, init, parameters, soft, discrete, unused, undecided / gates, seconds, curve
    )


def set_gumbel(model: torch.nn.Sequential, gumbel: bool) -> None:
    for layer in model[:-1]:
        layer.sampling = replace(layer.sampling, gumbel=gumbel)


def likeliest(layer: nn.LogicDense) -> torch.Tensor:
    """The probability (out,) of each gate's likeliest truth table."""
    weights = layer.weights.detach()
    if layer.parametrization == "raw":
        return weights.softmax(1).amax(1)
    rows = weights.sigmoid()
    return torch.maximum(rows, 1 - rows).prod(1)


def step_times(setting: Setting, features: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Processor milliseconds, forward and backward, turn by turn; the best of `rounds`."""
    sizes = [(features, setting.width), *[(setting.width,) * 2] * (setting.depth - 1)]
    models = {}
    for kind in KINDS:
        models[kind] = network(setting, features, kind, "residual")
        models[f"{kind}, torchlogix"] = torchlogix_network(kind, 2, sizes)
    return best_times(models, features, rounds)


def run(
    settings: tuple[Setting, ...], rounds: int, say: Callable[[str], None]
) -> tuple[str, list[dict[str, object]]]:
    """The report as Markdown, and the same in plain values."""
    lines, records = [], []
    for setting in settings:
        bits = data(setting)
        times = step_times(setting, bits[0].shape[1], rounds)
        found = []
        with deterministic():
            for init in INITS:
                for kind in KINDS:
                    for gumbel in (False, True):
                        found.append(trained(setting, bits, kind, init, gumbel))
                        say(f"{setting.data}: {row(found[-1])}")
        lines += section(setting, bits, times, found)
        runs = [asdict(one) for one in found]
        records.append({"setting": asdict(setting), "step_ms": times, "runs": runs})
    return "\n".join(lines) + "\n", records


def row(one: Measured) -> str:
    name = f"{one.kind}{', Gumbel' if one.gumbel else ''} | {one.init}"
    shares = (one.soft, one.discrete, one.best, one.unused, one.undecided)
    shown = " | ".join(f"{share:.1%}" for share in shares)
    return f"| {name} | {shown} | {100 * (one.soft - one.discrete):+.1f} | {one.seconds:.0f} |"


def section(
    setting: Setting, bits: Bits, times: dict[str, tuple[float, float]], found: list[Measured]
) -> list[str]:
    """Tables of one setting, then what the claims come to."""
    by = {(one.kind, one.init, one.gumbel): one for one in found}
    lines = [
        f"### {setting.data}: {setting.depth} layers of {setting.width:,} gates",
        "",
        f"{len(bits[0]):,} samples to train, {len(bits[2]):,} to test, {bits[0].shape[1]} bits; "
        f"{setting.steps} steps of Adam at {setting.rate}, batches of {setting.batch}, "
        f"tau {setting.tau:g}, temperature 1, seed {setting.seed}.",
        "",
        "| | init | soft | discrete | best discrete | unused | undecided | gap, points | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(row, found),
        "",
        "| step, ms of processor | forward | backward |",
        "| --- | --- | --- |",
        *(f"| {name} | {f:.1f} | {b:.1f} |" for name, (f, b) in times.items()),
        "",
    ]
    fewer = by["raw", "random", False].parameters / by["light", "random", False].parameters
    ratios = [one / other for one, other in zip(times["raw"], times["light"], strict=True)]
    lines.append(
        f"- light has {fewer:.0f}x fewer parameters than raw; forward {ratios[0]:.2f}x, "
        f"backward {ratios[1]:.2f}x as fast."
    )
    for kind in KINDS:
        ratio = sum(times[f"{kind}, torchlogix"]) / sum(times[kind])
        lines.append(f"- {kind}: a step of torchlogix takes {ratio:.1f}x as long as ours.")
    for init in INITS:
        raw, light = by["raw", init, False], by["light", init, False]
        same = min(raw.best, light.best)
        lines.append(
            f"- {init} initialization: {same:.1%} discrete after {raw.steps_to(same)} steps of "
            f"raw, {light.steps_to(same)} of light."
        )
        for kind in KINDS:
            plain, noisy = by[kind, init, False], by[kind, init, True]
            lines.append(
                f"- {init} initialization, {kind}: Gumbel noise changes the gap from "
                f"{100 * (plain.soft - plain.discrete):+.1f} to "
                f"{100 * (noisy.soft - noisy.discrete):+.1f} points, unused gates from "
                f"{plain.unused:.1%} to {noisy.unused:.1%}, undecided ones from "
                f"{plain.undecided:.1%} to {noisy.undecided:.1%}."
            )
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--toy", action="store_true", help="seconds, to see that it runs")
    given = parser.parse_args()
    settings, rounds = (TOY, 2) if given.toy else (FULL, 20)
    report, records = run(settings, rounds, lambda line: print(line, file=sys.stderr, flush=True))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "training_claims.md").write_text(report)
    (given.out / "training_claims.json").write_text(json.dumps(records, indent=1) + "\n")
    print(report)


if __name__ == "__main__":
    main()
