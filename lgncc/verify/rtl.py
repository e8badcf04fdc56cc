"""Rungs "rtl" and "board rtl": the Verilog of a build answers as the golden model does.

The golden answers are computed here, from the model as it was read, before any pass, or as lossy
pruning left it; the benches in lgncc.sim run in the simulator's process and only compare.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lgncc.dataset import Dataset
from lgncc.errors import DesignError, InputError
from lgncc.golden import predict
from lgncc.model import LogicModel
from lgncc.specification import load_specification
from lgncc.storage import load_model
from lgncc.verify.frontend import random_samples
from lgncc.verify.rung import Rung
from lgncc.wording import counted

if TYPE_CHECKING:
    from lgncc.sim.job import Design
    from lgncc.sim.runner import Bench, Vectors

Notice = Callable[[str], None]

RANDOM_VECTORS = 256
RANDOM_STEPS = 32  # of a sequence
CORE_RUNG, BOARD_RUNG = "rtl", "board rtl"
SIMULATIONS = "work/sim"
CORE_CYCLES = 20_000_000
"""Clock cycles that the core may take for all samples; in the simulator some ten seconds."""
BOARD_CYCLES = 8_000_000
"""Clock cycles that the frames of all samples may take; about half a minute."""


def check_rtl(
    build_dir: Path, data: Dataset | None, notice: Notice, flash_image: bytes = b""
) -> list[Rung]:
    """Simulate core.v and board.v. Raises DesignError where one is refuted. flash_image: where the
    build has no bitstream yet."""
    core = check_core(build_dir, data, notice)
    return [core, check_board(build_dir, data, notice, flash_image)]


def check_core(build_dir: Path, data: Dataset | None, notice: Notice) -> Rung:
    """Rung "rtl": the core alone, bit- and cycle-exact, with stalls and resets."""
    from lgncc.sim.runner import CORE, FOLDED

    notice("simulate the core")
    started = time.perf_counter()
    design, vectors = _prepare(build_dir, data)
    vectors = _first(vectors, CORE_CYCLES // design.initiation_interval)
    _simulate(CORE_RUNG, FOLDED if design.batch else CORE, build_dir, design, vectors)
    detail = (
        f"{_amount(vectors, data)}, stalls, resets; "
        f"latency {counted(design.latency_cycles, 'cycle')}, "
        f"interval {design.initiation_interval:,}{load_specification(build_dir).remark}"
    )
    return Rung(CORE_RUNG, "tested", detail, time.perf_counter() - started)


def check_board(
    build_dir: Path, data: Dataset | None, notice: Notice, flash_image: bytes = b""
) -> Rung:
    """Rung "board rtl": the whole board design, frame by frame over its UART."""
    from lgncc.sim.board_top import FLASH_HEX, flash_hex, programmed
    from lgncc.sim.runner import BOARD

    notice("simulate the board")
    started = time.perf_counter()
    design, vectors = _prepare(build_dir, data)
    vectors = _affordable(vectors, design)
    files = {}
    if design.flash is not None:
        image = flash_image or programmed(build_dir, design.flash)
        files[FLASH_HEX] = flash_hex(image, design.flash)
    _simulate(BOARD_RUNG, BOARD, build_dir, design, vectors, files)
    repeated = " and repeated" if design.has_state else ""
    clocks = ", clocks of other ratios" if design.core_hz else ""
    flash = f", {design.flash.octets:,} bytes of flash read bit by bit" if design.flash else ""
    detail = (
        f"{_amount(vectors, data)} as UART frames, damaged{repeated} frames, resets{clocks}{flash}"
        f"; {design.uart_divisor} cycles a bit{load_specification(build_dir).remark}"
    )
    return Rung(BOARD_RUNG, "tested", detail, time.perf_counter() - started)


def _simulate(
    rung: str,
    bench: Bench,
    build_dir: Path,
    design: Design,
    vectors: Vectors,
    files: Mapping[str, str] = MappingProxyType({}),
) -> None:
    from lgncc.sim.runner import simulate

    verilog = build_dir / f"{bench.name}.v"
    if not verilog.is_file():
        raise InputError(f"{verilog}: not found; is {build_dir} a finished build?")
    folder = (build_dir / SIMULATIONS).resolve()
    outcome = simulate(bench, verilog, design, vectors, folder, files)
    if outcome.refuted is not None:
        raise DesignError(f"{rung}: refuted: {outcome.refuted}\n  log: {outcome.log}")


def _prepare(build_dir: Path, data: Dataset | None) -> tuple[Design, Vectors]:
    """What the design states of itself; the samples, then random ones, and their answers."""
    from lgncc.sim.job import Batch, Design, FlashFacts
    from lgncc.sim.runner import Vectors
    from lgncc.sim.vectors import AnswerFormat, pack_samples

    model = load_specification(build_dir).model
    has_state = model.netlist.n_state > 0
    # The optimized model only says how wide the core's fields are, never what is in them.
    answer = AnswerFormat.of(load_model(build_dir / "optimized_model.npz"))
    path = build_dir / "design.json"
    try:
        facts = json.loads(path.read_text())
        answers_last = bool(facts["answers_last"])
        design = Design(
            in_width=model.step_width + answers_last,
            answer=answer,
            latency_cycles=int(facts["latency_cycles"]),
            initiation_interval=int(facts["initiation_interval"]),
            uart_divisor=int(facts["uart_divisor"]),
            build_id=str(facts["build_id"]),
            has_state=has_state,
            answers_last=answers_last,
            step_cycles=int(facts["step_cycles"]),
            capacity=facts.get("capacity"),
            batch=Batch(**facts["batch"]) if facts.get("batch") else None,
            clock_hz=int(facts["clock_hz"]),
            core_hz=facts.get("core_hz"),
            flash=FlashFacts(**facts["flash"]) if facts.get("flash") else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a design's facts: {error!r}") from error

    if has_state:
        return design, _sequences(model, design, data)
    blocks: list[npt.NDArray[Any]] = [random_samples(model.encoder, RANDOM_VECTORS)]
    if data is not None:
        blocks.insert(0, data.x)
    predictions = [answer.pack(predict(model, block)) for block in blocks]
    vectors = Vectors(
        inputs=np.concatenate([pack_samples(model.encoder, block) for block in blocks]),
        answers=np.concatenate(predictions),
        n_samples=len(data.x) if data is not None else 0,
    )
    return design, vectors


def _sequences(model: LogicModel, design: Design, data: Dataset | None) -> Vectors:
    """As many random sequences as make RANDOM_VECTORS, after the user's; an answer each step."""
    from lgncc.sim.runner import Vectors
    from lgncc.sim.vectors import pack_sequences

    shape = (-1, RANDOM_STEPS, model.encoder.n_features)
    blocks = [random_samples(model.encoder, RANDOM_VECTORS).reshape(shape)]
    if data is not None:
        blocks.insert(0, np.asarray(data.x, np.float64))
    packed = [pack_sequences(model.encoder, block, last=design.answers_last) for block in blocks]
    answers = [design.answer.pack(predict(model, block).of_steps()) for block in blocks]
    return Vectors(
        inputs=np.concatenate(packed),
        answers=np.concatenate(answers),
        n_samples=len(packed[0]) if data is not None else 0,
    )


