"""What several readers need: layer lists, truth tables of other conventions, encoders, readouts.

Each converts from one stated convention to ours, so that a reader says only which one
its family uses.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Tables
from lgncc.encoder import MAX_FEATURE_BITS, Encoder
from lgncc.errors import InputError
from lgncc.frontends.source import GivenFacts, Source
from lgncc.model import Fact, Readout


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a layer list. Raises InputError where it is no TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error


def tables_from_rows(rows: Bits, *, first_fanin: Literal["lsb", "msb"]) -> Tables:
    """Truth tables uint64 (n,) from output rows bool (n, 2**k).

    Row r is the output where the fanins spell r; `first_fanin` says whether fanin 0 is
    the least or the most significant bit of r.
    """
    n, count = rows.shape
    k = count.bit_length() - 1
    index = np.arange(count)
    if first_fanin == "msb":
        index = np.sum([(index >> bit & 1) << (k - 1 - bit) for bit in range(k)], axis=0)
    weights = np.uint64(1) << np.arange(count, dtype=np.uint64)
    tables: Tables = np.where(rows[:, index], weights, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    assert tables.shape == (n,)
    return tables


def tables_from_difflogic(gate_ids: npt.NDArray[np.int64]) -> Tables:
    """Difflogic's gate number g, 0 to 15: on (a, b) the output is `g >> (3 - (2a + b)) & 1`."""
    rows = gate_ids[:, None] >> (3 - np.arange(4)) & 1
    return tables_from_rows(rows.astype(np.bool_), first_fanin="msb")


def parse_format(text: str) -> tuple[int, bool, int]:
    """(bits, signed, fraction) of `u8`, `s8` or `s16.8` (8 of 16 bits behind the point).

    Raises InputError.
    """
    match = re.fullmatch(r"([us])(\d{1,3})(?:\.(\d{1,3}))?", text)
    if not match or not 1 <= int(match[2]) <= MAX_FEATURE_BITS:
        raise InputError(
            f"--input-format {text}: give u8 (unsigned, 8 bits), s8 (two's complement) or s16.8 "
            f"(8 of the 16 bits behind the point), 1 to {MAX_FEATURE_BITS} bits"
        )
    return int(match[2]), match[1] == "s", int(match[3] or 0)


def threshold_encoder(
    source: Source, n_inputs: int, given: GivenFacts
) -> tuple[Encoder, list[Fact]]:
    """The encoder of a family whose files know nothing of inputs: bits, or x > threshold.

    Without --threshold the model takes bits, and data that is anything else is refused
    when it comes. With it, --input-format states what a feature is.
    """
    if given.threshold is None:
        if given.input_format is not None:
            raise InputError(
                f"{source.path}: --input-format {given.input_format} without --threshold; say "
                "above which value an input counts as 1"
            )
        return Encoder.identity(n_inputs), [
            Fact("inputs", f"{n_inputs} bits (no --threshold given)", "derived, exact")
        ]
    if given.input_format is None:
        raise InputError(
            f"{source.path}: --threshold {given.threshold:g} needs --input-format, the number "
            "format of a feature (u8 for 0 to 255)"
        )
    bits, signed, fraction = parse_format(given.input_format)
    encoder = Encoder.uniform(
        n_inputs,
        bits=bits,
        signed=signed,
        fraction=fraction,
        feature=np.arange(n_inputs),
        threshold=np.full(n_inputs, given.threshold),
    )
    return encoder, [
        Fact("inputs", f"{n_inputs} features, {given.input_format}", "given"),
        Fact("threshold", f"x > {given.threshold:g}", "given"),
        Fact(
            "integer threshold",
            f"x > {int(encoder.threshold[0])}" if n_inputs else "none",
            "derived, exact",
        ),
    ]


def group_readout(source: Source, n_outputs: int, given: GivenFacts) -> tuple[Readout, list[Fact]]:
    """The readout of a family whose files hold none: bits, or GroupSum with --classes.

    Raises InputError where the outputs do not divide, or --tau comes without --classes.
    """
    if given.classes is None:
        if given.tau is not None:
            raise InputError(f"{source.path}: --tau needs --classes; without them, bits are read")
        return Readout.bits(), [
            Fact("readout", "bits (no --classes given)", "derived, exact"),
        ]
    tau = 1.0 if given.tau is None else given.tau
    try:
        readout = Readout.group_sum(n_outputs, given.classes, tau=tau)
    except InputError as error:
        raise InputError(f"{source.path}: --classes {given.classes}: {error}") from error
    facts = [Fact("readout", f"GroupSum, {given.classes} contiguous groups", "given")]
    if given.tau is not None:
        facts.append(Fact("tau", f"{given.tau:g}", "given"))
    return readout, facts
