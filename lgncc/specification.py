"""What a finished build has to answer: the model as it was read, or what lossy pruning made of it.

model.npz            as it was read
pruned_model.npz     where the build was asked to lose accuracy: what it is held to instead
optimized_model.npz  that of the two, after the passes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lgncc.errors import InputError
from lgncc.model import LogicModel
from lgncc.report.build_report import LossySection
from lgncc.storage import load_model
from lgncc.verify.rung import Rung

PRUNED = "pruned_model.npz"


@dataclass(frozen=True, eq=False)
class Specification:
    """origin: `as read`, or `as pruned with loss`, for the details of rungs."""

    model: LogicModel
    lossy: bool

    @property
    def origin(self) -> str:
        return "as pruned with loss" if self.lossy else "as read"

    @property
    def remark(self) -> str:
        """What a rung must add: nothing, or that it does not reach back to the model as read."""
        return LOSSY_REMARK if self.lossy else ""


LOSSY_REMARK = "; held to the model after lossy pruning, not to the one that was read"


def load_specification(build_dir: Path) -> Specification:
    """Raises InputError where the folder's models cannot be read."""
    lossy = (build_dir / PRUNED).exists()
    path = build_dir / (PRUNED if lossy else "model.npz")
    if not path.exists():
        raise InputError(
            f"{build_dir}: no {path.name} in it; give the --out of a finished `lgncc compile`"
        )
    return Specification(load_model(path), lossy)


def beginning_after(lossy: LossySection | None, rung: Rung) -> Rung:
    """The rung, with the remark where there was lossy pruning before what it checks."""
    return replace(rung, detail=rung.detail + LOSSY_REMARK) if lossy else rung
