"""Checkpoints of `lgncc.nn`, which carry everything: wiring, encoder, format, readout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lgncc.encoder import Encoder
from lgncc.facts import GivenFacts
from lgncc.frontends.common import group_readout
from lgncc.frontends.native_body import lower
from lgncc.frontends.native_boolean import neuron_facts
from lgncc.frontends.source import Reader, Source
from lgncc.model import Fact, LogicModel, Readout

if TYPE_CHECKING:
    import torch

    from lgncc.nn import GroupSum
    from lgncc.nn.inputs import InputLayer
    from lgncc.nn.layers import LogicDense


def recognize(source: Source) -> str | None:
    # The pickle holds only names and numbers; tensors lie beside it in the archive.
    pickled = source.member("/data.pkl")
    if pickled is None:
        return "not a whole zip archive of torch.save"
    from lgncc.nn.checkpoint import FORMAT  # not before: it takes torch

    named = FORMAT.encode() in pickled
    return None if named else f"a torch file that does not say {FORMAT!r}"


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError for a malformed file, or a given fact that contradicts it."""
    from lgncc.nn import GroupSum, LogicDense
    from lgncc.nn.chain import input_bits
    from lgncc.nn.checkpoint import read as read_checkpoint
    from lgncc.nn.inputs import InputLayer
    from lgncc.nn.recurrent import LogicRecurrent

    given.only("lgncc.nn", "classes", "input_bits", "tau")
    checkpoint = read_checkpoint(source)
    layers = checkpoint.layers
    n_bits = input_bits(layers)
    source.agree("input_bits", n_bits, given.input_bits)
    netlist = lower(layers)
    gates = [part for layer in layers for part in layer.modules() if isinstance(part, LogicDense)]
    facts = [
        Fact("network", _network(layers, n_bits), "from checkpoint"),
        *(Fact("gates", text, "from checkpoint") for text in dict.fromkeys(map(_gates, gates))),
        *(
            Fact("cell", part.cell, "from checkpoint")
            for part in layers
            if isinstance(part, LogicRecurrent)
        ),
        *(Fact("wiring", text, "from checkpoint") for text in dict.fromkeys(map(_wiring, gates))),
        *neuron_facts(layers),
    ]
    encoder = _encoder(layers[0] if isinstance(layers[0], InputLayer) else None, n_bits, facts)
    last = layers[-1]
    readout = _readout(
        last if isinstance(last, GroupSum) else None, len(netlist.outputs), source, given, facts
    )
    facts += [
        Fact(name, str(value), "from checkpoint")
        for name, value in checkpoint.metadata.items()
        if isinstance(value, str | int | float)
    ]
    return LogicModel(encoder, netlist, readout, source.provenance(READER.name, facts))


def _network(layers: tuple[torch.nn.Module, ...], n_bits: int) -> str:
    """`64-1x8x8-16x3x3-144-40`: the bits that go in, and what each layer makes of them."""
    from lgncc.nn import GroupSum
    from lgncc.nn.chain import shapes
    from lgncc.nn.inputs import InputLayer

    made = [
        shape
        for layer, shape in zip(layers, shapes(layers), strict=True)
        if not isinstance(layer, InputLayer | GroupSum)
    ]
    return "-".join("x".join(map(str, shape)) for shape in [(n_bits,), *made])


def _gates(layer: LogicDense) -> str:
    rule = {
        "raw": "argmax of 16 weights, the first of equals",
        "light": f"row is 1 where its weight is above 0, {layer.arity} inputs",
        "walsh": f"row is 1 where its sum of Walsh coefficients is below 0, {layer.arity} inputs",
    }
    return rule[layer.parametrization]


def _wiring(layer: LogicDense) -> str:
    if layer.wiring is None:
        return "connections of every layer"
    return f"best of {len(layer.wiring.candidates)} candidates, the first of equals"


def _encoder(layer: InputLayer | None, n_bits: int, facts: list[Fact]) -> Encoder:
    if layer is None:
        facts.append(Fact("encoder", "none, the inputs are bits", "from checkpoint"))
        return Encoder.identity(n_bits)
    stated = layer.boundaries().numpy()
    encoder = Encoder.uniform(
        layer.features,
        feature=np.repeat(np.arange(layer.features), layer.levels),
        threshold=stated.reshape(-1),
        **vars(layer.input_format),
    )
    size = f"{layer.features} features, {layer.levels} thresholds each"
    facts += [
        Fact("encoder", f"thermometer x > t, {size}", "from checkpoint"),
        Fact("input format", encoder.format_name(0), "from checkpoint"),
    ]
    folded = np.ldexp(encoder.threshold.astype(np.float64), -layer.input_format.fraction)
    moved = int((folded != stated.reshape(-1)).sum())
    if moved:
        facts.append(
            Fact("thresholds", f"{moved} moved to the format's next lower value", "derived, exact")
        )
    return encoder


def _readout(
    layer: GroupSum | None, n_outputs: int, source: Source, given: GivenFacts, facts: list[Fact]
) -> Readout:
    if layer is None:
        readout, more = group_readout(source, n_outputs, given)
        facts += more
        return readout
    classes = source.agree("classes", layer.classes, given.classes)
    tau = source.agree("tau", layer.tau, given.tau)
    groups = f"GroupSum, {classes} contiguous groups, tau {tau:g}"
    facts.append(Fact("readout", groups, "from checkpoint"))
    return Readout.group_sum(n_outputs, classes, tau=tau)


READER = Reader("native", recognize, read)
