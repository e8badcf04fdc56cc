"""On a board with the digits network, real or simulated: `pytest tests/hil --lgncc-board DIR`."""

from __future__ import annotations

import cli
import numpy as np
import pytest

from lgncc.dataset import load_data
from lgncc.verify.frontend import random_samples

pytestmark = pytest.mark.slow


def test_the_digits_are_answered_as_the_model_does(board):
    data = load_data(cli.DIGITS_TEST)
    answers = board.check(data.x)
    assert np.mean(answers.classes == data.y) > 0.9


def test_inputs_that_are_no_digits_are_answered_as_the_model_does(board):
    board.check(random_samples(board.build.model.encoder, 100))


def test_an_answer_does_not_depend_on_what_was_asked_before(board):
    x = load_data(cli.DIGITS_TEST).x[:20]
    alone = [board.answer(x[index : index + 1]).payloads[0] for index in range(len(x))]
    np.testing.assert_array_equal(board.answer(x[::-1]).payloads[::-1], alone)
