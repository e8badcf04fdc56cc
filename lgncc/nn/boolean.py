"""Neurons with Boolean weights: XNOR, popcount, threshold; trained without float weights.

Neuron j answers `popcount(xnor(weights[j], its inputs)) >= thresholds[j]`. Training follows
Boolean variation (Nguyen 2023, "Boolean Variation and Boolean Logic BackPropagation"; BOLD,
Nguyen et al. 2024): the variation of the loss with a bit is how much the loss rises when
that bit goes from 0 to 1, and a weight that works against it is flipped. The bits are the
only weights there are. Option "biper" instead binarizes latent float weights by a
periodic function (Vargas et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch

Binarization = Literal["boolean", "biper"]
FREQUENCY = 20.0
"""Angular frequency of BiPer's wave, as in its paper."""


class BooleanDense(torch.nn.Module):
    """Boolean neurons of `fan_in` inputs each: bits (batch, in) to bits (batch, out).

    `weights`: bool (out, fan_in), without gradient; with binarization "biper" float (out,
    fan_in), whose square wave is the bit. `connections` int64 (fan_in, out): the inputs
    of every neuron. `thresholds` int64 (out,): fixed, more than half of the inputs unless
    given. All are in the state dict. Training and eval mode answer alike, in {0, 1}.

    `variation`: after a backward pass in training mode, the variation of the loss with
    every weight, float (out, fan_in), summed until `BooleanOptimizer.zero_grad`. None
    before, and always with "biper", whose weights have a gradient.
    """

    weights: torch.nn.Parameter
    connections: torch.Tensor
    thresholds: torch.Tensor
    variation: torch.Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        fan_in: int = 7,
        *,
        binarization: Binarization = "boolean",
        frequency: float = FREQUENCY,
        wiring: torch.Tensor | None = None,
        thresholds: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if binarization not in get_args(Binarization):
            raise ValueError(f"binarization={binarization!r}: one of {get_args(Binarization)}")
        if not 0 < frequency < math.inf:
            raise ValueError(f"frequency is {frequency}; it must be above 0")
        if min(in_features, out_features, fan_in) < 1:
            raise ValueError(
                f"BooleanDense: {out_features} neurons of {fan_in} of {in_features} inputs: "
                "each must be at least 1"
            )
        self.in_features, self.out_features, self.fan_in = in_features, out_features, fan_in
        self.binarization, self.frequency = binarization, float(frequency)
        if wiring is None:
            wiring = _deal(in_features, out_features, fan_in, generator)
        if thresholds is None:
            thresholds = torch.full((out_features,), fan_in // 2 + 1)
        _check("connections", wiring, (fan_in, out_features))
        _check("thresholds", thresholds, (out_features,))
        if ((wiring < 0) | (wiring >= in_features)).any():
            raise ValueError(f"connections name inputs outside 0 to {in_features - 1}")
        self.register_buffer("connections", wiring.clone())
        self.register_buffer("thresholds", thresholds.clone())
        shape = (out_features, fan_in)
        if binarization == "boolean":
            bits = torch.randint(2, shape, generator=generator).bool()
            self.weights = torch.nn.Parameter(bits, requires_grad=False)
        else:  # one period of the wave: both signs are as likely
            uniform = torch.rand(shape, generator=generator) * 2 - 1
            self.weights = torch.nn.Parameter(uniform * math.pi / self.frequency)
        self.variation = None

    def weight_bits(self) -> torch.Tensor:
        """The weights of the network that is built: bool (out, fan_in)."""
        if self.binarization == "boolean":
            return self.weights.detach()
        return _square_wave(self.weights.detach(), self.frequency)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"BooleanDense: the input is {tuple(x.shape)}, not (batch, {self.in_features})"
            )
        if self.training and self.binarization == "biper":
            signs = _periodic(self.weights, self.frequency)
        else:
            signs = self.weight_bits().to(x.dtype) * 2 - 1
        if self.training and self.binarization == "boolean" and torch.is_grad_enabled():
            watch: Callable[..., object] = signs.requires_grad_().register_hook
            watch(self._collect)
        # All wires as one matrix; its products are small integers, so floats are exact.
        neurons = torch.arange(self.out_features, device=x.device).expand_as(self.connections)
        empty = signs.new_zeros(self.in_features, self.out_features)
        matrix = empty.index_put((self.connections, neurons), signs.T, accumulate=True)
        count = ((x * 2 - 1) @ matrix + self.fan_in) / 2
        return _fire(count, self.thresholds, self.fan_in)

    def _collect(self, gradient: torch.Tensor) -> None:
        """Add to `variation`. A bit from 0 to 1 is a sign from -1 to 1: twice the gradient."""
        found = gradient.detach() * 2
        self.variation = found if self.variation is None else self.variation + found

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, fan_in={self.fan_in}, {self.binarization}"


