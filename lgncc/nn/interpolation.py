"""The training kernel: lookup tables between their corners, a whole layer at a time.

A gate of k inputs is given by its value at each of the 2**k corners of the unit cube; its
relaxation is the multilinear function through them, which is the expected output for
independent random inputs. All parametrizations are this kernel with other corner values.

Both kernels are autograd functions because that is measurably faster than torch's own
tape (docs/explanation/training.md): they keep nothing but their arguments, gather again
on the way back, and work on blocks that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

BLOCK_FLOATS = 1 << 17
"""Of the largest temporary of a block: half a megabyte, a share of a core's second cache."""


def interpolate(x: torch.Tensor, values: torch.Tensor, connections: torch.Tensor) -> torch.Tensor:
    """Evaluate one layer: x (batch, in) to (batch, out), exactly the table where x is 0 or 1.

    values (out, 2**k): row r is the value where the fanins spell r, fanin 0 lowest;
    connections int64 (k, out): the inputs of every gate.
    """
    dtype = torch.promote_types(x.dtype, values.dtype)
    x, values = x.to(dtype), values.to(dtype)
    if len(connections) == 2:
        at_00, at_a, at_b, at_ab = values.unbind(1)
        coefficients = torch.stack([at_00, at_a - at_00, at_b - at_00, at_ab - at_a - at_b + at_00])
        return _bilinear(x, coefficients, connections)
    # Gates in rows: a matrix product a gate needs its samples side by side.
    return _any_arity(x.T.contiguous(), values, connections).T


class _Bilinear(torch.autograd.Function):
    """c0 + c1*a + c2*b + c3*a*b, in blocks of samples. coefficients: (4, out)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, coefficients: torch.Tensor, connections: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(x, coefficients, connections)
        first, second = connections
        c0, c1, c2, c3 = coefficients
        y = x.new_empty(len(x), coefficients.shape[1])
        for rows in _blocks(len(x), coefficients.shape[1]):
            a, b = x[rows].index_select(1, first), x[rows].index_select(1, second)
            torch.addcmul(c0, c1, a, out=y[rows])
            y[rows].addcmul_(torch.addcmul(c2, c3, a), b)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, coefficients, connections = ctx.saved_tensors
        first, second = connections
        _, c1, c2, c3 = coefficients
        grad_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        grad_c = torch.zeros_like(coefficients)
        for rows in _blocks(len(x), coefficients.shape[1]):
            a, b, g_rows = x[rows].index_select(1, first), x[rows].index_select(1, second), g[rows]
            if grad_x is not None:
                grad_x[rows].index_add_(1, first, torch.addcmul(c1, c3, b).mul_(g_rows))
                grad_x[rows].index_add_(1, second, torch.addcmul(c2, c3, a).mul_(g_rows))
            for coefficient, term in enumerate((g_rows, a.mul_(g_rows), b.mul(g_rows), b.mul_(a))):
                grad_c[coefficient] += term.sum(0)
        return grad_x, grad_c, None


class _Multilinear(torch.autograd.Function):
    """Tables of any arity, in blocks of gates. xt: (in, batch); returns (out, batch)."""

    @staticmethod
    def forward(
        ctx: Any, xt: torch.Tensor, values: torch.Tensor, connections: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(xt, values, connections)
        y = xt.new_empty(len(values), xt.shape[1])
        for gates in _blocks_of_gates(xt, connections):
            y[gates] = _multilinear(_gather(xt, connections[:, gates]), values[gates])
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        xt, values, connections = ctx.saved_tensors
        grad_x = torch.zeros_like(xt) if ctx.needs_input_grad[0] else None
        grad_values = torch.empty_like(values)
        for gates in _blocks_of_gates(xt, connections):
            # The tape of one block, made anew: that of the layer would not fit the cache.
            inputs = _gather(xt, connections[:, gates]).requires_grad_(grad_x is not None)
            table = values[gates].detach().requires_grad_()
            wanted = [table] if grad_x is None else [table, inputs]
            with torch.enable_grad():
                y = _multilinear(inputs, table)
            grads = torch.autograd.grad(y, wanted, g[gates])
            grad_values[gates] = grads[0]
            if grad_x is not None:
                grad_x.index_add_(0, connections[:, gates].reshape(-1), grads[1].flatten(0, 1))
        return grad_x, grad_values, None


def _multilinear(inputs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """inputs (k, gates, batch), values (gates, 2**k) to (gates, batch).

    The sum over corners as a matrix product between the lower and the higher half of the
    fanins: 2**(k/2) temporaries a gate instead of 2**(k-1).
    """
    half = len(inputs) // 2
    low, high = _corners(inputs[:half]), _corners(inputs[half:])
    table = values.reshape(-1, high.shape[1], low.shape[1])
    return (torch.bmm(table, low) * high).sum(1)


def _corners(inputs: torch.Tensor) -> torch.Tensor:
    """inputs (k, gates, batch) to (gates, 2**k, batch): the weight of every corner."""
    corners = torch.stack([1 - inputs[0], inputs[0]], dim=1)
    for x in inputs[1:].unsqueeze(2):
        upper = corners * x
        corners = torch.cat([corners - upper, upper], dim=1)
    return corners


def _gather(xt: torch.Tensor, connections: torch.Tensor) -> torch.Tensor:
    """The rows of xt (in, batch) that the gates read: (k, gates, batch)."""
    return xt.index_select(0, connections.reshape(-1)).reshape(*connections.shape, xt.shape[1])


def _blocks_of_gates(xt: torch.Tensor, connections: torch.Tensor) -> list[slice]:
    k, gates = connections.shape
    return _blocks(gates, xt.shape[1] << (k + 1) // 2)


def _blocks(total: int, floats_each: int) -> list[slice]:
    size = max(1, BLOCK_FLOATS // max(1, floats_each))
    return [slice(start, start + size) for start in range(0, total, size)]


# Named with their types, which torch does not state for `apply`.
_bilinear: Callable[..., torch.Tensor] = _Bilinear.apply
_any_arity: Callable[..., torch.Tensor] = _Multilinear.apply
