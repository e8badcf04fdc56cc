"""Thresholds that a checkpoint lacks, from a file of the user's: `--thermometer FILE`.

An .npz with one array, `thresholds`: (F, z) with a row a feature, or (z,) for all
features alike, in the units of the data. A bit is `x > t`, strictly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.common import parse_format
from lgncc.frontends.source import GivenFacts, Source
from lgncc.model import Fact
from lgncc.model import Source as Origin
from lgncc.storage import read_npz

Thresholds = npt.NDArray[np.float64]


def read_thresholds(path: Path) -> Thresholds:
    """Raises InputError where the file holds anything else."""
    arrays = read_npz(path)
    if arrays.keys() != {"thresholds"}:
        raise InputError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; a thermometer is one array "
            'thresholds: np.savez("t.npz", thresholds=thermometer.thresholds)'
        )
    return check_thresholds(f"{path}: thresholds", arrays["thresholds"])


def check_thresholds(where: str, array: npt.NDArray[np.generic]) -> Thresholds:
    """As float64 (F, z) or (z,). Raises InputError."""
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2) or not array.size:
        raise InputError(
            f"{where}: {array.dtype} {array.shape}; numbers of shape (features, levels) or "
            "(levels,) are needed"
        )
    thresholds = array.astype(np.float64)
    if not np.isfinite(thresholds).all():
        raise InputError(f"{where}: holds NaN or infinity")
    return thresholds


def thermometer_encoder(
    source: Source,
    given: GivenFacts,
    thresholds: Thresholds,
    feature: npt.NDArray[np.integer],
    n_features: int,
    origin: Origin,
) -> tuple[Encoder, list[Fact]]:
    """Bit j is `x[feature[j]] > thresholds[j]`; both (B,). Needs --input-format."""
    if given.threshold is not None:
        raise InputError(f"{source.path}: --threshold {given.threshold:g} besides a thermometer")
    if given.input_format is None:
        raise InputError(
            f"{source.path}: a thermometer needs --input-format, the number format of a feature "
            "(u8 for 0 to 255, s16.8 for 8 of 16 bits behind the point)"
        )
    bits, signed, fraction = parse_format(given.input_format)
    encoder = Encoder.uniform(
        n_features,
        bits=bits,
        signed=signed,
        fraction=fraction,
        feature=feature,
        threshold=thresholds,
    )
    moved = int((np.ldexp(encoder.threshold.astype(np.float64), -fraction) != thresholds).sum())
    facts = [
        Fact("inputs", f"{n_features} features, {given.input_format}", "given"),
        Fact("encoder", f"thermometer x > t, {len(thresholds)} bits", origin),
    ]
    if moved:
        facts.append(
            Fact("thresholds", f"{moved} moved to the format's next lower value", "derived, exact")
        )
    return encoder, facts
