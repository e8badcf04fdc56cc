"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[Path, typer.Argument(help="Checkpoint; the family is detected by its content.")]
Frontend = Annotated[str | None, typer.Option(help="Reader to use instead of detection.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly the JSON result on stdout.")]
Level = Annotated[
    int, typer.Option("-O", help="Optimization level: 0 none, 1 numpy passes, 2 LUTs, 3 searches.")
]
Passes = Annotated[str | None, typer.Option(help="Passes to run instead of -O: fold,strash,dead.")]
LossyPrune = Annotated[
    bool, typer.Option("--lossy-prune", help="Drop what hardly matters on --data: loses accuracy.")
]
MaxDrop = Annotated[
    float | None, typer.Option(help="Percentage points that --lossy-prune may cost. Default: 0")
]
BuildDir = Annotated[Path, typer.Argument(help="Folder of a finished `lgncc compile`.")]
Answer = Annotated[
    Literal["each-step", "last-step"],
    typer.Option(help="Of a network with state: when the core answers a sequence."),
]
