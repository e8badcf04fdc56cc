"""Checkpoints to LogicModels: one module per family, each offering one `Reader`.

To add a family: write its module with a `READER`, and list it in `readers`. Detection
is by content, never by file name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lgncc.errors import InputError
from lgncc.frontends.seen import seen
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.model import Fact, LogicModel, Readout

__all__ = ["GivenFacts", "Reader", "Source", "load", "readers"]


def readers() -> tuple[Reader, ...]:
    """Every family that lgncc reads, in the order in which errors list them."""
    from lgncc.frontends import (
        aiger,
        blif,
        convlogic,
        difflogic,
        dwn,
        iwp,
        llnn,
        native,
        npz,
        recurrent,
        torchlogix,
        torchlogix_circuit,
        verilog,
    )

    return (
        native.READER,
        npz.READER,
        blif.READER,
        difflogic.READER,
        iwp.READER,
        llnn.READER,
        torchlogix.READER,
        torchlogix_circuit.READER,
        convlogic.READER,
        dwn.READER,
        recurrent.READER,
        aiger.READER,
        verilog.READER,
    )


def load(path: Path, given: GivenFacts | None = None, frontend: str | None = None) -> LogicModel:
    """Read a checkpoint of any family.

    `frontend` names the reader and skips detection. Raises InputError where no reader,
    or more than one, recognizes the content, and where the file is malformed.
    """
    given = given or GivenFacts()
    source = Source(Path(path))
    model = _choose(source, frontend).read(source, given)
    if given.readout is None or given.readout == model.readout.kind:
        return model
    if model.readout.kind == "bits":
        raise InputError(
            f"{path}: its outputs have no classes, so --readout {given.readout} needs --classes"
        )
    changed = Fact("readout", given.readout, "given")
    provenance = replace(model.provenance, facts=(*model.provenance.facts, changed))
    readout = (
        Readout.bits() if given.readout == "bits" else replace(model.readout, kind=given.readout)
    )
    return replace(model, readout=readout, provenance=provenance)


def _choose(source: Source, frontend: str | None) -> Reader:
    known = {reader.name: reader for reader in readers()}
    if frontend is not None:
        if frontend not in known:
            raise InputError(f"--frontend {frontend}: unknown; one of {', '.join(known)}")
        return known[frontend]
    _ = source.data  # a missing or empty file has one message, whatever the readers
    verdicts = {name: reader.recognize(source) for name, reader in known.items()}
    accepting = [name for name, reason in verdicts.items() if reason is None]
    if len(accepting) == 1:
        return known[accepting[0]]
    if accepting:
        raise InputError(
            f"{source.path}: could be any of {', '.join(accepting)}; choose one with --frontend.\n"
            f"  seen: {seen(source)}"
        )
    source.require_readable()  # what no reader wants is often damaged, or a pickle with code
    declined = "\n".join(f"  {name}: {reason}" for name, reason in verdicts.items())
    raise InputError(
        f"{source.path}: no reader recognizes this file.\n  seen: {seen(source)}\n{declined}"
    )
