"""Facts that the user states because a checkpoint may lack them.

Each field is an option of every command that takes MODEL; its help stands here. This
module imports nothing heavy, so that `lgncc --help` is quick.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from lgncc.errors import InputError

ReadoutKind = Literal["class", "scores", "bits"]


def _fact(help_text: str) -> Any:
    return field(default=None, metadata={"help": help_text})


@dataclass(frozen=True)
class GivenFacts:
    """All None (or False) unless given. A reader refuses facts that it has no use for."""

    input_bits: int | None = _fact("Network inputs.")
    input_shape: tuple[int, ...] | None = _fact("Shape of a sample: C,H,W.")
    input_format: str | None = _fact("Number format of a feature: u8, s8, s16.8.")
    classes: int | None = _fact("Outputs are contiguous groups of one size, one a class.")
    tau: float | None = _fact("GroupSum divides by this; it never changes the class.")
    threshold: float | None = _fact("An input is 1 where the feature is above this.")
    layers: Path | None = _fact("TOML file with the layers that a state dict does not record.")
    parametrization: Literal["raw", "light", "warp"] | None = _fact(
        "How gates follow from weights, where shapes leave it open (torchlogix)."
    )
    wiring: Path | None = _fact("NPZ file with the connections that a state dict lacks.")
    replay_seed: int | None = _fact("Redraw the connections from this seed; needs --check.")
    replay_connections: Literal["random", "unique"] | None = _fact("How they were drawn.")
    replay_device: Literal["cpu", "cuda"] | None = _fact("Where the model was built.")
    replay_split: int | None = _fact("Size of a permutation drawn before the model was built.")
    check: Path | None = _fact("Data that replayed connections must answer right.")
    check_accuracy: float | None = _fact("Accuracy that they must reach on --check.")
    trust_pickle: bool = field(
        default=False, metadata={"help": "Run the code in a pickled module. Only if you trust it."}
    )
    readout: ReadoutKind | None = _fact("What to read out, if not what the model says.")

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
