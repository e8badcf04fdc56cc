"""The command line: each command parses, calls one function and prints its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from lgncc import cli_board, cli_export
from lgncc.cli_options import (
    Answer,
    BuildDir,
    Frontend,
    Json,
    Level,
    LossyPrune,
    MaxDrop,
    Model,
    Passes,
)
from lgncc.cli_search import (
    Budget,
    Candidates,
    Dask,
    MaxLevels,
    SearchJournal,
    search_settings,
)
from lgncc.console import Steps, existing, run, stdout, with_facts
from lgncc.facts import GivenFacts

app = typer.Typer(
    help="Compile trained logic-gate networks to verified bitstreams on open FPGAs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command("compile")
@with_facts
def compile_(
    model: Model,
    board: Annotated[str, typer.Option(help="Name of a board, or a board file (.toml).")],
    given: GivenFacts,
    out: Annotated[
        Path | None, typer.Option(help="Build folder. Default: build/MODEL-BOARD")
    ] = None,
    level: Level = 2,
    passes: Passes = None,
    arch: Annotated[
        Literal["auto", "spatial", "pipelined", "class-serial", "folded"],
        typer.Option(help="Architecture of the core; auto chooses what fits and serves best."),
    ] = "auto",
    optimize: Annotated[
        Literal["latency", "throughput", "area"], typer.Option(help="What --arch auto looks at.")
    ] = "latency",
    freq: Annotated[
        str | None, typer.Option(help="MHz of the PLL, or max. Default: the board's own clock")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of place and route, and of -O 3.")] = 1,
    data: Annotated[Path | None, typer.Option(help="NPZ with x and y: report accuracy.")] = None,
    verify: Annotated[
        Literal["none", "fast", "full"], typer.Option(help="full adds RTL simulation.")
    ] = "fast",
    lossy_prune: LossyPrune = False,
    max_drop: MaxDrop = None,
    answer: Answer = "each-step",
    budget: Budget = None,
    candidates: Candidates = None,
    max_levels: MaxLevels = None,
    dask: Dask = None,
    search_journal: SearchJournal = None,
    as_json: Json = False,
    frontend: Frontend = None,
) -> None:
    """Compile a checkpoint to a verified bitstream."""
    from lgncc.compiler import Options, compile_model
    from lgncc.fastest import clock_of
    from lgncc.passes.lossy import allowed_drop
    from lgncc.report.terminal import render

    folder = out or Path("build", f"{model.stem}-{Path(board).stem}")
    options = Options(
        board=board,
        out=folder,
        level=level,
        passes=passes,
        freq_mhz=clock_of(freq),
        architecture=None if arch == "auto" else arch,
        optimize=optimize,
        seed=seed,
        data=data,
        verify=verify,
        max_drop=allowed_drop(lossy_prune, max_drop),
        answering=answer,
        search=search_settings(level, seed, budget, candidates, max_levels, dask, search_journal),
    )
    with Steps() as steps:
        report = compile_model(model, options, given, frontend, steps)
    if as_json:
        print(report.to_json())
    else:
        stdout.print(render(report.to_dict()))
    report.require_timing()


@app.command()
@with_facts
def inspect(
    model: Model, given: GivenFacts, as_json: Json = False, frontend: Frontend = None
) -> None:
    """Say what a checkpoint holds, and how each fact is known."""
    from lgncc.frontends import load
    from lgncc.report.inspection import inspect_model

    inspection = inspect_model(load(model, given, frontend))
    print(inspection.to_json() if as_json else "\n".join(inspection.lines()))


@app.command("eval")
@with_facts
def eval_(
    model: Model,
    data: Annotated[Path, typer.Option(help="NPZ with x (n, features) and optionally y (n,).")],
    given: GivenFacts,
    out: Annotated[Path | None, typer.Option(help="Write predictions to this NPZ.")] = None,
    as_json: Json = False,
    frontend: Frontend = None,
) -> None:
    """Answer samples with the golden model, without a board.

    With labels, its accuracy is reported.
    """
    from lgncc.dataset import load_data
    from lgncc.frontends import load
    from lgncc.report.evaluation import evaluate
    from lgncc.storage import require_writable

    require_writable(out)
    evaluation = evaluate(load(model, given, frontend), load_data(data))
    if out:
        evaluation.save(out)
    print(evaluation.to_json() if as_json else "\n".join(evaluation.lines()))


@app.command()
def verify(
    build_dir: BuildDir,
    rung: Annotated[
        str | None, typer.Option(help="Only this one; a wrong name lists them.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="NPZ with x: simulate these samples too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Climb the verification ladder of a finished build."""
    from lgncc.dataset import load_data
    from lgncc.report.terminal import render_ladder
    from lgncc.verify.ladder import climb

    with Steps() as steps:
        rungs = climb(existing(build_dir), rung, load_data(data) if data else None, steps)
    results = [vars(one) for one in rungs]
    if as_json:
        print(json.dumps(results, indent=1))
    else:
        stdout.print(render_ladder(results))


@app.command()
def report(build_dir: BuildDir, as_json: Json = False) -> None:
    """Show the report of a finished build again."""
    from lgncc.report.build_report import read_report
    from lgncc.report.terminal import render

    found = read_report(existing(build_dir))
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        stdout.print(render(found))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A name; a wrong one lists them all.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the wiring and the training.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue what an interrupt left.")
    ] = False,
    max_cells: Annotated[
        int | None, typer.Option(help="Logic cells that the compiled network may need.")
    ] = None,
    test_data: Annotated[
        Path | None, typer.Option(help="Also write the held-out samples, as .npz.")
    ] = None,
) -> None:
    """Train a network that compiles."""
    from lgncc.nn.train_recipe import TrainOptions, train_recipe

    options = TrainOptions(
        seed=seed,
        epochs=epochs,
        time_limit=time_limit,
        resume=resume,
        max_cells=max_cells,
        test_data=test_data,
    )
    print("\n".join(train_recipe(recipe, out, options).lines()))


@app.command()
def boards(as_json: Json = False) -> None:
    """List the boards that lgncc builds for."""
    from lgncc.boards import list_boards, load_board

    known = [load_board(name) for name in list_boards()]
    if as_json:
        rows = [
            {"name": b.name, "title": b.title, "part": f"{b.family} {b.part}", "url": b.url}
            for b in known
        ]
        print(json.dumps(rows, indent=1))
        return
    for b in known:
        cells = b.capacity[b.logic_cells]
        print(f"{b.name:16} {b.title}, {b.family} {b.part}, {cells:,} logic cells, {b.url}")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say which tool comes from where, and what is missing."""
    from lgncc.flow import tools

    with Steps() as steps:
        steps("looking for tools")
        rows = tools.doctor()
    if as_json:
        from dataclasses import asdict

        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        for row in rows:
            mark = "ok" if row.found else "optional" if row.optional else "MISSING"
            print(f"{mark:8} {row.tool:16} {row.version:20} {row.source}")
            if not row.found:
                print(f"{'':8} {'':16} needed for {row.needed_for}: {row.fix}")
    if any(not row.found and not row.optional for row in rows):
        raise typer.Exit(3)


cli_export.register(app)
cli_board.register(app)


def main() -> None:
    """Entry point of the `lgncc` command."""
    run(app)
