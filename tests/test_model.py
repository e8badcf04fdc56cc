"""Encoders, readouts and models: folding is exact, contradictions are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import encoders, feature_integers, integer_range, readouts

from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.model import Fact, LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

FORMATS = [
    *((bits, False, 0) for bits in range(1, 7)),
    (4, True, 0),
    (1, True, 0),
    (4, False, 2),
    (5, True, 3),
    (3, False, 5),
]


def uniform(threshold, bits, signed, fraction):
    return Encoder.uniform(
        1,
        bits=bits,
        signed=signed,
        fraction=fraction,
        feature=np.zeros(len(threshold)),
        threshold=threshold,
    )


def check_folding(thresholds, bits, signed, fraction):
    """Every representable value against every threshold, by Python's own comparison."""
    encoder = uniform(thresholds, bits, signed, fraction)
    low, high = integer_range(bits, signed)
    values = [integer / 2**fraction for integer in range(low, high + 1)]
    got = encoder.encode(encoder.quantize(np.array(values)[:, None]))
    assert got.tolist() == [[value > t for t in thresholds] for value in values]


@pytest.mark.parametrize(("bits", "signed", "fraction"), FORMATS)
def test_folded_thresholds_compare_as_the_real_ones_do(bits, signed, fraction):
    low, high = integer_range(bits, signed)
    steps = [integer / 2**fraction for integer in range(low - 2, high + 3)]
    near = [math.nextafter(step, way) for step in steps for way in (-math.inf, math.inf)]
    random = np.random.default_rng(0).uniform(steps[0], steps[-1], 50).tolist()
    check_folding(
        [*steps, *near, *random, math.inf, -math.inf, 1e300, -1e300, 5e-324, -5e-324],
        bits,
        signed,
        fraction,
    )


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5), st.sampled_from(FORMATS))
def test_any_real_threshold_folds_exactly(thresholds, number_format):
    check_folding(thresholds, *number_format)


def test_an_integer_above_one_half_is_an_integer_above_zero():
    assert uniform([0.5], 8, False, 0).threshold.tolist() == [0]


def test_a_threshold_past_either_end_is_kept_just_outside_the_format():
    assert uniform([-9.0, -1.0, 7.0, 9.0], 3, False, 0).threshold.tolist() == [-1, -1, 7, 7]


def test_a_nan_threshold_is_refused():
    with pytest.raises(InputError, match=r"^encoder: threshold 1 is NaN$"):
        uniform([0.0, math.nan], 3, False, 0)


def fixed(**changes):
    fields = {"bits": [3], "signed": [False], "fraction": [0], "feature": [0], "threshold": [1]}
    return Encoder(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"signed": []},
            "(1,) widths, (0,) signs and (1,) fractions; each feature has one of each",
        ),
        ({"threshold": [1, 2]}, "1 bits but 2 thresholds"),
        ({"feature": [1]}, "bit 0 reads feature 1 of 1"),
        ({"feature": [-1]}, "bit 0 reads feature -1 of 1"),
        ({"bits": [0]}, "feature 0 is 0 bits wide; 1 to 32 are possible"),
        ({"bits": [33]}, "feature 0 is 33 bits wide; 1 to 32 are possible"),
    ],
)
def test_a_contradictory_encoder_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        fixed(**changes)
    assert str(caught.value) == f"encoder: {message}"


@pytest.mark.parametrize(
    ("value", "shown", "number_format"),
    [
        (0.5, "0.5", "u3"),
        (8, "8", "u3"),
        (-1, "-1", "u3"),
        (math.nan, "nan", "u3"),
        (math.inf, "inf", "u3"),
        (-math.inf, "-inf", "u3"),
        (4, "4", "s3"),
        (-5, "-5", "s3"),
        (0.125, "0.125", "u3.2"),
        (2.0, "2.0", "u3.2"),
        (1e308, "1e+308", "u3.2"),
        (2**60, "1152921504606846976", "u3"),
    ],
)
def test_a_value_that_its_format_cannot_represent_is_named(value, shown, number_format):
    width, _, fraction = number_format[1:].partition(".")
    encoder = fixed(
        bits=[int(width)], signed=[number_format[0] == "s"], fraction=[int(fraction or 0)]
    )
    with pytest.raises(InputError) as caught:
        encoder.quantize([[0], [value]])
    assert str(caught.value) == (
        f"data: sample 1 has {shown} in feature 0, which {number_format} cannot represent; "
        "scale or quantize the data as it was for training"
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1, 2], "x has shape (2,); the model takes (n, 1)"),
        ([[1, 2]], "x has shape (1, 2); the model takes (n, 1)"),
        (np.zeros((2, 1, 1)), "x has shape (2, 1, 1); the model takes (n, 1)"),
        ([["1"]], "features have dtype <U1; numbers are needed"),
        ([[None]], "features have dtype object; numbers are needed"),
        ([[1j]], "features have dtype complex128; numbers are needed"),
    ],
)
def test_data_that_are_no_samples_are_refused(x, message):
    with pytest.raises(InputError) as caught:
        fixed().quantize(x)
    assert str(caught.value) == f"data: {message}"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float16"])
