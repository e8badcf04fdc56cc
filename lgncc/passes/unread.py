"""A model without what no answer depends on: what is mapped, assembled and proved from."""

from __future__ import annotations

from lgncc.model import LogicModel
from lgncc.passes.inputs import PruneInputs
from lgncc.passes.state import PruneState


def without_unread(model: LogicModel) -> LogicModel:
    """State bits first: their gates read inputs."""
    return PruneInputs().apply(PruneState().apply(model))
