"""The differentiable form of a layer of two-input gates.

On {0, 1} every gate is g(a, b) = c0 + c1*a + c2*b + c3*a*b; the same polynomial on
[0, 1] is its probabilistic relaxation (Petersen et al. 2022). A mixture of gates is a
mixture of coefficients, so a layer needs one such expression, not sixteen.
"""

from __future__ import annotations

import torch

from lgncc.gates import GATES


def _gate_coefficients() -> torch.Tensor:
    """Float32 (16, 4): row t holds c0, c1, c2, c3 of the gate with truth table t."""
    tables = torch.tensor([gate.table for gate in GATES])
    at_00, at_a, at_b, at_ab = ((tables >> row & 1).float() for row in range(4))
    return torch.stack([at_00, at_a - at_00, at_b - at_00, at_ab - at_a - at_b + at_00], dim=1)


GATE_COEFFICIENTS = _gate_coefficients()


def gate_layer(
    x: torch.Tensor, coefficients: torch.Tensor, connections: torch.Tensor
) -> torch.Tensor:
    """Evaluate one layer: x (batch, in) in [0, 1] to (batch, out).

    coefficients: (out, 4); connections: int64 (2, out), fanin 0 of every gate in row 0.
    """
    # index_select: its backward is half the time of that of x[:, connections[0]].
    a, b = x.index_select(1, connections[0]), x.index_select(1, connections[1])
    c0, c1, c2, c3 = coefficients.unbind(1)
    return torch.addcmul(torch.addcmul(c0, c1, a), torch.addcmul(c2, c3, a), b)
