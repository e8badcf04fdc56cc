"""The ladder of a finished build, climbed again: what `lgncc verify` runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from lgncc.arrival import split_encoder
from lgncc.dataset import Dataset, answer
from lgncc.encoder import Encoder
from lgncc.errors import DesignError, InputError
from lgncc.flow.workspace import check_manifest
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.saved import load_program, load_serial, load_table
from lgncc.mapping.serial import SerialDesign
from lgncc.mapping.storage import load_design
from lgncc.model import Readout
from lgncc.passes.unread import without_unread
from lgncc.specification import load_specification
from lgncc.storage import load_model
from lgncc.verify.arrival import RUNG as ENCODER_RUNG
from lgncc.verify.arrival import check_arrival
from lgncc.verify.clocks import RUNG as CLOCKS_RUNG
from lgncc.verify.clocks import check_clocks
from lgncc.verify.equivalence import check_equal, explain
from lgncc.verify.hdl import RUNG as HDL_RUNG
from lgncc.verify.hdl import check_hdl
from lgncc.verify.mapped import RUNG as MAPPING_RUNG
from lgncc.verify.mapped import check_mapped
from lgncc.verify.models import prove_same_model
from lgncc.verify.program import check_program
from lgncc.verify.rtl import BOARD_RUNG, CORE_RUNG, check_board, check_core
from lgncc.verify.rung import Rung
from lgncc.verify.serial import check_serial
from lgncc.verify.synthesized import RUNG as SYNTHESIS_RUNG
from lgncc.verify.synthesized import check_synthesized

Notice = Callable[[str], None]
Check = Callable[[Path, Dataset | None, Notice], Rung]

MAPPED, SERIAL, PROGRAM, TABLE = "mapped.npz", "serial.npz", "program.npz", "encoder_table.npz"
SYNTHESIZED = "synthesized.json"
NOT_MAPPED = "the core was built of gates (-O 0 or 1)"
KEPT = 'the features are kept as they came; "mapping" covers their encoder'
NO_LUTS = 'the core is a processor, which runs what "mapping" proves; "rtl" covers it'


def climb(build_dir: Path, rung: str | None, data: Dataset | None, notice: Notice) -> list[Rung]:
    """Check every rung, lowest first, or only the one named.

    Raises InputError for an unknown name or a folder that is no intact build, DesignError
    at the first rung that is refuted.
    """
    if rung is not None and rung not in RUNGS:
        raise InputError(f"--rung {rung}: unknown; known are {', '.join(map(repr, RUNGS))}")
    check_manifest(build_dir)
    if data is not None:
        answer(load_specification(build_dir).model, data)  # refuses what does not suit the model
    chosen = RUNGS if rung is None else {rung: RUNGS[rung]}
    return [check(build_dir, data, notice) for check in chosen.values()]


def check_passes(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "passes": the model that was built is the one that was read, or that lossy pruning
    left, proved by ABC.

    The proof is of the netlists; encoder and readout must be the same, so that equal
    network outputs are equal answers.
    """
    notice("prove the passes")
    started = time.perf_counter()
    specification = load_specification(build_dir)
    before, after = specification.model, load_model(build_dir / "optimized_model.npz")
    for part in ("encoder", "readout"):
        if not _same(getattr(before, part), getattr(after, part)):
            raise DesignError(f"passes: refuted: the passes changed the {part}")
    found = check_equal(before.netlist, after.netlist)
    if not found.equal:
        raise DesignError(f"passes: refuted: {explain(before, after, found)}")
    detail = (
        f"ABC: {before.netlist.n_gates:,} gates {specification.origin} equal "
        f"{after.netlist.n_gates:,} as built{specification.remark}"
    )
    return Rung("passes", "proved", detail, time.perf_counter() - started)


