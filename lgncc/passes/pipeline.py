"""The optimization levels, and the runner that checks what they do.

A pass is a frozen dataclass whose fields are its options and whose `apply` is a pure
function from Netlist to Netlist with the same ports. All passes must leave a valid
netlist of the same functions; the runner, not the pass, checks that: a Netlist
validates itself, a fixed random block is simulated after every pass, and at the end
ABC proves the result equal to the input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lgncc.arrays import Words
from lgncc.errors import DesignError, InputError
from lgncc.golden import Simulator
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.passes.dead import RemoveDead
from lgncc.passes.fold import Fold
from lgncc.passes.strash import Strash
from lgncc.verify.equivalence import check_equal, explain
from lgncc.verify.rung import Rung

BLOCK_WORDS = 4  # 256 random samples through every pass


class Pass(Protocol):
    """See the module's docstring for the contract."""

    @property
    def name(self) -> str: ...
    def apply(self, netlist: Netlist) -> Netlist: ...


@dataclass(frozen=True)
class Repeat:
    """Passes in turn until a round removes no gate, at most `rounds` times."""

    passes: tuple[Pass, ...]
    rounds: int


Step = Pass | Repeat

O1: tuple[Step, ...] = (Repeat((Fold(), Strash(), RemoveDead()), rounds=16),)

LEVELS: dict[int, tuple[Step, ...]] = {0: (), 1: O1, 2: O1, 3: O1}
"""Pipeline of each -O level; 2 also maps to LUTs (lgncc.lowering), 3 searches (lgncc.search)."""

PASSES: dict[str, Pass] = {p.name: p for p in (Fold(), Strash(), RemoveDead())}
"""What `--passes a,b,c` may name."""


@dataclass(frozen=True)
class Application:
    """One pass as it ran: gates and levels after it, and its seconds."""

    name: str
    gates: int
    levels: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Optimized:
    """The model with its netlist optimized, what ran, and the proof."""

    model: LogicModel
    applications: tuple[Application, ...]
    rung: Rung


def choose_pipeline(level: int, passes: str | None = None) -> tuple[Step, ...]:
    """The pipeline of -O, or the one that `--passes fold,strash` spells out.

    Raises InputError for an unknown level or pass.
    """
    if passes is None:
        if level not in LEVELS:
            raise InputError(f"-O {level}: this version has levels {', '.join(map(str, LEVELS))}")
        return LEVELS[level]
    names = passes.split(",")
    unknown = [name for name in names if name not in PASSES]
    if unknown:
        raise InputError(
            f"--passes {passes}: there is no pass {', '.join(map(repr, unknown))}; known are "
            f"{', '.join(PASSES)}"
        )
    return tuple(PASSES[name] for name in names)


def optimize(
    model: LogicModel,
    pipeline: tuple[Step, ...],
    *,
    prove: bool = True,
    on_pass: Callable[[Application, Netlist], None] | None = None,
) -> Optimized:
    """Run a pipeline over the model's netlist and prove the result equal.

    Raises DesignError where a pass changed a function: that is a defect of the pass.
    """
    before = model.netlist
    rng = np.random.default_rng(0)
    block = tuple(
        rng.integers(0, 2**64, (rows, BLOCK_WORDS), np.uint64)
        for rows in (before.n_inputs, before.n_state)
    )
    expected = _simulate(before, block)
    netlist = before
    applications = []
    for name, result, seconds in _applied(pipeline, before):
        netlist = result
        application = Application(name, netlist.n_gates, netlist.depth, seconds)
        applications.append(application)
        if on_pass:
            on_pass(application, netlist)
        if _ports(netlist) != _ports(before):
            raise DesignError(
                f"pass {name}: changed the network's ports, their names or the reset values; "
                "this is a defect of lgncc: please report it, and compile with -O 0 meanwhile"
            )
        if not np.array_equal(_simulate(netlist, block), expected):
            raise DesignError(
                f"pass {name}: changed the network's answers on random samples; this is a defect "
                "of lgncc: please report it, and compile with -O 0 meanwhile"
            )
    after = replace(model, netlist=netlist)
    return Optimized(after, tuple(applications), _prove(model, after, prove))


def _applied(pipeline: tuple[Step, ...], netlist: Netlist) -> Iterator[tuple[str, Netlist, float]]:
    for step in pipeline:
        rounds = step.rounds if isinstance(step, Repeat) else 1
        passes = step.passes if isinstance(step, Repeat) else (step,)
        for _ in range(rounds):
            gates_before = netlist.n_gates
            for one in passes:
                started = time.perf_counter()
                netlist = one.apply(netlist)
                yield one.name, netlist, time.perf_counter() - started
            if netlist.n_gates >= gates_before:
                break


def _ports(netlist: Netlist) -> tuple[object, ...]:
    names = (netlist.input_names, netlist.output_names)
    return (netlist.n_inputs, len(netlist.outputs), *names, netlist.reset.tolist())


def _simulate(netlist: Netlist, block: tuple[Words, ...]) -> Words:
    return np.concatenate(Simulator(netlist).run(*block))


def _prove(before: LogicModel, after: LogicModel, prove: bool) -> Rung:
    if after.netlist is before.netlist:
        return Rung("passes", "skipped", "no pass ran")
    if not prove:
        return Rung("passes", "skipped", "--verify none")
    started = time.perf_counter()
    found = check_equal(before.netlist, after.netlist)
    seconds = time.perf_counter() - started
    if not found.equal:
        raise DesignError(
            "passes: refuted by ABC; this is a defect of lgncc: please report it\n"
            + explain(before, after, found)
        )
    detail = f"ABC cec: {before.netlist.n_gates} gates = {after.netlist.n_gates} gates"
    return Rung("passes", "proved", detail, seconds)
