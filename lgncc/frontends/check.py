"""`--check FILE`: does the model that was read answer as the trained one did?

The file is an .npz with x and either y, the labels, or predictions, the answers of the
framework itself. It is how a fact that a checkpoint lacks (a wiring drawn again from
its seed, a threshold) is accepted: a wrong one answers at chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lgncc.errors import InputError
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict
from lgncc.model import Fact, LogicModel
from lgncc.storage import read_npz

MIN_SAMPLES = 100
"""Fewer prove little: chance answers three samples of two classes right one time in eight."""


def check_answers(source: Source, model: LogicModel, given: GivenFacts) -> list[Fact]:
    """The share of right answers as a fact. Raises InputError where it is below what is stated.

    With y, --check-accuracy states the share that the model is known to reach, and must
    be above what always answering the commonest label reaches. With predictions all
    must agree, unless --check-accuracy states another share.
    """
    if given.check is None:
        if given.check_accuracy is not None:
            raise InputError(f"{source.path}: --check-accuracy needs --check, the data to reach it")
        return []
    path = given.check
    arrays = read_npz(path)
    truth = [name for name in ("y", "predictions") if name in arrays]
    if "x" not in arrays or len(truth) != 1:
        raise InputError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; "
            "a check needs x and one of y and predictions"
        )
    name, expected, x = truth[0], arrays[truth[0]], arrays["x"]
    if x.ndim == 0:
        raise InputError(f"{path}: x has no samples; it must be (n, features)")
    if model.readout.kind == "bits" and name == "y":
        raise InputError(f"{source.path}: a check by labels needs --classes, to answer with one")
    shape = (len(x), len(model.netlist.outputs)) if model.readout.kind == "bits" else (len(x),)
    if expected.shape != shape or expected.dtype.kind not in "biu":
        raise InputError(
            f"{path}: {name} is {expected.dtype} {expected.shape}; whole numbers {shape} are needed"
        )
    if len(x) < MIN_SAMPLES:
        raise InputError(f"{path}: {len(x)} samples; {MIN_SAMPLES} or more are needed for a check")
    needed = _needed(given, name, expected)
    try:
        answer = predict(model, x)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    answers = answer.bits if answer.classes is None else answer.classes
    right = (answers == expected).reshape(len(x), -1).all(axis=1)
    reached = float(right.mean())
    unit = "right" if name == "y" else "as predicted"
    if reached < needed:
        raise InputError(
            f"{source.path}: answers {reached:.2%} of {path} {unit}, below {needed:.2%}; one of "
            "the facts given for it is wrong (seed, wiring, threshold, classes)"
        )
    return [
        Fact("check", f"{reached:.2%} of {len(x)} samples {unit} ({path.name})", "derived, exact")
    ]


def _needed(given: GivenFacts, name: str, expected: npt.NDArray[np.generic]) -> float:
    if given.check_accuracy is None:
        if name == "y":
            raise InputError(
                f"{given.check}: holds labels; state with --check-accuracy which share of them "
                "the trained model answers right, as 0.97"
            )
        return 1.0
    if not 0 < given.check_accuracy <= 1:
        raise InputError(f"--check-accuracy {given.check_accuracy:g}: give a share, as 0.97")
    commonest = 0.0
    if name == "y":
        commonest = float(np.unique(expected, return_counts=True)[1].max() / len(expected))
    if given.check_accuracy <= commonest:
        raise InputError(
            f"--check-accuracy {given.check_accuracy:g}: always answering the commonest label "
            f"of {given.check} reaches {commonest:.2%}; state more"
        )
    return given.check_accuracy
