"""The rungs of a build between the optimized model and the netlist that was placed."""

from __future__ import annotations

from lgncc.flow.result import FlowResult
from lgncc.lowering import Lowered
from lgncc.model import LogicModel
from lgncc.report.stopwatch import Stopwatch
from lgncc.verify.arrival import check_arrival
from lgncc.verify.clocks import check_clocks
from lgncc.verify.mapped import check_mapped
from lgncc.verify.models import prove_same_model
from lgncc.verify.program import check_program
from lgncc.verify.rung import Rung
from lgncc.verify.serial import check_serial
from lgncc.verify.synthesized import check_synthesized


def prove_lowered(
    model: LogicModel, pruned: LogicModel, lowered: Lowered, flow: FlowResult, watch: Stopwatch
) -> list[Rung]:
    """`pruned` is `model` less what nothing reads, and is what was lowered. Raises RefutedError
    where a rung is refuted."""
    form, before = lowered.form, list[Rung]()
    if form is not None and form.table is not None:
        with watch.step("prove the encoder"):
            before = [check_arrival(model, pruned, form.table)]
        model = pruned = form.model
    rungs = before + _prove_core(model, pruned, lowered, flow, watch)
    if lowered.design.core_hz is None:
        return rungs
    with watch.step("prove the crossings of clocks"):
        return [*rungs, check_clocks(flow.synthesized)]


def _prove_core(
    model: LogicModel, pruned: LogicModel, lowered: Lowered, flow: FlowResult, watch: Stopwatch
) -> list[Rung]:
    if lowered.serial is not None:
        with watch.step("prove the mapping"):
            prove_same_model(model, pruned)
            rungs = [check_serial(lowered.serial)]
        with watch.step("prove the synthesis"):
            return [*rungs, check_synthesized(lowered.serial, flow.synthesized, ranks=0)]
    if lowered.program is not None:
        with watch.step("prove the program"):
            prove_same_model(model, pruned)
            return [check_program(pruned, lowered.program)]
    if lowered.mapped is None or lowered.stages is None:
        return []
    with watch.step("prove the mapping"):
        rungs = [check_mapped(lowered.mapped, model)]
    with watch.step("prove the synthesis"):
        ranks, loop = lowered.stages.ranks, lowered.stages.loop
        return [*rungs, check_synthesized(lowered.mapped, flow.synthesized, ranks, loop=loop)]
