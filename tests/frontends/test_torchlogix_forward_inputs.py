"""The golden model against torchlogix's own forward pass: features made bits, 10,000 vectors."""

import pytest
import torch
from torchlogix_models import assert_agrees, conv_list, dense, numbers, read, sequential, tl

from lgncc.frontends import GivenFacts, load

pytestmark = pytest.mark.usefixtures("one_thread")

# Binarization: features of s8.4, thresholds of which some are met exactly.

GRID = [-3.0, 0.5, 2.0625]
PER_FEATURE = torch.tensor([[-3.0, 0.5], [0.1, 4.0], [1.0, 7.9375], [-8.0, -7.5], [9.0, 11.0]])


@pytest.mark.parametrize("thresholds", [PER_FEATURE, torch.tensor(GRID), torch.tensor([GRID])])
@pytest.mark.parametrize("kind", [tl.FixedBinarization, tl.SoftBinarization])
def test_forward_of_fixed_binarization(tmp_path, kind, thresholds):
    width = 5 * thresholds.shape[-1]
    model = sequential(
        lambda: kind(thresholds), torch.nn.Flatten, dense(width, 30), lambda: tl.GroupSum(3)
    )
    torch.save(model.state_dict(), tmp_path / "m.pt")
    golden = load(tmp_path / "m.pt", GivenFacts(classes=3, input_format="s8.4"))
    assert_agrees(model, numbers(5), golden)


@pytest.mark.parametrize("levels", [1, 4])
def test_forward_of_learnable_binarization(tmp_path, levels):
    start = torch.linspace(-2, 3, levels).repeat(5, 1)
    model = sequential(
        lambda: tl.LearnableBinarization(start, temperature_softplus=0.3),
        torch.nn.Flatten,
        dense(5 * levels, 30),
        lambda: tl.GroupSum(3),
    )
    assert not torch.equal(model[0].thresholds, model[0].get_thresholds())
    layers = """
        [[layer]]
        kind = "binarization"
        temperature_softplus = 0.3
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "dense"
        [[layer]]
        kind = "group_sum"
        classes = 3
    """
    golden = read(tmp_path, model, layers, input_format="s8.4")
    assert_agrees(model, numbers(5), golden)


@pytest.mark.parametrize("feature_dim", [1, -2, -3])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("learnable", [True, False])
def test_forward_of_binarized_images(tmp_path, feature_dim, per_channel, learnable):
    thresholds = torch.tensor([GRID, [0.0, 1.0, 3.5]]) if per_channel else torch.tensor(GRID)
    kind = tl.LearnableBinarization if learnable else tl.FixedBinarization
    size = {1: (6, 4, 4), -3: (2, 12, 4), -2: (2, 4, 12)}[feature_dim]
    model = sequential(
        lambda: kind(thresholds, feature_dim=feature_dim),
        lambda: tl.LogicConv2d(size[1:], size[0], 5, tree_depth=2, receptive_field_size=3),
    )
    layers = conv_list(
        (2, 4, 4),
        "raw",
        f'kind = "binarization"\nfeature_dim = {feature_dim}'
        + "\ntemperature_softplus = 0.1" * learnable,
        'kind = "conv2d"\nreceptive_field_size = 3\npadding = 0',
    )
    golden = read(tmp_path, model, layers, input_shape=(2, 4, 4), input_format="s8.4")
    assert_agrees(model, numbers(2, 4, 4), golden)
