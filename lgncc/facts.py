"""Facts that the user states because a checkpoint may lack them.

Each field is an option of every command that takes MODEL; its help stands here. This
module imports nothing heavy, so that `lgncc --help` is quick.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from lgncc.errors import InputError

ReadoutKind = Literal["class", "scores", "bits"]


@dataclass(frozen=True)
class GivenFacts:
    """All None (or False) unless given. A reader refuses facts that it has no use for."""

    input_bits: Annotated[int | None, "Network inputs."] = None
    input_shape: Annotated[tuple[int, ...] | None, "Shape of a sample: C,H,W."] = None
    input_format: Annotated[str | None, "Number format of a feature: u8, s8, s16.8."] = None
    classes: Annotated[int | None, "Outputs are contiguous groups of one size, one a class."] = None
    tau: Annotated[float | None, "GroupSum divides by this; it never changes the class."] = None
    threshold: Annotated[float | None, "An input is 1 where the feature is above this."] = None
    layers: Annotated[
        Path | None, "TOML file with the layers that a state dict does not record."
    ] = None
    parametrization: Annotated[
        Literal["raw", "light", "warp"] | None,
        "How gates follow from weights, where shapes leave it open (torchlogix).",
    ] = None
    activation: Annotated[
        Literal["sigmoid", "sin", "linear"] | None,
        "What makes truth-table entries of weights (IWP).",
    ] = None
    cell: Annotated[
        Literal["recompute", "feedforward"] | None,
        "Whether an update network sees its own last answer (recurrent).",
    ] = None
    thermometer: Annotated[
        Path | None, "NPZ file with the thresholds that make bits of features."
    ] = None
    randperm: Annotated[
        Path | None, "NPZ file with the order in which GroupSum takes outputs, or none (torch_dwn)."
    ] = None
    wiring: Annotated[Path | None, "NPZ file with the connections that a state dict lacks."] = None
    replay_seed: Annotated[int | None, "Redraw the connections from this seed; needs --check."] = (
        None
    )
    replay_connections: Annotated[Literal["random", "unique"] | None, "How they were drawn."] = None
    replay_device: Annotated[Literal["cpu", "cuda"] | None, "Where the model was built."] = None
    replay_split: Annotated[
        int | None, "Size of a permutation drawn before the model was built."
    ] = None
    check: Annotated[Path | None, "Data that replayed connections must answer right."] = None
    check_accuracy: Annotated[float | None, "Accuracy that they must reach on --check."] = None
    trust_pickle: Annotated[bool, "Run the code in a pickled module. Only if you trust it."] = False
    readout: Annotated[ReadoutKind | None, "What to read out, if not what the model says."] = None

    def only(self, reader: str, *names: str) -> None:
        """Raise InputError if a fact is given that this reader has no use for.

        Ignoring it would let the user believe that it had an effect. `readout` is used
        by all readers.
        """
        for one in fields(self):
            if one.name in (*names, "readout") or getattr(self, one.name) == one.default:
                continue
            option = "--" + one.name.replace("_", "-")
            raise InputError(f"{option} has no meaning for a {reader} file; leave it out")
