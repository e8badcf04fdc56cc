# amaranth: UnusedElaboratable=no
"""`lgncc export`: an optimized model in a format that other tools read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lgncc.emit.aiger import to_aiger
from lgncc.emit.c import to_c
from lgncc.errors import InputError
from lgncc.facts import GivenFacts
from lgncc.frontends import load
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.inputs import PruneInputs
from lgncc.passes.pipeline import PASSES, Application, Optimized, choose_pipeline, optimize
from lgncc.storage import replacing, save_model

Format = Literal["verilog", "rtlil", "aiger", "c", "npz"]


def export_model(
    path: Path,
    out: Path,
    format: Format,
    *,
    given: GivenFacts | None = None,
    frontend: str | None = None,
    level: int,
    passes: str | None = None,
    prove: bool = True,
    dump_after: str | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Optimized:
    """Read, optimize and write; `out` appears whole or not at all. Raises LgnccError."""
    pipeline = choose_pipeline(level, passes)
    if dump_after is not None and dump_after not in PASSES:
        raise InputError(f"--dump-after {dump_after}: unknown; known are {', '.join(PASSES)}")

    def dump(application: Application, netlist: Netlist) -> None:
        if application.name == dump_after:
            print(f"after {application.name}: {netlist.dump()}")

    notice("read")
    model = load(path, given, frontend)
    notice("optimize")
    optimized = optimize(model, pipeline, prove=prove, on_pass=dump)
    notice(f"write {format}")
    with replacing(out) as temporary:
        _write(optimized.model, temporary, format, out.stem)
    return optimized


def _write(model: LogicModel, path: Path, format: Format, name: str) -> None:
    if format == "npz":
        save_model(model, path)
    elif format == "aiger":
        path.write_bytes(to_aiger(model.netlist))
    elif format == "c":
        path.write_text(to_c(model, name))
    else:
        from lgncc.emit.core import core_rtlil, core_verilog
        from lgncc.hw.core import Core

        core = Core(PruneInputs().apply(model))
        path.write_text(core_verilog(core) if format == "verilog" else core_rtlil(core))
