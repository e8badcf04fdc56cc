"""The commands that have to do with a board: run, simboard, program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lgncc.cli_options import BuildDir, Json
from lgncc.console import Steps, existing, stderr, stdout

SIMULATED = "sim"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (run, simboard, program):
        app.command()(command)


def run(
    build_dir: BuildDir,
    data: Annotated[Path, typer.Option(help="NPZ with x and optionally y, as for eval.")],
    port: Annotated[
        str | None,
        typer.Option(
            envvar="LGNCC_PORT",
            help="Serial port; `sim` simulates the board. Default: the board is looked for.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the board's answers: .npz or .csv.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Stream samples through a board and compare its answers.

    They are compared with those of the golden model.
    """
    from contextlib import ExitStack

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
    from rich.text import Text

    from lgncc.dataset import load_data
    from lgncc.host.board import open_board
    from lgncc.host.run import require_format, run_data

    class Speed(ProgressColumn):
        def render(self, task: object) -> Text:
            return Text(f"{getattr(task, 'speed', None) or 0:,.0f} samples/s")

    if out is not None:
        require_format(out)
    samples, folder = load_data(data), existing(build_dir)
    with ExitStack() as stack:
        if port == SIMULATED:
            from lgncc.sim.simboard import running

            with Steps() as steps:
                steps("compile the board for Verilator")
                port = stack.enter_context(running(folder)).port
        board = stack.enter_context(open_board(folder, port, stderr.print))
        columns = (TextColumn(board.client.path), BarColumn(), MofNCompleteColumn(), Speed())
        bar = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        total = samples.x.size // samples.x.shape[-1] if samples.x.ndim == 3 else len(samples.x)
        task = stack.enter_context(bar).add_task("", total=total)
        report = run_data(board, samples, out, lambda done: bar.update(task, completed=done))
    if as_json:
        print(report.to_json())
    else:
        stdout.print("\n".join(report.lines()), soft_wrap=True)


def simboard(
    build_dir: BuildDir,
    link: Annotated[
        Path | None, typer.Option(help="A name for the port that stays the same.")
    ] = None,
    corrupt: Annotated[float, typer.Option(help="Share of bytes that change on the line.")] = 0.0,
    drop: Annotated[float, typer.Option(help="Share of bytes that are lost.")] = 0.0,
    duplicate: Annotated[float, typer.Option(help="Share of bytes that come twice.")] = 0.0,
    swap: Annotated[float, typer.Option(help="Share of bytes that overtake the next.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the faults.")] = 0,
) -> None:
    """Simulate a build's board behind a serial port of its own.

    Its top level runs in Verilator, behind a pseudo-terminal, until interrupted.
    """
    from lgncc.host.build import load_build
    from lgncc.sim.simboard import LineFaults, become, build_simboard, command

    faults = LineFaults(corrupt, drop, duplicate, swap, seed)
    build = load_build(existing(build_dir))
    with Steps() as steps:
        steps("compile the board for Verilator")
        argv = command(build_simboard(build), build, faults, link)
    become(argv)


def program(
    build_dir: BuildDir,
    board: Annotated[
        str | None, typer.Option(help="Name or file of the board, if not the build's.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Which of several: the serial number or BUS:DEVICE.")
    ] = None,
) -> None:
    """Load a build's bitstream with the board's own programmer."""
    from lgncc.flow.program import program_board

    with Steps() as steps:
        said = program_board(existing(build_dir), board, device, steps)
    print(said)