class BooleanOptimizer(torch.optim.Optimizer):
    """Flips the weights of a model's Boolean layers where their variation says so.

    Each weight has an accumulator m <- beta * m + lr * variation. It is flipped, and its
    accumulator cleared, where m reaches 1 against it: the loss rises with the bit and
    the bit is 1, or falls and it is 0. beta is the share of the layer's weights that the
    step before left alone. The accumulators are the optimizer's state, not the model's:
    no answer of the network depends on them. `lr` scales the mean loss; 10 to 150 is usual.
    """

    def __init__(self, model: torch.nn.Module, lr: float) -> None:
        self._layers = [
            layer
            for layer in model.modules()
            if isinstance(layer, BooleanDense) and layer.binarization == "boolean"
        ]
        if not self._layers:
            raise ValueError("the model has no BooleanDense layer with Boolean weights")
        if not lr > 0:
            raise ValueError(f"lr is {lr}; it must be above 0")
        self.flipped = 0
        """Weights that the last step flipped."""
        super().__init__([layer.weights for layer in self._layers], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Flip. A closure, as torch allows, is called first; returns its loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.flipped = 0
        rate = float(self.param_groups[0]["lr"])
        for layer in self._layers:
            if layer.variation is None:
                continue
            state = self.state[layer.weights]
            held = state.get("accumulator", torch.zeros_like(layer.variation))
            accumulator = state.get("beta", 1.0) * held + rate * layer.variation
            against = torch.where(layer.weights, accumulator, -accumulator) >= 1
            layer.weights.logical_xor_(against)
            state["accumulator"] = accumulator.masked_fill_(against, 0.0)
            flipped = int(against.sum())
            state["beta"] = 1.0 - flipped / against.numel()
            self.flipped += flipped
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the variation collected so far; accumulators stay."""
        super().zero_grad(set_to_none)
        for layer in self._layers:
            layer.variation = None


class _Fire(torch.autograd.Function):
    """count >= threshold as 0 or 1; its variation is a smooth window about the threshold."""

    @staticmethod
    def forward(
        ctx: Any, count: torch.Tensor, thresholds: torch.Tensor, fan_in: int
    ) -> torch.Tensor:
        ctx.save_for_backward(count, thresholds)
        ctx.fan_in = fan_in
        return (count >= thresholds).to(count.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        count, thresholds = ctx.saved_tensors
        # BOLD's window tanh'(a * d), a = pi / (2 sqrt(3 fan_in)), for the sum d in units of
        # +-1; a count is half of that. The middle lies between firing and not.
        scale = math.pi / math.sqrt(3 * ctx.fan_in)
        window = torch.cosh(scale * (count - thresholds + 0.5)) ** -2  # tanh' is 1 / cosh^2
        return gradients[0] * window, None, None


class _Periodic(torch.autograd.Function):
    """BiPer: the square wave of a weight as +-1; backward it is the sine of one period."""

    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, frequency: float) -> torch.Tensor:
        ctx.save_for_backward(weights)
        ctx.frequency = frequency
        return _square_wave(weights, frequency).to(weights.dtype) * 2 - 1

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (weights,) = ctx.saved_tensors
        return gradients[0] * ctx.frequency * torch.cos(ctx.frequency * weights), None


# Named with their types, which torch does not state for `apply`.
_fire: Callable[..., torch.Tensor] = _Fire.apply
_periodic: Callable[..., torch.Tensor] = _Periodic.apply


def _square_wave(weights: torch.Tensor, frequency: float) -> torch.Tensor:
    """Whether sin(frequency * w) >= 0, as bool, by counting half periods.

    Not by the sine itself: libraries differ in its last bit, and a file must mean the
    same network on every machine.
    """
    half_periods = (weights.double() * (frequency / math.pi)).floor()
    return half_periods.remainder(2) == 0


def _deal(
    in_features: int, out_features: int, fan_in: int, generator: torch.Generator | None
) -> torch.Tensor:
    """Random wiring int64 (fan_in, out): a neuron's inputs differ, all inputs serve about alike."""
    if fan_in > in_features:
        raise ValueError(f"a neuron of {fan_in} different inputs needs as many, not {in_features}")
    hand = in_features // fan_in * fan_in  # of each shuffled deck, what makes whole neurons
    decks = -(-out_features * fan_in // hand)
    shuffled = torch.rand(decks, in_features, generator=generator).argsort(dim=1)
    neurons = shuffled[:, :hand].reshape(-1, fan_in)[:out_features]
    return neurons.T.contiguous()


def _check(name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tensor.dtype != torch.int64 or tensor.shape != shape:
        raise ValueError(
            f"{name} are {tensor.dtype} {tuple(tensor.shape)}; they must be torch.int64 {shape}"
        )
