"""The native frontend against torch's own forward pass, and what it says of a file."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from native_files import read, small_checkpoint

import lgncc.models
from lgncc import frontends, nn
from lgncc.errors import InputError
from lgncc.frontends import native
from lgncc.frontends.source import Source
from lgncc.golden import predict

MODELS = Path(lgncc.models.__file__).parent


def torch_predictions(model, x):
    """Integer scores int64 (n, C) and classes (n,) of the framework's discrete forward pass."""
    *body, group_sum = model.eval()
    with torch.no_grad():
        bits = torch.nn.Sequential(*body)(torch.as_tensor(x))
        counts = bits.long().unflatten(1, (group_sum.classes, -1)).sum(-1)
        return counts.numpy(), model(torch.as_tensor(x)).argmax(1).numpy()


def assert_agrees(path, x):
    counts, classes = torch_predictions(nn.load(path), x)
    answer = predict(read(path), x)
    np.testing.assert_array_equal(answer.scores, counts)
    np.testing.assert_array_equal(answer.classes, classes)


def test_shipped_digits_model_answers_as_torch_and_reaches_its_accuracy():
    with np.load(MODELS / "digits-test.npz") as data:
        x, y = data["x"], data["y"]
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((360, 64), np.uint8, (360,), np.int64)
    assert_agrees(MODELS / "digits.pt", x)
    model = frontends.load(MODELS / "digits.pt")
    accuracy = predict(model, x).accuracy(y)
    assert accuracy >= 0.92
    noted = torch.load(MODELS / "digits.pt", weights_only=True)["metadata"]["accuracy_discrete"]
    assert accuracy == pytest.approx(noted)


def test_shipped_test_data_is_held_out_of_scikit_learns_digits():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    with np.load(MODELS / "digits-test.npz") as data:
        rows = {(*x, y) for x, y in zip(data["x"].tolist(), data["y"].tolist(), strict=True)}
    known = {(*map(int, x), int(y)) for x, y in zip(digits.data, digits.target, strict=True)}
    assert len(rows) == 360
    assert rows <= known


GATES = [("raw", 2), *((name, arity) for name in ("light", "walsh") for arity in (2, 3, 4, 6))]


@st.composite
def logic_layers(draw, width, out_features, generator):
    """A layer of any parametrization, arity and wiring, with random weights and scores."""
    parametrization, arity = draw(st.sampled_from(GATES))
    layer = nn.LogicDense(
        width,
        out_features,
        parametrization=parametrization,
        arity=arity,
        wiring=draw(st.sampled_from(["random", "learnable"])),
        candidates=draw(st.integers(1, min(5, width))),
        init="random",
        gumbel=draw(st.booleans()),
        generator=generator,
    )
    if layer.wiring is not None:
        torch.nn.init.normal_(layer.wiring.scores, generator=generator)
    return layer


