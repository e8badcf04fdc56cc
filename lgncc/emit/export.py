# amaranth: UnusedElaboratable=no
"""`lgncc export`: an optimized model in a format that other tools read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lgncc.dataset import load_data
from lgncc.emit.aiger import to_aiger
from lgncc.emit.blif import to_blif
from lgncc.emit.c import to_c
from lgncc.errors import InputError
from lgncc.facts import GivenFacts
from lgncc.frontends import load
from lgncc.hw.sequence import EACH_STEP, Sequencing, require_state
from lgncc.lowering import MAPPED_LEVEL
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.map_model import map_model
from lgncc.mapping.stages import plan_stages
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.lossy import prune_lossy
from lgncc.passes.pipeline import PASSES, Application, choose_pipeline, optimize
from lgncc.passes.unread import without_unread
from lgncc.report.build_report import LossySection
from lgncc.specification import beginning_after
from lgncc.storage import replacing, require_writable, save_model
from lgncc.verify.mapped import check_mapped
from lgncc.verify.rung import Rung
from lgncc.wording import counted

Format = Literal["verilog", "rtlil", "blif", "aiger", "c", "npz"]
LUT_FORMATS = ("verilog", "rtlil", "blif")
WITH_READOUT = ("verilog", "rtlil", "c", "npz")
"""LUT_FORMATS: what is written of LUTs where the level maps to them, blif with the readout only
then. WITH_READOUT: what always holds it."""

MODULE = "lgncc_core"

LEVELS = 20
"""LUT levels between two registers: a 12 MHz iCE40 UltraPlus has time for them, a fast part for
50 MHz and more."""


@dataclass(frozen=True, eq=False)
class Exported:
    """The optimized model and its proof; the LUTs and theirs, where the file is of LUTs; what lossy
    pruning gave up, where it was asked for."""

    model: LogicModel
    rung: Rung
    mapped: MappedDesign | None = None
    mapping: Rung | None = None
    lossy: LossySection | None = None

    def line(self) -> str:
        """What was written, how it was checked, and what was given up."""
        return self._checked() + (f"\nLOSSY: {self.lossy.line()}" if self.lossy else "")

    def _checked(self) -> str:
        if self.mapped is None:
            amount, rung = counted(self.model.netlist.n_gates, "gate"), self.rung
            return f"{amount}; {rung.result}: {rung.detail}"
        luts = self.mapped.luts
        rungs = [self.rung, *([self.mapping] if self.mapping else [])]
        checks = "; ".join(f"{rung.rung} {rung.result}: {rung.detail}" for rung in rungs)
        return f"{luts.n_gates:,} LUT{luts.k}, {counted(luts.depth, 'level')}; {checks}"


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
    lut: Literal[4, 6] = 4,
    levels: int = LEVELS,
    data: Path | None = None,
    max_drop: float | None = None,
    sequencing: Sequencing = EACH_STEP,
    notice: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Read, optimize, map and write; `out` appears whole or not at all. Raises LgnccError.

    lut, levels: inputs of a LUT and LUTs between two registers, where the file is of LUTs.
    max_drop: percentage points that lossy pruning by `data` may cost; None: no pruning.
    sequencing: of a core of LUTs with state.
    """
    pipeline = choose_pipeline(level, passes)
    if level > MAPPED_LEVEL:
        raise InputError(f"-O {level}: export does not search; `lgncc compile -O {level}` does")
    if dump_after is not None and dump_after not in PASSES:
        raise InputError(f"--dump-after {dump_after}: unknown; known are {', '.join(PASSES)}")
    if data is not None and max_drop is None:
        raise InputError("--data is what --lossy-prune judges by: give both, or none")
    of_luts = level >= MAPPED_LEVEL and format in LUT_FORMATS
    if max_drop is not None and not of_luts and format not in WITH_READOUT:
        raise InputError(
            f"--lossy-prune: it changes the readout, which {format} at -O {level} does not hold; "
            f"known are {', '.join(WITH_READOUT)}, and blif at -O 2"
        )

    def dump(application: Application, netlist: Netlist) -> None:
        if application.name == dump_after:
            print(f"after {application.name}: {netlist.dump()}")

    require_writable(out)
    notice("read")
    model = load(path, given, frontend)
    require_state(model, sequencing)
    if sequencing != EACH_STEP and (not of_luts or format == "blif"):
        raise InputError(
            "--answer and --sequences: they are of a core with state, which is written as verilog "
            "or rtlil, at -O 2"
        )
    lossy = None
    if max_drop is not None:
        notice("prune with loss")
        model, lossy = prune_lossy(model, load_data(data) if data else None, max_drop)
    notice("optimize")
    optimized = optimize(model, pipeline, prove=prove, on_pass=dump)
    mapped = mapping = None
    if of_luts:
        notice("map")
        mapped = map_model(without_unread(optimized.model), lut)
        if prove:
            notice("prove the mapping")
            mapping = check_mapped(mapped, optimized.model)
    notice(f"write {format}")
    with replacing(out) as temporary:
        if mapped is not None:
            temporary.write_text(_of_luts(mapped, levels, format, sequencing))
        else:
            _write(optimized.model, temporary, format, out.stem)
    rung = beginning_after(lossy, optimized.rung)
    return Exported(optimized.model, rung, mapped, mapping, lossy)


def _of_luts(mapped: MappedDesign, levels: int, format: Format, sequencing: Sequencing) -> str:
    if format == "blif":
        return to_blif(mapped.luts, MODULE)
    from lgncc.emit.core import core_rtlil, core_verilog
    from lgncc.hw.mapped_core import MappedCore

    core = MappedCore(mapped, plan_stages(mapped.luts, levels), sequencing=sequencing)
    return core_verilog(core) if format == "verilog" else core_rtlil(core)


def _write(model: LogicModel, path: Path, format: Format, name: str) -> None:
    if format == "npz":
        save_model(model, path)
    elif format == "aiger":
        path.write_bytes(to_aiger(model.netlist))
    elif format == "blif":
        path.write_text(to_blif(model.netlist, MODULE))
    elif format == "c":
        path.write_text(to_c(model, name))
    else:
        from lgncc.emit.core import core_rtlil, core_verilog
        from lgncc.hw.core import Core

        core = Core(without_unread(model))
        path.write_text(core_verilog(core) if format == "verilog" else core_rtlil(core))
