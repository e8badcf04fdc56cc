"""What a torchlogix network reads: the shape of a sample, and its binarization."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lgncc.encoder import Encoder
from lgncc.frontends.common import parse_format, threshold_encoder
from lgncc.frontends.source import GivenFacts
from lgncc.frontends.torchlogix_layers import Binarization, Dense, Flatten, LayerList
from lgncc.frontends.torchlogix_state import Checkpoint, join
from lgncc.model import Fact
from lgncc.model import Source as Origin
from lgncc.wording import counted

SOFTPLUS_THRESHOLD = 20.0
"""torch.nn.functional.softplus is the identity above it."""


def encoder(
    checkpoint: Checkpoint, listed: LayerList, given: GivenFacts
) -> tuple[Encoder, tuple[int, ...]]:
    """The encoder, and the shape in which its bits enter the first layer of gates."""
    first = listed.layers[0]
    binarization = first if isinstance(first, Binarization) else None
    thresholds = None if binarization is None else _thresholds(checkpoint, binarization)
    shape, facts = _sample_shape(checkpoint, listed, thresholds, given)
    checkpoint.facts += facts
    source = checkpoint.source
    n_bits = math.prod(shape)
    if binarization is None or thresholds is None:
        source.agree("input_bits", n_bits, given.input_bits)
        built, facts = threshold_encoder(source, n_bits, given)
        checkpoint.facts += facts
        return built, shape
    spread = _spread(checkpoint, thresholds, shape)
    features = np.arange(n_bits).reshape(*shape, 1)
    arranged_features, arranged = (
        _merge(checkpoint, binarization, array)
        for array in (np.broadcast_to(features, spread.shape), spread)
    )
    source.agree("input_bits", arranged.size, given.input_bits)
    if given.threshold is not None:
        raise checkpoint.error("the file has thresholds of its own; leave --threshold out")
    if given.input_format is None:
        raise checkpoint.error(
            "the file compares inputs with thresholds; give --input-format, the number format "
            "of a feature (u8 for 0 to 255)"
        )
    bits, signed, fraction = parse_format(given.input_format)
    built = Encoder.uniform(
        n_bits,
        bits=bits,
        signed=signed,
        fraction=fraction,
        feature=arranged_features.reshape(-1),
        threshold=arranged.reshape(-1),
    )
    each = spread.shape[-1]
    size = f"{counted(n_bits, 'feature')}, {counted(each, 'threshold')} each"
    checkpoint.facts += [
        Fact("encoder", f"thermometer x > t, {size}", "from checkpoint"),
        Fact("input format", given.input_format, "given"),
    ]
    moved = int((np.ldexp(built.threshold.astype(float), -fraction) != arranged.reshape(-1)).sum())
    if moved:
        text = f"{moved} moved to the format's next lower value"
        checkpoint.facts.append(Fact("thresholds", text, "derived, exact"))
    return built, arranged.shape


def _thresholds(checkpoint: Checkpoint, layer: Binarization) -> npt.NDArray[np.float64]:
    """float (..., levels), exactly as torchlogix computes them; the stored ones go stale."""
    key, raw = (join(layer.name or "", suffix) for suffix in ("thresholds", "raw_diffs"))
    state = checkpoint.state
    if raw not in state.keys:
        if layer.temperature_softplus is not None:
            raise checkpoint.error(
                f"{key} are fixed; temperature_softplus is for learnable thresholds"
            )
        if key not in state.keys:
            raise checkpoint.error(f"{key} is missing; the file has {state.describe()}")
        fixed: npt.NDArray[np.float64] = state.take(key, _any(state.shape(key)), "float")
        return _at_least_one(checkpoint, key, fixed)
    state.ignore(key)
    steps = state.take(raw, _any(state.shape(raw)), "float")
    _at_least_one(checkpoint, raw, steps)
    temperature = layer.temperature_softplus
    if temperature is None and steps.shape[-1] > 1:
        raise checkpoint.error(
            f"{raw}: learnable thresholds depend on temperature_softplus, which is not in the "
            "file; state it for the binarization in a file for --layers (torchlogix's own "
            'default is 0.1), or "none" for a model that torchlogix 0.2.1 evaluated'
        )
    if state.dtype(raw) not in ("float32", "float64"):
        raise checkpoint.error(f"{raw} is {state.dtype(raw)}; save it as float32")
    return _ordered(steps, temperature, state.dtype(raw))


def _ordered(
    steps: npt.NDArray[np.float64], temperature: float | str | None, dtype: str
) -> npt.NDArray[np.float64]:
    """Sums of a first step and positive further ones, with torch's own rounding."""
    import torch

    tensor = torch.from_numpy(steps.astype(dtype))
    if isinstance(temperature, float) and steps.shape[-1] > 1:
        scale = temperature + 1e-6
        rest = scale * torch.nn.functional.softplus(
            tensor[..., 1:] / scale, threshold=SOFTPLUS_THRESHOLD
        )
        tensor = torch.cat([tensor[..., :1], rest], dim=-1)
    sums: npt.NDArray[np.float64] = torch.cumsum(tensor, dim=-1).double().numpy()
    return sums


