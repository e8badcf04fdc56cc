"""What families of dense layers share: layer order, wiring, readout, and the assembly.

A family turns its weights into truth tables; the rest is here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from lgncc.arrays import Ids, Integers, Tables
from lgncc.builder import NetlistBuilder
from lgncc.errors import InputError
from lgncc.frontends.check import check_answers
from lgncc.frontends.common import group_readout, threshold_encoder
from lgncc.frontends.source import GivenFacts, Source
from lgncc.frontends.wiring import check_wiring, read_wiring
from lgncc.model import Fact, LogicModel, Readout

ASSEMBLY_FACTS = ("classes", "tau", "threshold", "input_format", "check", "check_accuracy")
"""The given facts that `assemble` and `file_readout` use, for `GivenFacts.only`."""

WIRING_FACTS = ("wiring", "input_bits")
"""Those of `given_wiring`."""


def numbered(keys: Iterable[str], tail: str) -> list[str] | None:
    """What stands before `tail` in the keys that end so, in the order of the layer numbers.

    `net.2.weights`, `net.10.weights` give `net.2.`, `net.10.`: the order of the file may
    be that of the alphabet. None where the names differ in more than one number, or two
    have the same: they are not the layers of one sequence.
    """
    layers: dict[int, str] = {}
    around = set()
    for key in keys:
        if not key.endswith(tail):
            continue
        match = re.fullmatch(r"(.*?)(\d{1,9})(\D*)", key.removesuffix(tail))
        if not match or int(match[2]) in layers:
            return None
        layers[int(match[2])] = match[0]
        around.add((match[1], match[3]))
    if len(around) != 1:
        return None
    return [layers[number] for number in sorted(layers)]


def given_wiring(
    source: Source, given: GivenFacts, shapes: Sequence[tuple[int, int]]
) -> tuple[int, list[Integers], list[Fact]]:
    """Input bits, connections int64 (k, out) of each layer, and their facts, from --wiring.

    shapes: (k, out) of the layers. Raises InputError.
    """
    path = given.wiring
    assert path is not None
    stated, layers = read_wiring(path, shapes)
    inputs = given.input_bits if stated is None else stated
    if inputs is None:
        raise InputError(
            f"{source.path}: --wiring {path} does not state how many bits the first layer takes; "
            "add --input-bits N, or the array inputs to the file"
        )
    if given.input_bits not in (None, inputs):
        raise InputError(f"{path}: says inputs = {inputs}, --input-bits says {given.input_bits}")
    return inputs, layers, [Fact("wiring", path.name, "given")]


def file_readout(
    source: Source,
    n_outputs: int,
    given: GivenFacts,
    *,
    classes: object = None,
    tau: object = None,
) -> tuple[Readout, list[Fact]]:
    """GroupSum as far as the file states it, else as given. Raises InputError.

    classes, tau: what the file says, as unpickled, or None.
    """
    if classes is None and tau is None:
        return group_readout(source, n_outputs, given)
    if classes is not None:
        if type(classes) is not int:
            raise InputError(f"{source.path}: GroupSum of {classes!r} classes")
        count = source.agree("classes", classes, given.classes)
    elif given.classes is None:
        return Readout.bits(), [Fact("readout", "bits (no --classes given)", "derived, exact")]
    else:
        count = given.classes
    scale = 1.0 if given.tau is None else given.tau
    if tau is not None:
        if type(tau) not in (int, float) or not math.isfinite(float(str(tau))):
            raise InputError(f"{source.path}: GroupSum of tau {tau!r}")
        scale = source.agree("tau", float(str(tau)), given.tau)
    try:
        readout = Readout.group_sum(n_outputs, count, tau=scale)
    except InputError as error:
        raise InputError(f"{source.path}: {count} classes: {error}") from error
    facts = [
        Fact(
            "readout",
            f"GroupSum, {count} contiguous groups",
            "given" if classes is None else "from checkpoint",
        )
    ]
    if tau is not None or given.tau is not None:
        facts.append(Fact("tau", f"{scale:g}", "given" if tau is None else "from checkpoint"))
    return readout, facts


def assemble(
    source: Source,
    family: str,
    given: GivenFacts,
    inputs: int,
    layers: Sequence[tuple[Tables, Integers]],
    readout: tuple[Readout, list[Fact]],
    facts: Sequence[Fact],
) -> LogicModel:
    """The model of dense layers, checked by --check where it is given.

    inputs: bits that the first layer takes; layers: truth tables (out,) and connections
    int64 (k, out) each. Raises InputError.
    """
    check_wiring(source, inputs, [connections for _, connections in layers])
    encoder, input_facts = threshold_encoder(source, inputs, given)
    builder = NetlistBuilder(inputs)
    signals: Ids = builder.inputs
    for tables, connections in layers:
        fanin = signals[connections]
        if len(fanin) == 2:
            signals = builder.gates(tables, fanin[0], fanin[1])
        else:
            signals = builder.luts(tables, fanin.T)
    sizes = "-".join(map(str, [inputs, *(len(tables) for tables, _ in layers)]))
    network = Fact("network", sizes, "from checkpoint")
    known = [network, *facts, *input_facts, *readout[1]]
    model = LogicModel(
        encoder, builder.finish(signals), readout[0], source.provenance(family, known)
    )
    found = check_answers(source, model, given)
    return LogicModel(
        encoder, model.netlist, readout[0], source.provenance(family, [*known, *found])
    )


def no_wiring(source: Source, family: str, keys: str, ways: Sequence[str]) -> InputError:
    """The error for a state dict without connections, with the ways to give them."""
    either = "either\n" if len(ways) > 1 else "\n"
    listed = ", or\n".join(f"  - {way}" for way in ways)
    return InputError(
        f"{source.path}: this is a {family} state dict: it has gate weights but no wiring.\n"
        f"  keys: {keys}\n"
        f"{family} keeps the connections outside of the state dict; {either}{listed}"
    )