def test_any_dtype_that_holds_the_value_quantizes_to_it(dtype):
    assert fixed().quantize(np.array([[0], [1]], dtype)).tolist() == [[0], [1]]


@given(st.data())
def test_a_value_survives_quantization(data):
    encoder = data.draw(encoders())
    integers = data.draw(feature_integers(encoder, 3))
    values = [
        [i / 2**f for i, f in zip(row, encoder.fraction.tolist(), strict=True)]
        for row in integers.tolist()
    ]
    assert encoder.quantize(values).tolist() == integers.tolist()


def test_formats_are_named_by_sign_width_and_point():
    encoder = fixed(
        bits=[5, 8, 8], signed=[False, True, False], fraction=[0, 0, 4], feature=[0], threshold=[0]
    )
    assert [encoder.format_name(i) for i in range(3)] == ["u5", "s8", "u8.4"]
    assert encoder.input_width == 21


def test_only_one_bit_features_in_order_above_zero_are_the_identity():
    assert Encoder.identity(3).is_identity
    assert Encoder.identity(3).encode(np.array([[0, 1, 1]])).tolist() == [[False, True, True]]
    for changes in (
        {"bits": [2, 1]},
        {"signed": [True, False]},
        {"fraction": [0, 1]},
        {"threshold": [0, -1]},
        {"feature": [1, 0]},
        {"feature": [0], "threshold": [0]},
    ):
        plain = {
            "bits": [1, 1],
            "signed": [False] * 2,
            "fraction": [0] * 2,
            "feature": [0, 1],
            "threshold": [0, 0],
        }
        assert Encoder(**plain).is_identity
        assert not Encoder(**{**plain, **changes}).is_identity


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "sum"}, "unknown kind 'sum'; one of ('class', 'scores', 'bits')"),
        (
            {"kind": "class", "output": [0], "bias": [0]},
            "output, klass and weight differ in length",
        ),
        (
            {"kind": "class", "output": [0], "klass": [1], "weight": [1], "bias": [0]},
            "a term names a class outside 0 to 0",
        ),
        (
            {"kind": "class", "output": [0], "klass": [-1], "weight": [1], "bias": [0]},
            "a term names a class outside 0 to 0",
        ),
        ({"kind": "scores"}, "no classes"),
        ({"kind": "class", "bias": [0], "tau": 0.0}, "tau is 0.0; it must be above 0"),
        ({"kind": "class", "bias": [0], "tau": math.nan}, "tau is nan; it must be above 0"),
    ],
)
def test_a_contradictory_readout_is_refused(fields, message):
    with pytest.raises(InputError) as caught:
        Readout(**fields)
    assert str(caught.value) == f"readout: {message}"


@pytest.mark.parametrize(("outputs", "classes"), [(10, 3), (0, 1), (4, 0), (4, -2), (2, 4)])
def test_groups_of_unequal_size_are_refused(outputs, classes):
    with pytest.raises(InputError) as caught:
        Readout.group_sum(outputs, classes)
    assert str(caught.value) == (
        f"GroupSum: {outputs} outputs do not divide into {classes} groups of one size"
    )


@given(st.data())
def test_the_score_range_is_reached_and_never_left(data):
    readout = data.draw(readouts(3))
    if readout.kind == "bits":
        return
    # Each term on its own bit, as the range assumes.
    terms = list(zip(readout.klass.tolist(), readout.weight.tolist(), strict=True))
    lows, highs = [], []
    for klass, bias in enumerate(readout.bias.tolist()):
        weights = [weight for owner, weight in terms if owner == klass]
        lows.append(bias + sum(w for w in weights if w < 0))
        highs.append(bias + sum(w for w in weights if w > 0))
    assert readout.score_range == (min(lows), max(highs))


def test_a_model_whose_parts_do_not_fit_is_refused():
    netlist = Netlist(2, np.zeros((0, 2)), [], [2, 3])
    origin = Provenance("test")
    with pytest.raises(InputError) as caught:
        LogicModel(Encoder.identity(3), netlist, Readout.bits(), origin)
    assert str(caught.value) == "model: the encoder makes 3 bits, the netlist takes 2"
    with pytest.raises(InputError) as caught:
        LogicModel(Encoder.identity(2), netlist, Readout.group_sum(4, 2), origin)
    assert str(caught.value) == "model: the readout names an output outside 0 to 1"


def test_a_fact_prints_with_its_source():
    assert str(Fact("tau", "10", "given")) == "tau: 10 (given)"
