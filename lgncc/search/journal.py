"""The journal of a search: a header and a line a candidate, in order, so that it can go on later.

Lines are appended and synced one by one. A last line that was torn by a crash is dropped; whatever
else is wrong with a line, it and all after it are.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lgncc.errors import InputError
from lgncc.mapping import MappingOptions
from lgncc.search.candidate import Evaluation

FORMAT = "lgncc-search"
VERSION = 1


@dataclass(frozen=True)
class Record:
    """A candidate: where it came from, its options, what it cost, and when in the search it was
    known, in seconds of searching."""

    origin: str
    options: MappingOptions
    evaluation: Evaluation
    at_s: float

    def to_json(self) -> str:
        fields = {
            "origin": self.origin,
            "options": self.options.to_dict(),
            "found": self.evaluation.to_dict(),
            "at_s": self.at_s,
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, line: bytes) -> Record:
        found = json.loads(line)
        return cls(
            found["origin"],
            MappingOptions.from_dict(found["options"]),
            Evaluation.from_dict(found["found"]),
            float(found["at_s"]),
        )


class Journal:
    """Of one search, by one process at a time. `records` are those of earlier runs."""

    def __init__(self, path: Path | None, key: str, *, replace: bool = False) -> None:
        """path: None keeps nothing. key: what the search is of and how; a journal of another is
        begun anew where `replace`, else it is an InputError."""
        self.records: list[Record] = []
        self._file: IO[bytes] | None = None
        if path is None:
            return
        try:
            self._file = path.open("r+b" if path.exists() else "w+b")
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{path}: another lgncc searches with this journal") from error
        except OSError as error:
            raise InputError(f"{path}: cannot be the journal: {error.strerror}") from error
        header = {"format": FORMAT, "version": VERSION, "key": key}
        lines = self._file.read().splitlines(keepends=True)
        length = 0
        if lines and _header(lines[0]) == header:
            self.records, length = _records(lines)
        elif lines and not replace:
            raise InputError(
                f"{path}: is no journal of this search: model, board, options, seed and version of "
                "lgncc must be the same.\n  Give another --search-journal, or delete this one."
            )
        self._file.truncate(length)
        self._file.seek(length)
        if not length:
            self._write(json.dumps(header))

    def append(self, record: Record) -> None:
        if self._file is not None:
            self._write(record.to_json())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, line: str) -> None:
        assert self._file is not None, "only called where there is a file"
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _header(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _records(lines: list[bytes]) -> tuple[list[Record], int]:
    """Those of the whole lines up to the first bad one, and the bytes that they and the header
    take."""
    found, length = [], len(lines[0])
    for line in lines[1:]:
        if not line.endswith(b"\n"):
            break
        try:
            found.append(Record.from_json(line))
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            break
        length += len(line)
    return found, length
