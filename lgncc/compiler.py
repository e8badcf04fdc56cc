"""The composition of the stages: a checkpoint in, a verified bitstream and a report out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lgncc.architectures import Planner
from lgncc.boards import Board, load_board
from lgncc.dataset import load_data
from lgncc.emit.board import board_files
from lgncc.errors import DesignError
from lgncc.estimate import Architecture, Goal
from lgncc.fastest import ATTEMPTS, Clock, at_clock, at_reached_clock
from lgncc.flow.build import build
from lgncc.flow.nextpnr import SEEDS
from lgncc.flow.result import FlowResult
from lgncc.flow.workspace import Workspace
from lgncc.frontends import GivenFacts, load
from lgncc.hw.sequence import Answering, Sequencing, require_state
from lgncc.lowering import MAPPED_LEVEL, Lowered, lower_gates
from lgncc.mapping.saved import save_program, save_serial, save_table
from lgncc.mapping.storage import save_design
from lgncc.model import LogicModel
from lgncc.passes.lossy import prune_lossy
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.report.build_report import (
    ArchSection,
    BoardSection,
    BuildReport,
    ClockTiming,
    ModelSection,
    NetlistSection,
    StepSection,
)
from lgncc.report.evaluation import measure_accuracy
from lgncc.report.figures import latency_us, throughput_samples_per_s
from lgncc.report.stopwatch import Stopwatch
from lgncc.rounds import until_met
from lgncc.search.for_board import SEARCH_LEVEL, search_for_board
from lgncc.search.search import Settings
from lgncc.specification import beginning_after
from lgncc.storage import save_model
from lgncc.verify.frontend import check_frontend
from lgncc.verify.ladder import MAPPED, PROGRAM, SERIAL, SYNTHESIZED, TABLE
from lgncc.verify.lowered import prove_lowered
from lgncc.verify.rung import Rung

Verify = Literal["none", "fast", "full"]
Notice = Callable[[str], None]

DEFAULT_LEVEL = 2
RETRY = 0.95
"""After a design that did not fit, the next must be this much smaller to be tried."""


@dataclass(frozen=True)
class Options:
    """What the user chose. `data` and `verify` add checks; they never change the design, unless
    `max_drop` is given: lossy pruning by `data`, for so many percentage points of accuracy.

    `architecture`: None chooses, by what `optimize` asks for. `freq_mhz` is the clock to run at, by
    the PLL; without it the design has the board's clock. `answering`: as of lgncc.hw.sequence.
    `search`: how level 3 searches, if not by its defaults.
    """

    board: str
    out: Path
    level: int = DEFAULT_LEVEL
    passes: str | None = None
    freq_mhz: Clock | None = None
    architecture: Architecture | None = None
    optimize: Goal = "latency"
    answering: Answering = "each-step"
    seed: int = 1
    data: Path | None = None
    verify: Verify = "fast"
    max_drop: float | None = None
    search: Settings | None = None


def compile_model(
    path: Path,
    options: Options,
    given: GivenFacts | None = None,
    frontend: str | None = None,
    notice: Notice = lambda _: None,
) -> BuildReport:
    """Read `path`, build it for the board, and leave everything in `options.out`.

    Where timing is missed the report says so and there is no bitstream. Raises
    LgnccError; then nothing in the folder looks finished.
    """
    watch = Stopwatch(notice)
    source = load_board(options.board)
    board = at_clock(source, options.freq_mhz, options.architecture)
    pipeline = choose_pipeline(options.level, options.passes)
    data = load_data(options.data) if options.data else None
    with watch.step("read"):
        model = load(path, given, frontend)
    require_state(model, Sequencing(options.answering))
    pruned, lossy = model, None
    if options.max_drop is not None:
        with watch.step("prune with loss"):
            pruned, lossy = prune_lossy(model, data, options.max_drop)
    accuracy = measure_accuracy(pruned, data)
    workspace = Workspace(options.out)
    workspace.begin()

    rungs: list[Rung] = []
    if options.verify != "none":
        with watch.step("check frontend"):
            rungs.append(check_frontend(path, model, data.x if data else None))
    with watch.step("optimize"):
        optimized = optimize(pruned, pipeline, prove=options.verify != "none")
        rungs.append(beginning_after(lossy, optimized.rung))
    planner = Planner(optimized.model, options.answering)
    searched = None
    if options.level >= SEARCH_LEVEL:
        with watch.step("search"):
            searched = search_for_board(planner, board, options, workspace.out / "work", notice)
    board, lowered, flow, reason = at_reached_clock(
        source,
        board,
        lambda at: _build(planner, workspace, at, options, watch),
        watch.notice,
        attempts=ATTEMPTS if options.freq_mhz == "max" else 1,
    )
    design = lowered.design
    if options.verify != "none":
        rungs += prove_lowered(optimized.model, planner.model, lowered, flow, watch)
    watch.steps += [StepSection(s.name, round(s.seconds, 3), s.cached) for s in flow.steps]

    models = {"model": model, "pruned_model": pruned, "optimized_model": optimized.model}
    if lossy is None:
        del models["pruned_model"]
    artifacts = _publish(workspace, models, lowered, flow)
    if options.verify == "full":
        from lgncc.verify.rtl import check_rtl

        with watch.step("simulate"):
            rungs += check_rtl(workspace.out, data, notice, design.flash[1])
    if flow.met:  # not before the simulation: a refuted design leaves none
        files = board_files(flow.bitstream, design, board)
        written = [workspace.publish(octets, name) for name, octets in files.items()]
        artifacts = {at.stem: str(at) for at in written} | artifacts
    report = BuildReport(
        model=_model_section(path, model),
        netlist=NetlistSection(
            gates_in=model.netlist.n_gates,
            gates_out=optimized.model.netlist.n_gates,
            luts=flow.luts,
            levels=lowered.levels,
            outputs=len(model.netlist.outputs),
        ),
        arch=ArchSection(
            name=lowered.architecture,
            reason=reason,
            latency_cycles=design.core.latency_cycles,
            initiation_interval=design.core.initiation_interval,
        ),
        board=BoardSection(board.name, board.part_name),
        utilization=dict(flow.utilization),
        breakdown=dict(flow.breakdown),
        timing={t.clock: ClockTiming(t.fmax_mhz, t.target_mhz, t.met) for t in flow.timing},
        throughput_samples_per_s=throughput_samples_per_s(design, board),
        latency_us=latency_us(design, board),
        accuracy=accuracy,
        verification=rungs,
        steps=watch.steps,
        artifacts=artifacts,
        tools={tool.name: f"{tool.version} ({tool.source})" for tool in flow.tools},
        seed=flow.seed,
        lossy=lossy,
        search=searched and searched.built(lowered.mapped is not None),
    )
    workspace.publish(report.to_json().encode(), "report.json")
    if flow.met:
        workspace.finish(flow.tools)
    return report


def _build(
    planner: Planner, workspace: Workspace, board: Board, options: Options, watch: Stopwatch
) -> tuple[Lowered, FlowResult, str]:
    """The first architecture that is placed and routed, and why it is that one.

    Raises DesignError of the last one tried where none is.
    """

    def flow_of(lowered: Lowered, by_time: bool = False, seeds: int = SEEDS) -> FlowResult:
        return build(
            workspace,
            board,
            lowered.design.placed,
            lowered.parts,
            seed=options.seed,
            seeds=seeds,
            by_time=by_time,
            progress=watch.notice,
        )

    if options.level < MAPPED_LEVEL and options.architecture is None:
        with watch.step("emit"):
            lowered = lower_gates(planner.model, board)
        return lowered, flow_of(lowered), "-O 0 and 1 leave the mapping to yosys"
    with watch.step("map"):
        estimates = planner.estimates(board, options.optimize, options.architecture)
    tried: list[str] = []
    smallest = math.inf
    for estimate in estimates:
        if estimate.obstacle or estimate.cells > smallest:
            continue
        watch.notice(str(estimate))
        is_last = not any(e.cells < RETRY * estimate.cells and not e.obstacle for e in estimates)
        try:
            with watch.step("emit"):
                lowered = planner.lower(estimate, board)
            # One seed is enough to see that it is hard, where something smaller is left.
            flow = flow_of(lowered, seeds=SEEDS if is_last else 1)
        except DesignError as error:
            if is_last:
                raise
            tried.append(f"{estimate.architecture}: {str(error).splitlines()[0]}")
            smallest = RETRY * estimate.cells
            continue
        rounds = until_met(lowered, flow, board, flow_of, watch.notice)
        if not rounds.flow.met and not is_last and options.freq_mhz is None:
            # At the board's own clock anything that works is better than the best that does not.
            tried += [*rounds.missed, f"{estimate.architecture}: too slow for the clock"]
            smallest = RETRY * estimate.cells
            continue
        built, chosen = rounds.lowered, estimate
        if built.stages is not None:
            name: Architecture = "spatial" if built.stages.ranks == 1 else "pipelined"
            chosen = replace(estimate, architecture=name, setting=built.stages.longest)
        tried += rounds.missed
        reason = planner.reason(chosen, estimates, board, options.optimize, tried)
        return built, rounds.flow, reason
    raise DesignError(
        "\n  ".join(
            [
                "no architecture fits:",
                *tried,
                *(str(e) for e in estimates if e.obstacle),
                *planner.advice(board, options.optimize, options.architecture),
            ]
        )
    )


def _publish(
    workspace: Workspace, models: dict[str, LogicModel], lowered: Lowered, flow: FlowResult
) -> dict[str, str]:
    """Put what the user gets beside the bitstream into the build folder; paths by what they are."""
    work, design = workspace.out / "work", lowered.design
    artifacts = {
        "verilog": workspace.publish(design.core_text.encode(), "core.v"),
        "board_verilog": workspace.publish(design.board_text.encode(), "board.v"),
    }
    for name, kept in models.items():
        save_model(kept, work / f"{name}.npz")
        artifacts[name] = workspace.publish(work / f"{name}.npz", f"{name}.npz")
    artifacts["synthesized"] = workspace.publish(flow.synthesized, SYNTHESIZED)
    if lowered.mapped is not None:
        save_design(lowered.mapped, work / MAPPED)
        artifacts["mapped_design"] = workspace.publish(work / MAPPED, MAPPED)
    if lowered.serial is not None:
        save_serial(lowered.serial, work / SERIAL)
        artifacts["serial_design"] = workspace.publish(work / SERIAL, SERIAL)
    if lowered.program is not None:
        save_program(lowered.program, work / PROGRAM)
        artifacts["program"] = workspace.publish(work / PROGRAM, PROGRAM)
    if lowered.form is not None and lowered.form.table is not None:
        save_table(lowered.form.table, work / TABLE)
        artifacts["encoder_table"] = workspace.publish(work / TABLE, TABLE)
    facts = design.facts | {
        "register_ranks": lowered.stages.ranks if lowered.stages else None,
        "loop_ranks": lowered.stages.loop if lowered.stages else None,
    }
    artifacts["design"] = workspace.publish(json.dumps(facts, indent=1).encode(), "design.json")
    artifacts["logs"] = work
    return {name: str(path) for name, path in artifacts.items()}


def _model_section(path: Path, model: LogicModel) -> ModelSection:
    provenance = model.provenance
    facts = [str(fact) for fact in provenance.facts]
    return ModelSection(str(path), provenance.sha256, provenance.frontend, facts)
