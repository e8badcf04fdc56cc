"""The folder of one build: steps that resume, and final files that are never half a build.

    OUT/.lgncc-build          marks the folder as ours and lists what was published
    OUT/work/<step>/          a finished step: its inputs, outputs, logs and done.json
    OUT/work/<step>.partial/  a step under way, interrupted or failed
    OUT/<name>                published files
    OUT/MANIFEST.json         digests of the published files; written last, so it means "finished"

A step is keyed by the digest of everything it reads (file contents, options, tool). A rerun skips
it when the key is the same and its outputs still have their digests.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path, PurePosixPath

import lgncc
from lgncc.errors import InputError
from lgncc.flow.tools import Tool

FORMAT = 1
MANIFEST = "MANIFEST.json"
_MARKER = ".lgncc-build"
_DONE = "done.json"

Content = str | bytes | Path
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StepResult:
    """A finished step; `seconds` is what it took when it ran, also if `cached`."""

    name: str
    seconds: float
    cached: bool
    folder: Path


class Workspace:
    """One build folder, used by one process at a time: `begin`, `step` and `publish`, `finish`."""

    def __init__(self, out: Path) -> None:
        self.out = out.resolve()
        self._published: list[str] = []
        self._lock: TextIOWrapper | None = None

    def begin(self) -> None:
        """Create or re-enter the folder and remove what an earlier build published in it."""
        marker = self.out / _MARKER
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"{self.out} is a file; --out needs a folder")
        if not marker.is_file() and self.out.is_dir() and any(self.out.iterdir()):
            raise InputError(
                f"{self.out} is not empty and was not made by lgncc: it is left alone.\n"
                f"  Choose another --out, or empty this folder first."
            )
        (self.out / "work").mkdir(parents=True, exist_ok=True)
        self._take_lock()
        (self.out / MANIFEST).unlink(missing_ok=True)  # first: from here on nothing is finished
        for name in _published_before(marker):
            (self.out / name).unlink(missing_ok=True)
        self._published = []
        self._write_marker()

    def step(
        self,
        name: str,
        run: Callable[[Path], None],
        *,
        files: Mapping[str, Content],
        options: Sequence[str] = (),
        tool: Tool | None = None,
        progress: Notice | None = None,
    ) -> StepResult:
        """Run `run(folder)` in a folder that holds `files`, unless it was done before.

        Everything that `run` reads must be in `files`, `options` or `tool`. Whatever it leaves in
        the folder is output. After an exception the folder stays as `<name>.partial` with its logs.
        """
        contents = {key: _digest(files[key]) for key in sorted(files)}
        identity = [tool.name, tool.version, tool.source] if tool else []
        key = _digest(json.dumps([FORMAT, name, contents, list(options), identity]))
        folder = self.out / "work" / name
        seconds = _seconds_if_done(folder, key)
        if seconds is not None:
            return StepResult(name, seconds, True, folder)

        if progress is not None:
            progress(name)
        partial = folder.with_name(f"{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        with _place_named(partial):
            for file_name, content in files.items():
                _write(partial / file_name, content)
        start = time.monotonic()
        with _place_named(partial):
            run(partial)
        seconds = time.monotonic() - start
        done = {
            "digest": key,
            "seconds": round(seconds, 3),
            "tool": identity,
            "outputs": {path.name: _digest(path) for path in sorted(partial.iterdir())},
        }
        _write(partial / _DONE, json.dumps(done, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        return StepResult(name, seconds, False, folder)

    def publish(self, content: Path | bytes, name: str) -> Path:
        """Put a final file into OUT, whole or not at all; `name` may contain folders."""
        if name == MANIFEST or name.startswith(".") or not _inside(name):
            raise ValueError(f"{name!r} cannot be the name of a published file")
        if name not in self._published:
            self._published.append(name)
            self._write_marker()  # before the file: an interrupted build leaves nothing unlisted
        return self._place(content, name)

    def finish(self, tools: Iterable[Tool]) -> Path:
        """Write MANIFEST.json, which says that this build is complete, and release the folder."""
        manifest = {
            "format": FORMAT,
            "lgncc": lgncc.__version__,
            "files": {name: _digest(self.out / name) for name in sorted(self._published)},
            "tools": {
                tool.name: {"version": tool.version, "source": tool.source} for tool in tools
            },
        }
        path = self._place(json.dumps(manifest, indent=1).encode(), MANIFEST)
        if self._lock is not None:
            self._lock.close()
        return path

    def _place(self, content: Content, name: str) -> Path:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sibling = path.with_name(f"{path.name}.partial")
        with _place_named(path):
            _write(sibling, content)
        sibling.replace(path)
        return path

    def _write_marker(self) -> None:
        self._place(json.dumps({"format": FORMAT, "published": self._published}), _MARKER)

    def _take_lock(self) -> None:
        self._lock = (self.out / "work" / ".lock").open("w")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"another lgncc is building in {self.out}") from error


def check_manifest(out: Path) -> dict[str, str]:
    """Digests of a finished build's files, by name; InputError if it is unfinished or altered."""
    try:
        files: dict[str, str] = json.loads((out / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{out} is not a finished build: it has no readable {MANIFEST}.\n"
            f"  Run lgncc compile ... --out {out} to its end."
        ) from error
    altered = [n for n, d in files.items() if not (out / n).is_file() or _digest(out / n) != d]
    if altered:
        raise InputError(f"{out}: changed since the build: {', '.join(altered)}. Compile again.")
    return files


def _published_before(marker: Path) -> list[str]:
    if not marker.is_file():
        return []
    try:
        listed = json.loads(marker.read_text())
        format_, names = listed["format"], listed["published"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{marker} is damaged; delete this build folder") from error
    if format_ != FORMAT or not all(isinstance(n, str) and _inside(n) for n in names):
        raise InputError(f"{marker} was not written by this version of lgncc; use another --out")
    return list(names)


def _seconds_if_done(folder: Path, key: str) -> float | None:
    """How long the step took, or None if it must run: never done, other inputs, or altered."""
    try:
        done = json.loads((folder / _DONE).read_text())
        intact = all(_digest(folder / name) == digest for name, digest in done["outputs"].items())
        return float(done["seconds"]) if done["digest"] == key and intact else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # an unreadable record is no record


@contextmanager
def _place_named(path: Path) -> Iterator[None]:
    """Let an error that names no file, as that of a full disk, say where it was."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _write(path: Path, content: Content) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    if path.suffix == ".partial":
        with path.open("rb") as file:
            os.fsync(file.fileno())  # the rename that follows must not overtake the data


def _digest(content: Content) -> str:
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
