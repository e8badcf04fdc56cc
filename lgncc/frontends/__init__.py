"""Checkpoints to LogicModels: one module per family, each offering one `Reader`.

To add a family: write its module with a `READER`, and list it in `readers`. Detection
is by content, never by file name.
"""

from __future__ import annotations

from pathlib import Path

from lgncc.errors import InputError
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.model import LogicModel

__all__ = ["GivenFacts", "Reader", "Source", "load", "readers"]


def readers() -> tuple[Reader, ...]:
    """Every family that lgncc reads, in the order in which errors list them."""
    from lgncc.frontends import blif, native, npz

    return (native.READER, npz.READER, blif.READER)


def load(path: Path, given: GivenFacts = GivenFacts(), frontend: str | None = None) -> LogicModel:
    """Read a checkpoint of any family.

    `frontend` names the reader and skips detection. Raises InputError where no reader,
    or more than one, recognizes the content, and where the file is malformed.
    """
    known = {reader.name: reader for reader in readers()}
    source = Source(Path(path))
    if frontend is not None:
        if frontend not in known:
            raise InputError(f"--frontend {frontend}: unknown; one of {', '.join(known)}")
        return known[frontend].read(source, given)
    _ = source.data  # a missing or empty file has one message, whatever the readers
    verdicts = {name: reader.recognize(source) for name, reader in known.items()}
    accepting = [name for name, reason in verdicts.items() if reason is None]
    if len(accepting) == 1:
        return known[accepting[0]].read(source, given)
    if accepting:
        raise InputError(
            f"{path}: could be any of {', '.join(accepting)}; choose one with --frontend"
        )
    declined = "\n".join(f"  {name}: {reason}" for name, reason in verdicts.items())
    raise InputError(f"{path}: no reader recognizes this file.\n{declined}")