def _any(shape: tuple[int, ...]) -> tuple[None, ...]:
    return (None,) * max(len(shape), 1)


def _at_least_one(
    checkpoint: Checkpoint, key: str, array: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    if not array.size:
        raise checkpoint.error(f"{key} is empty")
    return array


def _sample_shape(
    checkpoint: Checkpoint,
    listed: LayerList,
    thresholds: npt.NDArray[np.float64] | None,
    given: GivenFacts,
) -> tuple[tuple[int, ...], list[Fact]]:
    """The shape of one sample as the model takes it, stated or, for dense layers, derived."""
    stated = listed.input_shape or given.input_shape
    if stated is not None:
        origin: Origin = "given"
        if listed.input_shape is not None and given.input_shape is not None:
            checkpoint.source.agree("input_shape", listed.input_shape, given.input_shape)
        return stated, [Fact("input shape", "x".join(map(str, stated)), origin)]
    rest = [layer for layer in listed.layers if not isinstance(layer, Binarization | Flatten)]
    if not rest or not isinstance(rest[0], Dense):
        raise checkpoint.error(
            "the shape of a sample is not in the file; give --input-shape C,H,W, or input_shape "
            "in the layer list"
        )
    levels = 1 if thresholds is None else thresholds.shape[-1]
    if thresholds is not None and thresholds.ndim == 2 and len(thresholds) > 1:
        bits, how = thresholds.size, "one row of thresholds each"
    elif given.input_bits is not None:
        bits, how = given.input_bits, ""
    else:
        bits = _bits_read(checkpoint, rest[0])
        how = f"input {bits - 1} is the highest that the first layer reads"
    if bits < 1 or bits % levels:
        raise checkpoint.error(
            f"{bits} inputs ({how or 'given'}) do not divide into thermometers of {levels}; "
            "give --input-bits, the inputs of the first layer"
        )
    features = bits // levels
    if not how:
        return (features,), [Fact("features", str(features), "given")]
    return (features,), [Fact("features", f"{features} ({how})", "derived, exact")]


def _bits_read(checkpoint: Checkpoint, layer: Dense) -> int:
    """1 + the highest input that the first layer reads."""
    wiring = checkpoint.wiring(layer.name or "")
    key = join(layer.name or "", "connections.indices")
    highest = int(wiring.max(initial=0))
    candidates = checkpoint.state.shape(key)[0] if len(checkpoint.state.shape(key)) == 3 else 0
    if candidates:
        highest = max(highest, int(checkpoint.state.take(key, (None,) * 3, "int").max(initial=0)))
    # torchlogix builds layers that could read every input, and no smaller ones.
    if highest >= max(wiring.size, candidates):
        raise checkpoint.error(
            f"{key} reads input {highest}, but a layer of this size has at most "
            f"{max(wiring.size, candidates)} in torchlogix; if it is right, give --input-bits"
        )
    return highest + 1


def _spread(
    checkpoint: Checkpoint, thresholds: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Thresholds float (*shape, levels): torchlogix's rule of which one meets which feature."""
    if thresholds.ndim == 2 and len(shape) == 3:  # one row a channel
        thresholds = thresholds[:, None, None]
    try:
        spread: npt.NDArray[np.float64] = np.broadcast_to(
            thresholds, (*shape, thresholds.shape[-1])
        )
    except ValueError as error:
        raise checkpoint.error(
            f"thresholds of shape {thresholds.shape} do not fit samples of shape {shape}; "
            "is --input-shape right?"
        ) from error
    return spread


def _merge(
    checkpoint: Checkpoint, layer: Binarization, array: npt.NDArray[np.generic]
) -> npt.NDArray[np.float64]:
    """(*shape, levels) with the levels merged into dimension `feature_dim`, feature-major.

    feature_dim counts as torchlogix does: the batch is dimension 0, and the levels are
    the last one.
    """
    count = array.ndim + 1
    dim = layer.feature_dim
    if dim is None:
        if array.ndim > 2:
            raise checkpoint.error(
                f"samples of {array.ndim - 1} dimensions: give feature_dim of the binarization "
                "in the layer list (1 for channels)"
            )
        dim = 1
    at = dim + count if dim < 0 else dim
    if not 1 <= at < count - 1:
        raise checkpoint.error(
            f"feature_dim {dim} is no dimension of a sample of shape {array.shape[:-1]}"
        )
    moved = np.moveaxis(array, -1, at)  # without the batch, levels are now behind axis at - 1
    shape = moved.shape
    merged = moved.reshape(*shape[: at - 1], shape[at - 1] * shape[at], *shape[at + 1 :])
    return merged.astype(np.float64)
