"""The command that writes a model for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lgncc.cli_options import Answer, Frontend, Level, LossyPrune, MaxDrop, Model, Passes
from lgncc.console import Steps, with_facts
from lgncc.facts import GivenFacts


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(export)


@with_facts
def export(
    model: Model,
    given: GivenFacts,
    out: Annotated[Path, typer.Option(help="File to write.")],
    format: Annotated[
        Literal["verilog", "rtlil", "blif", "aiger", "c", "npz"],
        typer.Option(help="verilog, rtlil: the core; blif: LUTs; aiger: gates; c, npz: the model."),
    ],
    level: Level = 2,
    passes: Passes = None,
    verify: Annotated[
        Literal["none", "fast"], typer.Option(help="none: do not prove the passes.")
    ] = "fast",
    dump_after: Annotated[
        str | None, typer.Option(help="Print the netlist after each run of this pass.")
    ] = None,
    lut: Annotated[Literal["4", "6"], typer.Option(help="Inputs of a LUT, at -O 2.")] = "4",
    levels: Annotated[
        int, typer.Option(min=1, help="LUTs between two registers of the core, at -O 2.")
    ] = 20,
    lossy_prune: LossyPrune = False,
    max_drop: MaxDrop = None,
    data: Annotated[
        Path | None, typer.Option(help="NPZ with x and y: what --lossy-prune judges by.")
    ] = None,
    answer: Answer = "each-step",
    sequences: Annotated[
        int, typer.Option(min=1, help="Sequences that take turns in a core with state, at -O 2.")
    ] = 1,
    frontend: Frontend = None,
) -> None:
    """Optimize a checkpoint and write it for another tool."""
    from lgncc.emit.export import export_model
    from lgncc.hw.sequence import Sequencing
    from lgncc.passes.lossy import allowed_drop

    with Steps() as steps:
        exported = export_model(
            model,
            out,
            format,
            given=given,
            frontend=frontend,
            level=level,
            passes=passes,
            prove=verify != "none",
            dump_after=dump_after,
            lut=6 if lut == "6" else 4,
            levels=levels,
            data=data,
            max_drop=allowed_drop(lossy_prune, max_drop),
            sequencing=Sequencing(answer, sequences),
            notice=steps,
        )
    print(f"{out}: {exported.line()}")
