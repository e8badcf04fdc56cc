"""Damaged files for readers: what mutants look like, and what a reader may do with one.

A mutant has a seed of its own, `(seed, index)`, which a failure shows: `mutant(data, seed)`
makes it again. LGNCC_FUZZ in the environment says how many each test takes.
"""

from __future__ import annotations

import io
import os
import random
import re
import signal
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lgncc.errors import InputError
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.golden import predict
from lgncc.model import LogicModel
from lgncc.netlist import validate

MUTANTS = int(os.environ.get("LGNCC_FUZZ", "300"))
HANG_CPU_SECONDS = 5.0
SPECIAL = (b"\0", b"\xff", b"\x80", b"\n", b"0", b"9", b"-", b".", b"\xff\xff\xff\x7f")


def mutations(data: bytes, n: int, seed: int = 0) -> Iterator[bytes]:
    """n damaged versions of `data`; number i is `mutant(data, (seed, i))`."""
    for index in range(n):
        yield mutant(data, (seed, index))


def mutant(data: bytes, seed: tuple[int, int]) -> bytes:
    """One damaged version. Of zip archives, every other one has right checksums again."""
    rng = random.Random(repr(seed))
    if is_rezipped(data, seed):
        return _rezip(data, rng)
    return _damage(data, rng)


def is_rezipped(data: bytes, seed: tuple[int, int]) -> bool:
    """Whether the mutant is a whole archive of damaged members: another, legitimate file."""
    return data.startswith(b"PK") and seed[1] % 2 == 1


def _damage(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        size = min(rng.choice((1, 1, 2, 4, 8, 64, 512)), 1 + len(data) // 8, len(data) - at)
        other = rng.randrange(len(data) + 1)
        kind = rng.randrange(8)
        if kind == 0 and size:  # one bit
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif kind == 1:  # a run of random bytes
            data = data[:at] + rng.randbytes(size) + data[at + size :]
        elif kind == 2:  # a run of one telling value
            run = (rng.choice(SPECIAL) * size)[:size]
            data = data[:at] + run + data[at + size :]
        elif kind == 3:  # the end is missing
            data = data[: max(1, at)]
        elif kind == 4:  # a span is missing
            data = data[:at] + data[at + size :]
        elif kind == 5:  # a span is there twice
            data = data[:other] + data[at : at + size] + data[other:]
        else:  # a word stands in the place of another, a well-formed one of text
            words = list(re.finditer(rb"\w+", data[max(0, at - 4096) : at + 4096]))
            if words:
                start = max(0, at - 4096)
                old, new = rng.choice(words), rng.choice(words)
                data = data[: start + old.start()] + new[0] + data[start + old.end() :]
    return data or b"\0"


def _rezip(data: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    victim, other = rng.randrange(len(members)), rng.randrange(len(members))
    info, content = members[victim]
    match rng.randrange(8):
        case 0:
            del members[victim]
        case 1:  # the content of another member
            members[victim] = info, members[other][1]
        case _:
            members[victim] = info, _damage(content or b"\0", rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, content in members:
            named = zipfile.ZipInfo(member.filename)  # with a fixed date, not today's
            archive.writestr(named, content, member.compress_type)
    return buffer.getvalue()


def check_reader(
    reader: Reader, data: bytes, given: GivenFacts | None = None, n: int = MUTANTS, seed: int = 0
) -> Counter[str]:
    """Fail unless each mutant of the good file `data` gives an InputError or a valid model.

    A model from an archive whose checksums were not made right again must be the model
    of the good file: only padding and the like may have changed. Returns how many
    mutants were `refused`, the `same` model and an `other` valid one.
    """
    given = given or GivenFacts()
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy and torch warn of what they then refuse
        path = Path(folder) / "mutant.bin"
        path.write_bytes(data)
        good = reader.read(Source(path), given)
        assert reader.recognize(Source(path)) is None
        for index, damaged in enumerate(mutations(data, n, seed)):
            path.write_bytes(damaged)
            where = f"{reader.name}: mutant(data, ({seed}, {index})) of {len(data)} bytes"
            try:
                with _cpu_limit():
                    outcome = _outcome(reader, path, given, good)
            except (Exception, _HangError) as error:
                raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
            protected = data.startswith(b"PK") and not is_rezipped(data, (seed, index))
            assert not (protected and outcome == "other"), f"{where}: read as another model"
            tally[outcome] += 1
    return tally


def _outcome(reader: Reader, path: Path, given: GivenFacts, good: LogicModel) -> str:
    """`refused`, `same` or `other`; AssertionError where the refusal or the model is no good."""
    source = Source(path)
    verdict = reader.recognize(source)
    assert verdict is None or "\n" not in verdict, f"a reason is a few words: {verdict!r}"
    try:
        model = reader.read(source, given)
    except InputError as error:
        refusal = str(error)
    else:
        return _judge(model, good)
    summary = refusal.split("\n", maxsplit=1)[0]
    assert path.name in summary, f"the message does not name the file: {refusal}"
    return "refused"


def _judge(model: LogicModel, good: LogicModel) -> str:
    validate(model.netlist)
    features = model.encoder.n_features
    steps = (3,) if model.netlist.n_state else ()
    predict(model, np.zeros((2, *steps, features), np.int64))
    return "same" if same_model(model, good) else "other"


def same_model(one: LogicModel, two: LogicModel) -> bool:
    """Whether encoder, netlist and readout hold the same arrays and numbers."""
    for part in ("encoder", "netlist", "readout"):
        left, right = (getattr(model, part) for model in (one, two))
        for name in type(left).__dataclass_fields__:
            if not np.array_equal(getattr(left, name), getattr(right, name)):
                return False
    return True


class _HangError(BaseException):
    """A reader took too long. No Exception, so that no reader can swallow it."""


@contextmanager
def _cpu_limit() -> Iterator[None]:
    """Raise _HangError past the limit, in CPU time: other processes share the machine."""

    def ring(*_: object) -> None:
        raise _HangError(f"over {HANG_CPU_SECONDS:g} s of CPU time")

    previous = signal.signal(signal.SIGPROF, ring)  # pytest-timeout has SIGALRM
    signal.setitimer(signal.ITIMER_PROF, HANG_CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