def _affordable(vectors: Vectors, design: Design) -> Vectors:
    """As many samples as the line carries and the core evaluates in BOARD_CYCLES."""
    cycles = design.exchange_cycles(vectors.inputs.shape[1] + vectors.answers.shape[1] + 16)
    return _first(vectors, BOARD_CYCLES // cycles)


def _first(vectors: Vectors, count: int) -> Vectors:
    """The first so many, two at the least: samples, and a share of random ones."""
    from lgncc.sim.runner import Vectors

    count = max(count, 2)
    if count >= len(vectors.inputs):
        return vectors
    n_samples = min(vectors.n_samples, -(-count * 3 // 4))
    n_random = min(len(vectors.inputs) - vectors.n_samples, count - n_samples)
    kept = np.r_[:n_samples, vectors.n_samples : vectors.n_samples + n_random]
    return Vectors(vectors.inputs[kept], vectors.answers[kept], n_samples)


def _amount(vectors: Vectors, data: Dataset | None) -> str:
    """`360 samples of digits-test.npz + 256 random`."""
    random = f"{len(vectors.inputs) - vectors.n_samples} random"
    if data is None:
        return f"{random} vectors"
    total = len(data.x) if data.x.ndim < 3 else len(data.x) * data.x.shape[1]
    first = "" if vectors.n_samples == total else f"the first {vectors.n_samples} of "
    return f"{first}{total} samples of {data.path.name} + {random}"
