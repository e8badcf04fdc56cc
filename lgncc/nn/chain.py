"""Which layer may follow which: the shapes of one sample, from the first layer to the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch

from lgncc.nn.conv import Image, LogicConv2d, Shape, shape_text
from lgncc.nn.inputs import InputLayer
from lgncc.nn.layers import GroupSum


@runtime_checkable
class Reshapes(Protocol):
    """A layer that has its own idea of what it takes."""

    def shape_after(self, shape: Shape | None) -> Shape:
        """What one sample of this shape becomes; None where the layer is the first.

        Raises ValueError where it is not taken.
        """


@runtime_checkable
class Dense(Protocol):
    """A layer of gates from bits to bits."""

    in_features: int
    out_features: int


def shapes(layers: Sequence[torch.nn.Module]) -> list[Shape]:
    """What a sample is after each layer. Raises ValueError where one does not take it."""
    found: list[Shape] = []
    for index, layer in enumerate(layers):
        before = found[-1] if found else None
        try:
            found.append(_after(layer, before, index == len(layers) - 1))
        except ValueError as error:
            raise ValueError(f"layer {index} ({type(layer).__name__}): {error}") from error
    if not any(isinstance(layer, Dense | LogicConv2d) for layer in layers):
        raise ValueError("the network has no LogicDense layer, nor another one of gates")
    if len(found[-1]) != 1:
        raise ValueError(f"the network ends in an image {shape_text(found[-1])}; add nn.Flatten()")
    return found


def input_bits(layers: Sequence[torch.nn.Module]) -> int:
    """What the network takes once features are encoded; of a chain that was checked."""
    first = layers[0]
    if isinstance(first, InputLayer):
        return first.features * first.levels
    if isinstance(first, Image):
        return first.bits
    assert isinstance(first, Dense)
    return first.in_features


def _after(layer: torch.nn.Module, shape: Shape | None, last: bool) -> Shape:
    if isinstance(layer, InputLayer):
        if shape is not None:
            raise ValueError("only the first layer can encode features")
        return (layer.features * layer.levels,)
    if isinstance(layer, GroupSum):
        if not last:
            raise ValueError("only the last layer can sum groups")
        if shape is None or len(shape) != 1 or shape[0] % layer.classes:
            raise ValueError(f"{shape_text(shape)} do not divide into {layer.classes} equal groups")
        return (layer.classes,)
    if isinstance(layer, Reshapes):
        return layer.shape_after(shape)
    assert isinstance(layer, Dense), "every kind of layer is one of the above"
    if shape is not None and shape != (layer.in_features,):
        raise ValueError(f"takes {layer.in_features} bits, but gets {shape_text(shape)}")
    return (layer.out_features,)
