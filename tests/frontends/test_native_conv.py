"""Convolutional networks: the compiled model against torch's own forward pass, and bad files."""

import itertools

import numpy as np
import pytest
import torch
from fuzz import check_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from native_files import mend, read

from lgncc import nn
from lgncc.errors import InputError
from lgncc.frontends import native
from lgncc.frontends.source import GivenFacts
from lgncc.golden import predict


@st.composite
def networks(draw):
    """Encoder, image, one or two convolutions with pools, a dense layer, groups; and features."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    options = {
        "init": "random",
        "parametrization": draw(st.sampled_from(["raw", "light", "walsh"])),
        "generator": generator,
    }
    shape = (draw(st.integers(1, 2)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    levels = draw(st.integers(1, 3))
    features = int(np.prod(shape))
    thresholds = torch.randint(0, 7, (features, levels), generator=generator) + 0.5
    layers = [nn.Thermometer(thresholds, nn.InputFormat(3)), nn.Image(*shape, levels)]
    shape = (shape[0] * levels, *shape[1:])
    for _ in range(draw(st.integers(1, 2))):
        kernel = draw(st.integers(1, min(3, *shape[1:])))
        conv = nn.LogicConv2d(
            shape,
            draw(st.integers(1, 6)),
            kernel,
            draw(st.integers(1, 2)),
            draw(st.integers(0, kernel - 1)),
            draw(st.integers(1, 3)),
            **options,
        )
        layers.append(conv)
        shape = conv.out_shape
        if min(shape[1:]) >= 2 and draw(st.booleans()):
            pool = nn.OrPool2d(draw(st.integers(1, 2)), draw(st.integers(1, 3)))
            layers.append(pool)
            shape = pool.shape_after(shape)
    layers.append(nn.Flatten())
    width, classes = int(np.prod(shape)), draw(st.integers(2, 4))
    size = classes * (width // classes + 1)
    layers += [nn.LogicDense(width, size, **options), nn.GroupSum(classes)]
    return torch.nn.Sequential(*layers), torch.randint(8, (70, features), generator=generator)


@settings(max_examples=40)
@given(networks())
def test_random_networks_answer_as_torch(tmp_path_factory, case):
    model, x = case
    path = tmp_path_factory.mktemp("conv") / "m.pt"
    nn.save(model, path)
    answer = predict(read(path), x.numpy())
    with torch.no_grad():
        scores = model.eval()(x)
    np.testing.assert_array_equal(answer.scores, scores.numpy())
    np.testing.assert_array_equal(answer.classes, scores.argmax(1).numpy())


@settings(max_examples=10)
@given(networks())
def test_loaded_networks_equal_the_saved_ones(tmp_path_factory, case):
    model, x = case
    path = tmp_path_factory.mktemp("conv") / "m.pt"
    nn.save(model, path)
    loaded = nn.load(path)
    assert [str(layer) for layer in loaded] == [str(layer) for layer in model]
    state = loaded.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(loaded(x), model.eval()(x))
    assert torch.equal(loaded.train()(x), model.train()(x))


def test_bits_go_in_as_an_image_and_leave_flat(tmp_path):
    generator = torch.Generator().manual_seed(0)
    conv = nn.LogicConv2d((1, 3, 3), 2, 2, padding=1, init="random", generator=generator)
    layers = [nn.Image(1, 3, 3), conv, nn.OrPool2d(2)]
    with pytest.raises(InputError, match=r"ends in an image 2 x 2 x 2; add nn\.Flatten\(\)"):
        nn.save(torch.nn.Sequential(*layers), tmp_path / "m.pt")
    model = torch.nn.Sequential(*layers, nn.Flatten()).eval()
    nn.save(model, tmp_path / "m.pt")
    x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=9)))
    answer = predict(read(tmp_path / "m.pt"), x.numpy().astype(np.uint8))
    np.testing.assert_array_equal(answer.bits, model(x).bool().numpy())


def test_outside_of_the_image_reads_0(tmp_path):
    """One kernel that inverts a place above the image: its first row is 1, whatever is given."""
    conv = nn.LogicConv2d((1, 2, 2), 1, 3, padding=1, depth=1)
    conv.levels[0].connections[:] = 1  # the middle of the window's first row
    with torch.no_grad():
        conv.levels[0].weights.copy_(torch.nn.functional.one_hot(torch.tensor([5]), 16))
    nn.save(torch.nn.Sequential(nn.Image(1, 2, 2), conv, nn.Flatten()), tmp_path / "m.pt")
    x = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    bits = predict(read(tmp_path / "m.pt"), x).bits
    assert bits.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


@pytest.fixture
def path(tmp_path):
    """A small good network: 4 x 4 bits, 2 trees of depth 2, 2 x 2 pools, 2 classes."""
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        nn.Image(1, 4, 4),
        nn.LogicConv2d((1, 4, 4), 2, 3, padding=1, generator=generator),
        nn.OrPool2d(2),
        nn.Flatten(),
        nn.LogicDense(8, 8, generator=generator),
        nn.GroupSum(2),
    )
    nn.save(model, tmp_path / "m.pt")
    return tmp_path / "m.pt"


def test_facts_name_the_shapes(path):
    facts = list(map(str, read(path).provenance.facts))
    assert facts[0] == "network: 16-1x4x4-2x4x4-2x2x2-8-8 (from checkpoint)"
    assert "wiring: connections of every layer (from checkpoint)" in facts


def option(index, **values):
    return lambda content: content["layers"][index].update(values)


def part(name, **values):
    return lambda content: content["layers"][1]["parts"][name].update(values)


def tensor(name, change):
    return lambda content: content["state"].update({name: change(content["state"][name])})


MALFORMED = {
    "kernel": (option(1, kernel=5), "levels of .* are no trees of this layer"),
    "padding": (option(1, padding=3), "padding is less than the kernel"),
    "stride": (option(1, stride=0), "stride 0"),
    "huge": (option(1, rows=65536, columns=65536), "at most"),
    "deep": (option(1, depth=17), "trees of depth 17"),
    "depth": (option(1, depth=3), "are no trees of this layer"),
    "channels": (option(1, channels=3), "are no trees of this layer"),
    "no rows": (lambda c: c["layers"][1].pop("rows"), "option 'rows' is missing"),
    "other image": (option(0, rows=5), "takes an image 1 x 4 x 4, but gets 1 x 5 x 4"),
    "pool": (option(2, kernel=5), "kernel of 5 is larger"),
    "other pool": (option(2, stride=1), r"layer 4 .* takes 8 bits, but gets 18 bits"),
    "parts": (option(1, parts=3), "parts is 3; it must be of type dict"),
    "no parts": (option(1, parts={}), "levels of .* are no trees|which no layer has"),
    "part a list": (option(1, parts={"levels.0": []}), "part 'levels.0' is list"),
    "part type": (part("levels.0", arity=2.0), "part levels.0: arity is 2.0"),
    "part option": (part("levels.1", kind="LogicDense"), "part levels.1: unknown option 'kind'"),
    "part name": (
        lambda c: c["layers"][1].update(parts=dict(reversed(c["layers"][1]["parts"].items()))),
        "has the parts levels.1, levels.0, not levels.0, levels.1",
    ),
    "weights": (
        tensor("1.levels.0.weights", lambda t: t[:3]),
        r"part levels.0: weights has shape \(3, 16\)",
    ),
    "wiring": (
        tensor("1.levels.0.connections", lambda t: t + 9),
        "part levels.0: fanin 0 of gate 0 reads input .* inputs are 0 to 8",
    ),
    "missing": (lambda c: c["state"].pop("1.levels.1.weights"), "'1.levels.1.weights' is missing"),
    "extra": (lambda c: c["state"].update({"2.w": torch.zeros(1)}), "'2.w', which no layer has"),
    "no image": (
        lambda c: (
            c["layers"].pop(0),
            c.update(state={f"{int(k[0]) - 1}{k[1:]}": v for k, v in c["state"].items()}),
        ),
        "takes an image 1 x 4 x 4, but gets the features of a sample; nn.Image makes one",
    ),
    "groups of an image": (lambda c: c["layers"].__setitem__(3, {"kind": "OrPool2d"}), "missing"),
    "no flatten": (
        option(3, kind="OrPool2d", kernel=1, stride=1),
        "layer 4 .* takes 8 bits, but gets 2 x 2 x 2",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_the_place(path, name):
    change, message = MALFORMED[name]
    mend(path, change)
    with pytest.raises(InputError, match=rf"m\.pt: .*({message})"):
        read(path)


def test_damaged_files_never_crash(path):
    tally = check_reader(native.READER, path.read_bytes(), GivenFacts())
    assert tally["refused"] > 0.3 * tally.total()
