"""lgncc's own .npz of a LogicModel, as `lgncc export --format npz` writes it."""

from __future__ import annotations

from dataclasses import replace

from lgncc.errors import InputError
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.model import LogicModel
from lgncc.storage import load_model


def recognize(source: Source) -> str | None:
    return None if "header.npy" in source.members else "not an .npz with a header array"


def read(source: Source, given: GivenFacts) -> LogicModel:
    given.only("lgncc .npz", "classes", "input_bits", "tau")
    model = load_model(source.path)
    if model.readout.kind != "bits":
        source.agree("classes", model.readout.n_classes, given.classes)
        source.agree("tau", model.readout.tau, given.tau)
    elif given.classes is not None or given.tau is not None:
        raise InputError(f"{source.path}: reads out bits; --classes and --tau have no meaning")
    source.agree("input_bits", model.netlist.n_inputs, given.input_bits)
    return replace(
        model, provenance=source.provenance(model.provenance.frontend, [*model.provenance.facts])
    )


READER = Reader("npz", recognize, read)
