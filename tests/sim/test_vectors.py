"""Vectors as bytes: compared with a bit-by-bit restatement of the ports' documentation."""

from __future__ import annotations

import numpy as np
import pytest
from builds import small_model
from hypothesis import given
from hypothesis import strategies as st
from strategies import feature_integers, models

from lgncc.errors import DesignError
from lgncc.golden import Predictions, predict
from lgncc.sim.vectors import AnswerFormat, pack_samples


def naive(fields, widths):
    """An integer with the fields side by side, the first one lowest."""
    text = "".join(
        format(int(value) % (1 << int(width)), f"0{width}b")
        for value, width in reversed(list(zip(fields, widths, strict=True)))
    )
    return int(text or "0", 2)


def as_integers(packed):
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


@given(st.data())
def test_samples_are_packed_first_feature_lowest(data):
    encoder = data.draw(models()).encoder
    integers = data.draw(feature_integers(encoder, 3))
    x = np.ldexp(integers.astype(float), -encoder.fraction.astype(np.int64))
    packed = pack_samples(encoder, x)
    assert packed.shape == (3, -(-encoder.input_width // 8))
    assert as_integers(packed) == [naive(row, encoder.bits) for row in integers]


@given(models(), st.integers(0, 1000))
def test_answers_are_packed_as_the_core_packs_them_and_read_back(model, seed):
    rng = np.random.default_rng(seed)
    low = np.where(model.encoder.signed, -(1 << model.encoder.bits.astype(int) - 1), 0)
    integers = low + rng.integers(0, 1 << model.encoder.bits.astype(int), (4, len(low)))
    found = predict(model, np.ldexp(integers.astype(float), -model.encoder.fraction.astype(int)))
    form = AnswerFormat.of(model)
    fields = {"bits": found.bits, "scores": found.scores}.get(model.readout.kind)
    if fields is None:
        fields = found.classes[:, None]
    fields = np.asarray(fields, int)
    payloads = as_integers(form.pack(found))
    widths = [form.width] * fields.shape[1]
    assert payloads == [naive(row, widths) for row in fields]
    if fields.shape[1] == form.count:
        assert [form.values(payload) for payload in payloads] == fields.tolist()


@pytest.mark.parametrize(
    ("form", "expected", "got", "text"),
    [
        (AnswerFormat("class", 1, 4, False), 3, 5, "expected class 3, got 5"),
        (
            AnswerFormat("scores", 3, 3, True),
            0b111_010_001,
            0b011_010_001,
            "expected -1, got 3 as score of class 2 (1 of 3 differ)",
        ),
        (
            AnswerFormat("bits", 4, 1, False),
            0b0110,
            0b1100,
            "expected 1, got 0 as output bit 1 (2 of 4 differ)",
        ),
    ],
)
def test_a_difference_is_told_in_the_readouts_terms(form, expected, got, text):
    assert form.difference(expected, got) == text


def test_scores_that_the_core_cannot_hold_are_refuted():
    form = AnswerFormat.of(small_model("scores"))
    scores = np.array([[1 << form.width, 0, 0]])
    with pytest.raises(DesignError, match=f"the core gives them {form.width} signed bits"):
        form.pack(Predictions(lambda: np.zeros((1, 16), bool), scores, np.zeros(1, np.int64)))
