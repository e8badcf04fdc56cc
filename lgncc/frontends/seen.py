"""What a file looks like, in one line, for the message that no reader takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lgncc.errors import InputError
from lgncc.frontends.source import Source
from lgncc.frontends.state_dict import StateDict

SHOWN = 6
SHOWN_CHARACTERS = 60


def seen(source: Source) -> str:
    """Names and shapes of tensors, members of an archive, the first line of a text, or bytes."""
    try:
        state = StateDict.of(source)
        if state is not None:
            return f"a state dict: {state.describe(SHOWN)}"
        content = source.checkpoint
        keys = f" with keys {_some(map(repr, content))}" if isinstance(content, Mapping) else ""
        return f"a torch file of a {type(content).__name__}{keys}"
    except InputError:
        pass  # no torch file
    if source.members:
        return f"an archive of {_some(source.members)}"
    head = source.data[:SHOWN_CHARACTERS]
    if head.isascii() and b"\0" not in head:
        return f"text, {len(source.data):,} bytes, that begins {head.decode().splitlines()[0]!r}"
    return f"{len(source.data):,} bytes that begin {head[:8].hex(' ')}"


def _some(names: Iterable[str]) -> str:
    first = [*names]
    return ", ".join([*first[:SHOWN], *(["..."] if len(first) > SHOWN else [])])
