"""Rung "frontend": the golden model answers as the framework's own forward pass does."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Integers
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.golden import predict
from lgncc.model import LogicModel
from lgncc.verify.rung import Rung

RANDOM_SAMPLES = 1000
RANDOM_STEPS = 8
"""Of a sequence, for a model with state, if its data have no other length."""


def check_frontend(path: Path, model: LogicModel, x: npt.NDArray[np.generic] | None) -> Rung:
    """Compare scores with torch on the user's samples, if any, and on random ones.

    Raises DesignError where they differ. Skipped for files without a forward pass.
    """
    if model.provenance.frontend != "native":
        return Rung("frontend", "skipped", f"{model.provenance.frontend}: no forward pass to run")
    import torch

    from lgncc import nn

    started = time.perf_counter()
    network = nn.load(path).eval()
    random = random_samples(model.encoder, RANDOM_SAMPLES)
    if model.netlist.n_state:
        steps = RANDOM_STEPS if x is None or x.ndim != 3 else x.shape[1]
        whole = max(RANDOM_SAMPLES // max(steps, 1), 1) * steps
        random = random_samples(model.encoder, whole).reshape(-1, steps, model.encoder.n_features)
    samples = random if x is None else np.concatenate([np.asarray(x, np.float64), random])
    with torch.no_grad():
        # float64 carries every representable feature value exactly.
        theirs = network(torch.from_numpy(samples)).numpy()
    answers = predict(model, samples)
    readout = model.readout
    ours = (
        answers.bits.astype(np.float64)
        if answers.scores is None
        else (answers.scores + readout.beta) / readout.tau
    )
    # Scores are sums of at most a few thousand ones, divided once: exact up to one rounding.
    wrong = ~np.isclose(ours, theirs, rtol=1e-6, atol=0).reshape(len(samples), -1).all(axis=1)
    if wrong.any():
        sample = int(np.argmax(wrong))
        raise DesignError(
            f"frontend: refuted: {int(wrong.sum())} of {len(samples)} samples differ from torch; "
            f"sample {sample}: torch {theirs[sample]}, lgncc {ours[sample]}"
        )
    of_what = "sequences" if model.netlist.n_state else "samples"
    detail = f"torch forward pass, {len(samples)} {of_what} ({len(random)} of them random)"
    return Rung("frontend", "tested", detail, time.perf_counter() - started)


def random_samples(encoder: Encoder, n: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """n samples (n, F), uniform over all that the features' formats can represent."""
    rng = np.random.default_rng(seed)
    low, high = encoder.integer_range
    integers: Integers = rng.integers(low, high, (n, encoder.n_features), endpoint=True)
    return np.ldexp(integers.astype(np.float64), -encoder.fraction.astype(np.int64))
