"""MappingOptions: every choice that the mapper leaves open; -O3 searches among them.

Whatever they are, the design answers as the model does and is proved like any other. The defaults
are what -O2 takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.errors import InputError
from lgncc.mapping.abc import AREA, SHALLOW

READOUTS = ("compressors", "plain")
OPTIONAL = {"attempts": int, "max_levels": int, "script": str, "argmax_script": str, "absorb": str}


@dataclass(frozen=True)
class MappingOptions:
    """readout: compressors with a certificate, or `plain` full-adder trees mapped by ABC with all
    the rest, which have none.
    script: ABC commands for what is mapped as gates; None: those of AREA and of SHALLOW, whichever
        serve better, and AREA's for a plain readout.
    argmax_script: the same for the argmax alone; None: those of `script`.
    max_levels: LUT levels that a design is not to exceed, if one is found that does not; None:
        those of the plain readout, or any number for large networks.
    attempts: how many ways of fusing readout and network are tried; None: fewer for large networks.
    absorb: instead, the terms whose gates the readout is to take in where it can: as `pack_terms`
        writes them, see there.
    gate_order: seed of the order in which ABC meets the gates; 0: as they come.
    extend_readers: gates of terms for which a node that they lack is built, to absorb them.
    expand_below: gates of terms that a gate of inputs only has to be read by to be built for them;
        where fewer read it, they read its inputs.
    leaf_orders: of each class, the seed of the order in which its leaves are grouped; 0, and for
        the classes left out: as they come.
    plain_every: bits of a column for one that stays plain. Fewer make deeper designs, each costs a
        sixth of a LUT at k = 4.
    argmax_few: words left from when on comparisons are made for speed.
    """

    readout: Literal["compressors", "plain"] = "compressors"
    script: str | None = None
    argmax_script: str | None = None
    max_levels: int | None = None
    attempts: int | None = None
    absorb: str | None = None
    gate_order: int = 0
    extend_readers: int = 2
    expand_below: int = 0
    leaf_orders: tuple[int, ...] = ()
    plain_every: int = 16
    argmax_few: int = 3

    def __post_init__(self) -> None:
        lowest = {
            "gate_order": 0,
            "extend_readers": 1,
            "expand_below": 0,
            "plain_every": 1,
            "argmax_few": 0,
        }
        wrong = [name for name, least in lowest.items() if getattr(self, name) < least]
        wrong += ["readout"] if self.readout not in READOUTS else []
        wrong += [
            name
            for name in ("attempts", "max_levels")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        wrong += ["leaf_orders"] if min(self.leaf_orders, default=0) < 0 else []
        if wrong:
            said = ", ".join(f"{name} = {getattr(self, name)!r}" for name in wrong)
            raise InputError(f"mapping options: out of range: {said}")

    @property
    def scripts(self) -> tuple[str, ...]:
        return (SHALLOW, AREA) if self.script is None else (self.script,)

    @property
    def argmax_scripts(self) -> tuple[str, ...]:
        return self.scripts if self.argmax_script is None else (self.argmax_script,)

    def absorbed(self, count: int) -> Bits:
        """bool (count,): `absorb` of so many terms."""
        try:
            packed = np.frombuffer(bytes.fromhex(self.absorb or ""), np.uint8)
        except ValueError as error:
            raise InputError(f"mapping options: absorb: {error}") from error
        if len(packed) != -(-count // 8):
            raise InputError(
                f"mapping options: absorb has {len(packed)} bytes, the {count} terms of this "
                f"readout take {-(-count // 8)}; it is of another model"
            )
        return np.unpackbits(packed, count=count, bitorder="little").astype(np.bool_)

    def to_dict(self) -> dict[str, Any]:
        """What is not at its default, as JSON has it."""
        default = MappingOptions()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != getattr(default, name)
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> MappingOptions:
        """Raises InputError where a key or a value is none of ours."""
        default = cls()
        unknown = set(found) - {field.name for field in fields(cls)}
        if unknown:
            raise InputError(f"mapping options: unknown: {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found.items()
        }
        for name, value in values.items():
            kind = OPTIONAL.get(name) or type(getattr(default, name))
            items = value if isinstance(value, tuple) else ()
            if type(value) is not kind or any(type(item) is not int for item in items):
                raise InputError(f"mapping options: {name} = {value!r} is not of its type")
        return cls(**values)

    def leaf_order(self, klass: int, column: int, count: int) -> Integers:
        """int64 (count,): the order of so many leaves of a class and column."""
        seed = self.leaf_orders[klass] if klass < len(self.leaf_orders) else 0
        if not seed:
            return np.arange(count)
        return np.random.default_rng((seed, klass, column)).permutation(count)


def pack_terms(chosen: Bits) -> str:
    """bool (T,) as hexadecimal digits, eight terms a byte, the first one lowest."""
    return np.packbits(chosen, bitorder="little").tobytes().hex()