def check_encoder(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "encoder": what encodes features on arrival makes the bits of the model's encoder."""
    if not (build_dir / TABLE).exists():
        return Rung(ENCODER_RUNG, "skipped", KEPT)
    notice("prove the encoder")
    optimized = load_model(build_dir / "optimized_model.npz")
    return check_arrival(optimized, without_unread(optimized), load_table(build_dir / TABLE))


def check_mapping(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "mapping": the LUTs, or the program, that were built answer as the optimized model, or
    where features are encoded on arrival, as it answers to the bits made of them."""
    optimized = load_model(build_dir / "optimized_model.npz")
    built = without_unread(optimized)
    if (build_dir / TABLE).exists():
        built = optimized = split_encoder(built)[1]
    if (serial := _serial_design(build_dir)) is not None:
        notice("prove the mapping")
        prove_same_model(optimized, built)
        return check_serial(serial)
    if (build_dir / PROGRAM).exists():
        notice("prove the program")
        prove_same_model(optimized, built)
        return check_program(built, load_program(build_dir / PROGRAM))
    design = _mapped_design(build_dir)
    if design is None:
        return Rung(MAPPING_RUNG, "skipped", NOT_MAPPED)
    notice("prove the mapping")
    return check_mapped(design, optimized)


def check_verilog(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "hdl": the LUTs as Verilog text, in the core's file and in the board's."""
    design = _design_of_luts(build_dir)
    if design is None:
        return Rung(HDL_RUNG, "skipped", _why_no_pipeline(build_dir))
    ranks, loop = _register_ranks(build_dir)
    notice("prove the Verilog")
    rungs = [
        check_hdl(design, build_dir / name, ranks, loop=loop) for name in ("core.v", "board.v")
    ]
    detail = f"core.v and board.v alike: {rungs[0].detail}"
    return Rung(HDL_RUNG, "proved", detail, sum(rung.seconds for rung in rungs))


def check_synthesis(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "synthesis": what was placed and routed is the LUTs, registers included."""
    design = _design_of_luts(build_dir)
    if design is None:
        return Rung(SYNTHESIS_RUNG, "skipped", _why_no_pipeline(build_dir))
    notice("prove the synthesis")
    ranks, loop = _register_ranks(build_dir)
    return check_synthesized(design, build_dir / SYNTHESIZED, ranks, loop=loop)


def check_crossings(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "clocks": what goes from one clock to another, where the core has its own."""
    (core_hz,) = _facts(build_dir, "core_hz")
    if not core_hz:
        return Rung(CLOCKS_RUNG, "skipped", "the design has one clock")
    notice("prove the crossings of clocks")
    return check_clocks(build_dir / SYNTHESIZED)


def _why_no_pipeline(build_dir: Path) -> str:
    return NO_LUTS if (build_dir / PROGRAM).exists() else NOT_MAPPED


def _register_ranks(build_dir: Path) -> tuple[int, int]:
    """Before the answer, and before the next state."""
    # A class-serial core's LUTs have no registers but those of its state: null.
    ranks, loop = _facts(build_dir, "register_ranks", "loop_ranks")
    return ranks, loop


def _facts(build_dir: Path, *names: str) -> list[int]:
    """Of these names in design.json; 0 for null."""
    path = build_dir / "design.json"
    try:
        facts = json.loads(path.read_text())
        return [int(facts[name] or 0) for name in names]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a design's facts: {error!r}") from error


def _mapped_design(build_dir: Path) -> MappedDesign | None:
    path = build_dir / MAPPED
    return load_design(path) if path.exists() else None


def _serial_design(build_dir: Path) -> SerialDesign | None:
    path = build_dir / SERIAL
    if not path.exists():
        return None
    model = without_unread(load_model(build_dir / "optimized_model.npz"))
    if (build_dir / TABLE).exists():
        model = split_encoder(model)[1]
    return load_serial(path, model)


def _design_of_luts(build_dir: Path) -> MappedDesign | SerialDesign | None:
    return _mapped_design(build_dir) or _serial_design(build_dir)


def _same(ours: Encoder | Readout, theirs: Encoder | Readout) -> bool:
    names = [field.name for field in fields(ours)]
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


RUNGS: dict[str, Check] = {
    "passes": check_passes,
    ENCODER_RUNG: check_encoder,
    MAPPING_RUNG: check_mapping,
    HDL_RUNG: check_verilog,
    SYNTHESIS_RUNG: check_synthesis,
    CLOCKS_RUNG: check_crossings,
    CORE_RUNG: check_core,
    BOARD_RUNG: check_board,
}
"""In the order in which they are climbed."""
