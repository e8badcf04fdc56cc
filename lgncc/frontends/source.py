"""What every reader starts from: the file, opened once."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from lgncc.errors import InputError
from lgncc.facts import GivenFacts
from lgncc.model import Fact, LogicModel, Provenance

__all__ = ["GivenFacts", "Reader", "Source"]

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A checkpoint file. Content is read on demand, and once."""

    path: Path

    @cached_property
    def data(self) -> bytes:
        """The whole file. Raises InputError where there is none to read, or it is empty."""
        try:
            data = self.path.read_bytes()
        except IsADirectoryError as error:
            raise InputError(f"{self.path}: is a directory; give a model file") from error
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from error
        if not data:
            raise InputError(f"{self.path}: the file is empty; save or copy the model again")
        return data

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names in the zip archive that the file is; none where it is no (whole) archive."""
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                return tuple(archive.namelist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            return ()

    def member(self, suffix: str) -> bytes | None:
        """The first member whose name ends so; None where there is none, or it is damaged."""
        name = next((name for name in self.members if name.endswith(suffix)), None)
        if name is None:
            return None
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                return archive.read(name)
        except Exception:  # zipfile lets zlib, struct, seek and its own errors out
            return None

    @cached_property
    def archive(self) -> bytes:
        """The zip archive that the file is, packed anew from members with right checksums.

        torch looks at no checksum, and where one bit of the archive's directory calls a
        tensor a folder, it returns memory that nothing wrote. It reads this instead.
        Raises InputError.
        """
        packed = io.BytesIO()
        try:
            with (
                zipfile.ZipFile(io.BytesIO(self.data)) as archive,
                zipfile.ZipFile(packed, "w") as anew,
            ):
                names = archive.namelist()
                if len(set(names)) < len(names):
                    raise zipfile.BadZipFile("two members of one name")
                for name in names:
                    anew.writestr(zipfile.ZipInfo(name), archive.read(name))
        except Exception as error:  # as in `member`
            raise InputError(
                f"{self.path}: a damaged zip archive ({type(error).__name__}: {error}); save or "
                "copy the model again"
            ) from error
        return packed.getvalue()

    @property
    def _is_torch_archive(self) -> bool:
        return any(name.endswith("/data.pkl") for name in self.members)

    @property
    def _is_torch(self) -> bool:
        """An archive of torch.save, or a bare pickle."""
        return self._is_torch_archive or self.data.startswith(b"\x80")

    def _require_whole_archive(self) -> None:
        if self.data.startswith(b"PK") and not self.members:
            raise InputError(
                f"{self.path}: a damaged or truncated zip archive; save or copy the model again"
            )

    def require_readable(self) -> None:
        """Raise InputError where the file is damaged, or a torch file of more than tensors."""
        self._require_whole_archive()
        if self._is_torch:
            _ = self.checkpoint

    @cached_property
    def checkpoint(self) -> object:
        """What torch.load makes of the file where it holds tensors and plain containers alone.

        Raises InputError where it is no torch file, is damaged, or holds more.
        """
        return self.unpickle({})

    def unpickle(self, stand_ins: Mapping[str, type]) -> object:
        """What torch.load(weights_only=True) makes of the file.

        stand_ins: by the full name of a pickled class, the class to build in its place;
        nothing is imported. Raises InputError as `checkpoint` does.
        """
        if not self._is_torch:
            self._require_whole_archive()
            raise InputError(f"{self.path}: not a torch file")
        data = self.archive if self._is_torch_archive else self.data
        import torch

        known: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
            (stand_in, name) for name, stand_in in stand_ins.items()
        ]
        try:
            with torch.serialization.safe_globals(known), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of unusual pickles: they load, or raise
                loaded: object = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        except pickle.UnpicklingError as error:
            # Torch's own message goes on to advise weights_only=False.
            named = re.search(r"GLOBAL (\S+)", str(error))
            which = f" ({named[1]})" if named else ""
            raise InputError(
                f"{self.path}: holds pickled objects besides tensors, which could run code, so it "
                f"was not loaded{which}; save the state dict instead"
            ) from error
        except Exception as error:  # torch raises whatever a damaged stream makes of its parser
            first_line = (str(error).strip() or "no reason given").splitlines()[0]
            raise InputError(
                f"{self.path}: torch cannot load it ({type(error).__name__}: {first_line}); "
                "the file is damaged or truncated"
            ) from error
        return loaded

    def provenance(self, frontend: str, facts: list[Fact]) -> Provenance:
        return Provenance(frontend, str(self.path), self.sha256, tuple(facts))

    def agree(self, name: str, in_file: T, given: T | None) -> T:
        """The fact that the file states. Raises InputError if the user stated another."""
        if given is not None and given != in_file:
            raise InputError(
                f"{self.path}: the file says {name} = {in_file}, the command line says {given}; "
                f"leave --{name.replace('_', '-')} out or give the file's value"
            )
        return in_file


@dataclass(frozen=True)
class Reader:
    """One checkpoint family.

    recognize: None if the content is of this family, else why it is not, in a few
    words. It does not judge whether the file is whole: `read` does, with InputErrors.
    """

    name: str
    recognize: Callable[[Source], str | None]
    read: Callable[[Source, GivenFacts], LogicModel]
