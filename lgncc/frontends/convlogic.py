"""Checkpoints of convlogic (lkorinek/convlogic): trees of gates slid over an image.

Read from the state dict, with or without Lightning's prefix:

    ConvLogicLayer   weights (Cout, 7 or 4, 16), selection int32 (Cout, 8). Gate p of the first
                     four reads places 2p and 2p + 1 of the selection, ch << 16 | row << 8 | col
                     in the window; outside of the image is 0. Of seven, gates 4 and 5 join
                     the pairs and gate 6 joins those; a 2x2 OR pool follows (complete=True).
    TreeLogicLayer   weights (C, n, 16): gate p joins values 2p and 2p + 1 of a place.
    LogicLayer       weights (out, 16), indices_0 and indices_1 (out,).

Not in the file: kernel, stride and padding of a convolution, and pools. They come from
--layers, a TOML file that lists all layers before the dense ones, in order:

    [[layer]]
    kind = "conv"           # also "tree" and "pool"
    kernel = 5              # an integer, or [rows, columns]
    padding = 0
    stride = 1

A sample is flat, in the order of --input-shape C,H,W. With a thermometer of T levels the
network sees T * C channels, channel t * C + c being `x[c] > t`.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Ids
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.check import check_answers
from lgncc.frontends.common import group_readout, tables_from_difflogic, threshold_encoder
from lgncc.frontends.convlogic_image import Layer, from_toml, image_layer
from lgncc.frontends.dense import ASSEMBLY_FACTS, numbered
from lgncc.frontends.image import MAX_LENGTH, MAX_SIGNALS
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.frontends.state_dict import StateDict
from lgncc.frontends.thermometer import read_thresholds, thermometer_encoder
from lgncc.model import Fact, LogicModel

BACKWARD = ("given_x_indices_of_y_start", "given_x_indices_of_y")
"""What a LogicLayer on CUDA saves for its backward pass."""
TEMPLATE = '[[layer]]\n  kind = "conv"\n  kernel = 3\n  padding = 1\n  stride = 1'


def recognize(source: Source) -> str | None:
    state = StateDict.of_or_why(source)
    if isinstance(state, str):
        return state
    layers = numbered(state.keys, "weights")
    if not layers or not any(f"{layer}selection" in state.keys for layer in layers):
        return "no layer with weights and a selection"
    return None


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed or facts are missing or wrong."""
    given.only("convlogic", *ASSEMBLY_FACTS, "input_shape", "layers", "thermometer")
    state = StateDict.of(source)
    names = None if state is None else numbered(state.keys, "weights")
    if state is None or not names:
        raise InputError(f"{source.path}: no convlogic state dict; layers are <i>.weights")
    image = [name for name in names if len(state.shape(f"{name}weights")) == 3]
    dense = names[len(image) :]
    if names[: len(image)] != image:
        raise InputError(f"{source.path}: dense layers come before convolutions")
    shapes = _shapes(source, given, state, image)
    encoder, size, facts = _inputs(source, given)

    builder = NetlistBuilder(encoder.n_bits)
    signals: Ids = builder.inputs.reshape(*size, 1)  # (channels, rows, columns, values)
    file_layers = iter(image)
    for shape in shapes:
        signals = image_layer(source, state, builder, shape, file_layers, signals)
    flat = signals.reshape(-1)
    sizes = [len(flat)]
    for name in dense:
        flat = _dense(source, state, builder, name, flat)
        sizes.append(len(flat))
    state.finish()
    readout, readout_facts = group_readout(source, len(flat), given)
    shown = ", ".join(shape.kind for shape in shapes)
    known = [
        Fact("layers", shown, "given"),
        Fact("dense network", "-".join(map(str, sizes)), "from checkpoint"),
        Fact("gates", "argmax of 16 weights, the first of equals", "from checkpoint"),
        Fact("wiring", "selection and indices of every layer", "from checkpoint"),
        *facts,
        *readout_facts,
    ]
    model = LogicModel(
        encoder, builder.finish(flat), readout, source.provenance("convlogic", known)
    )
    known += check_answers(source, model, given)
    return LogicModel(encoder, model.netlist, readout, source.provenance("convlogic", known))


def _inputs(source: Source, given: GivenFacts) -> tuple[Encoder, tuple[int, int, int], list[Fact]]:
    """The encoder, and the (channels, rows, columns) of its bits."""
    shape = given.input_shape
    if shape is None or len(shape) != 3 or not all(1 <= n <= MAX_LENGTH for n in shape):
        raise InputError(
            f"{source.path}: a convolution needs the shape of a sample: --input-shape C,H,W"
            f"{'' if shape is None else f', not {shape}'}"
        )
    channels, rows, columns = shape
    fact = Fact("input shape", f"{channels},{rows},{columns}", "given")
    n_features = channels * rows * columns
    if n_features > MAX_SIGNALS:
        raise InputError(f"{source.path}: --input-shape {shape} is too large")
    if given.thermometer is None:
        encoder, facts = threshold_encoder(source, n_features, given)
        return encoder, (channels, rows, columns), [fact, *facts]
    thresholds = read_thresholds(given.thermometer)
    if thresholds.ndim != 1:
        raise InputError(
            f"{given.thermometer}: thresholds have shape {thresholds.shape}; convlogic compares "
            "all features with the same levels, (levels,)"
        )
    # All the features with the first threshold, then all with the second.
    feature = np.tile(np.arange(n_features), len(thresholds))
    levels = np.repeat(thresholds, n_features)
    encoder, facts = thermometer_encoder(source, given, levels, feature, n_features, "given")
    return encoder, (len(thresholds) * channels, rows, columns), [fact, *facts]


def _shapes(source: Source, given: GivenFacts, state: StateDict, image: list[str]) -> list[Layer]:
    kinds = ["conv" if f"{name}selection" in state.keys else "tree" for name in image]
    if given.layers is None:
        raise InputError(
            f"{source.path}: a convlogic state dict lacks kernel, padding and stride of its "
            f"{kinds.count('conv')} convolutions, and pools; list them in a file for --layers:\n"
            f"  {TEMPLATE}"
        )
    shapes = from_toml(given.layers)
    listed = [shape.kind for shape in shapes if shape.kind != "pool"]
    if listed != kinds:
        raise InputError(
            f"{source.path}: holds {', '.join(kinds)}; {given.layers} lists {', '.join(listed)}"
        )
    return shapes


def _dense(
    source: Source, state: StateDict, builder: NetlistBuilder, name: str, signals: Ids
) -> Ids:
    weights = state.take(f"{name}weights", (None, 16), "float")
    wires = [state.take(f"{name}indices_{slot}", (len(weights),), "int") for slot in (0, 1)]
    width = len(signals)
    for wire in wires:
        if wire.size and not 0 <= wire.min() <= wire.max() < width:
            raise InputError(
                f"{source.path}: {name}indices read {wire.min()} to {wire.max()}; what comes "
                f"before has 0 to {width - 1}"
            )
    start, listed = (f"{name}{key}" for key in BACKWARD)
    if start in state.keys and state.shape(start) != (width + 1,):
        raise InputError(
            f"{source.path}: {start} has shape {state.shape(start)}, one more than its inputs, "
            f"and {width} come before; kernel, padding, stride or the input shape are not those "
            "of the model"
        )
    for key in (start, listed):
        state.ignore(key)
    tables = tables_from_difflogic(weights.argmax(axis=1))
    return builder.gates(tables, signals[wires[0]], signals[wires[1]])


READER = Reader("convlogic", recognize, read)
