"""Labels of data sets: of samples, of sequences, of every step."""

import numpy as np
import pytest

from lgncc.dataset import load_data
from lgncc.errors import InputError
from lgncc.golden import Predictions


@pytest.mark.parametrize("y_shape", [(3,), (3, 4)])
def test_sequences_have_a_label_each_or_one_for_every_step(tmp_path, y_shape):
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4, 2)), y=np.ones(y_shape, np.uint8))
    assert load_data(tmp_path / "d.npz").y.shape == y_shape


@pytest.mark.parametrize(
    ("x_shape", "y_shape", "message"),
    [
        ((3, 4, 2), (3, 2), "3 samples, or for each of their steps"),
        ((3, 4), (3, 4), "3 samples$"),
        ((3, 4, 2), (4,), r"\(4,\); it must be integers"),
    ],
)
def test_other_labels_are_refused(tmp_path, x_shape, y_shape, message):
    np.savez(tmp_path / "d.npz", x=np.zeros(x_shape), y=np.ones(y_shape, np.int64))
    with pytest.raises(InputError, match=message):
        load_data(tmp_path / "d.npz")


def test_one_label_a_sequence_is_that_of_its_last_step():
    classes = np.array([[0, 1, 2], [2, 2, 1], [0, 0, 0]])
    found = Predictions(lambda: classes > 0, classes, classes)
    assert found.accuracy(np.array([2, 2, 0])) == 2 / 3
    assert found.accuracy(np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]])) == 6 / 9
