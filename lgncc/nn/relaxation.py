"""The differentiable form of a layer of two-input gates.

On {0, 1} every gate is g(a, b) = c0 + c1*a + c2*b + c3*a*b; the same polynomial on
[0, 1] is its probabilistic relaxation (Petersen et al. 2022). A mixture of gates is a
mixture of coefficients, so a layer needs one such expression, not sixteen.
"""

from __future__ import annotations

from typing import Any

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
    out: torch.Tensor = _GateLayer.apply(x, coefficients, connections)  # type: ignore[no-untyped-call]  # torch leaves Function.apply untyped
    return out


class _GateLayer(torch.autograd.Function):
    """Keeps only x for the backward pass and gathers the fanins again.

    Plain autograd of the same expression keeps both gathered fanins and two products.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, coefficients: torch.Tensor, connections: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(x, coefficients, connections)
        a, b = x.index_select(1, connections[0]), x.index_select(1, connections[1])
        c0, c1, c2, c3 = coefficients.unbind(1)
        return torch.addcmul(torch.addcmul(c0, c1, a), torch.addcmul(c2, c3, a), b)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, grad: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        x, coefficients, connections = ctx.saved_tensors
        a, b = x.index_select(1, connections[0]), x.index_select(1, connections[1])
        grad_x = grad_coefficients = None
        if ctx.needs_input_grad[0]:
            _, c1, c2, c3 = coefficients.unbind(1)
            grad_x = torch.zeros_like(x)
            grad_x.index_add_(1, connections[0], grad * torch.addcmul(c1, c3, b))
            grad_x.index_add_(1, connections[1], grad * torch.addcmul(c2, c3, a))
        if ctx.needs_input_grad[1]:
            grad_a = grad * a
            grad_coefficients = torch.stack(
                [grad.sum(0), grad_a.sum(0), (grad * b).sum(0), (grad_a * b).sum(0)], dim=1
            )
        return grad_x, grad_coefficients, None