@st.composite
def models(draw):
    """A random network with its features (n, F), which include format extremes and ties."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    fmt = nn.InputFormat(
        bits=draw(st.integers(1, 12)), signed=draw(st.booleans()), fraction=draw(st.integers(0, 4))
    )
    features, levels = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    low = -(1 << fmt.bits - 1) if fmt.signed else 0
    high = low + (1 << fmt.bits) - 1
    integers = torch.randint(low, high + 1, (70, features), generator=generator)
    integers[0], integers[1] = low, high
    # Thresholds on values, between values and outside the format.
    steps = torch.randint(4 * low - 8, 4 * high + 8, (features, levels), generator=generator)
    thresholds = steps.double() / 4 / 2**fmt.fraction
    learnable = draw(st.booleans())
    layers = [
        nn.LearnableThermometer(thresholds.sort(1).values + torch.arange(levels), fmt)
        if learnable
        else nn.Thermometer(thresholds, fmt)
    ]
    width = features * levels
    classes = draw(st.integers(1, 5))
    sizes = [draw(st.integers(15, 30)) for _ in range(draw(st.integers(0, 3)))]
    for size in [*sizes, classes * draw(st.integers(15, 20))]:
        layers.append(draw(logic_layers(width, size, generator)))
        width = size
    layers.append(nn.GroupSum(classes, tau=draw(st.floats(0.01, 100))))
    return torch.nn.Sequential(*layers), integers.double().numpy() / 2**fmt.fraction


@settings(max_examples=40, deadline=None)
@given(models())
def test_random_models_answer_as_torch(tmp_path_factory, case):
    model, x = case
    path = tmp_path_factory.mktemp("models") / "m.pt"
    nn.save(model, path)
    assert_agrees(path, x)


def test_ties_go_to_the_lowest_class(tmp_path):
    same_bit = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]])
    model = torch.nn.Sequential(nn.LogicDense(2, 4, wiring=same_bit), nn.GroupSum(2))
    nn.save(model, tmp_path / "m.pt")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    answer = predict(read(tmp_path / "m.pt"), x)
    assert answer.scores.tolist() == [[0, 0], [1, 1], [1, 1], [2, 2]]
    assert answer.classes.tolist() == [0, 0, 0, 0]
    assert_agrees(tmp_path / "m.pt", x.astype(np.float32))


# What a file says, and what the user may add.


@pytest.fixture
def path(tmp_path):
    return small_checkpoint(tmp_path)


def test_every_fact_has_its_source(path):
    facts = [str(fact) for fact in read(path).provenance.facts]
    assert facts == [
        "network: 6-8-4 (from checkpoint)",
        "gates: argmax of 16 weights, the first of equals (from checkpoint)",
        "wiring: connections of every layer (from checkpoint)",
        "encoder: thermometer x > t, 3 features, 2 thresholds each (from checkpoint)",
        "input format: u5 (from checkpoint)",
        "thresholds: 3 moved to the format's next lower value (derived, exact)",
        "readout: GroupSum, 2 contiguous groups, tau 3 (from checkpoint)",
        f"torch: {torch.__version__} (from checkpoint)",
        "seed: 0 (from checkpoint)",
    ]
    assert read(path).encoder.threshold.tolist() == [0, 2] * 3


def test_facts_name_what_each_layer_learned_with(tmp_path):
    options = {"parametrization": "light", "arity": 4}
    model = torch.nn.Sequential(
        nn.LogicDense(8, 8, **options),
        nn.LogicDense(8, 8, **options),
        nn.LogicDense(8, 8, parametrization="walsh", wiring="learnable", candidates=3),
    )
    nn.save(model, tmp_path / "m.pt")
    facts = [str(fact) for fact in read(tmp_path / "m.pt").provenance.facts]
    assert facts[1:5] == [
        "gates: row is 1 where its weight is above 0, 4 inputs (from checkpoint)",
        "gates: row is 1 where its sum of Walsh coefficients is below 0, 2 inputs "
        "(from checkpoint)",
        "wiring: connections of every layer (from checkpoint)",
        "wiring: best of 3 candidates, the first of equals (from checkpoint)",
    ]


@pytest.mark.parametrize(("parametrization", "arity"), [("light", 6), ("walsh", 6), ("light", 5)])
def test_wide_gates_are_built_as_their_tables_say(tmp_path, parametrization, arity):
    """Every input of every gate, so every row of tables up to 64 bits."""
    wiring = torch.arange(arity)[:, None].repeat(1, 50)
    generator = torch.Generator().manual_seed(0)
    options = {"parametrization": parametrization, "arity": arity, "init": "random"}
    layer = nn.LogicDense(arity, 50, wiring=wiring, generator=generator, **options)
    nn.save(torch.nn.Sequential(layer), tmp_path / "m.pt")
    x = np.arange(1 << arity)[:, None] >> np.arange(arity) & 1
    expected = layer.eval()(torch.from_numpy(x).float()).numpy()
    np.testing.assert_array_equal(predict(read(tmp_path / "m.pt"), x).bits, expected)


def test_bits_in_and_bits_out_need_no_encoder_and_no_readout(tmp_path):
    path = tmp_path / "bare.pt"
    nn.save(torch.nn.Sequential(nn.LogicDense(4, 6)), path)
    model = read(path)
    assert model.encoder.is_identity
    assert model.readout.kind == "bits"
    given_sum = read(path, classes=3, tau=2.0)
    assert (given_sum.readout.n_classes, given_sum.readout.tau) == (3, 2.0)
    assert "readout: GroupSum, 3 contiguous groups (given)" in map(str, given_sum.provenance.facts)
    with pytest.raises(InputError, match=r"bare\.pt: .*6 outputs do not divide into 4 groups"):
        read(path, classes=4)
    with pytest.raises(InputError, match=r"bare\.pt: --tau needs --classes"):
        read(path, tau=2.0)


@pytest.mark.parametrize("wrong", [{"classes": 4}, {"tau": 1.0}, {"input_bits": 3}])
def test_a_given_fact_that_the_file_contradicts_is_an_error(path, wrong):
    with pytest.raises(InputError, match=r"small\.pt: the file says"):
        read(path, **wrong)
    with pytest.raises(InputError, match="--threshold has no meaning"):
        read(path, threshold=0.5)


def test_other_torch_files_are_not_recognized(path, tmp_path):
    assert native.recognize(Source(path)) is None
    torch.save({"0.weights": torch.zeros(3, 16)}, tmp_path / "difflogic.pt")
    assert "does not say 'lgncc-nn'" in native.recognize(Source(tmp_path / "difflogic.pt"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("header.npy", b"")
    (tmp_path / "other.npz").write_bytes(buffer.getvalue())
    (tmp_path / "text.blif").write_text(".model x\n")
    for name in ("other.npz", "text.blif"):
        assert "not a whole zip archive" in native.recognize(Source(tmp_path / name))
