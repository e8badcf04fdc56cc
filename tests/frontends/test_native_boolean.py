"""Boolean neurons lowered to gates, against counting and against torch; their checkpoints."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgncc import frontends, nn
from lgncc.builder import NetlistBuilder
from lgncc.cli import app
from lgncc.errors import InputError
from lgncc.frontends.native_boolean import neurons
from lgncc.golden import Simulator, pack, predict, unpack
from lgncc.nn.boolean import BooleanDense
from lgncc.passes.pipeline import choose_pipeline, optimize


@pytest.mark.parametrize("fan_in", range(1, 10))
def test_every_threshold_and_input_of_a_neuron_counts_agreements(fan_in):
    """All thresholds from below to above what can be reached, all inputs, random weights."""
    thresholds = np.arange(-2, fan_in + 4)
    draws = np.random.default_rng(fan_in)
    weights = draws.integers(2, size=(fan_in, len(thresholds))).astype(bool)
    builder = NetlistBuilder(fan_in)
    inputs = np.stack([draws.permutation(builder.inputs) for _ in thresholds], axis=1)
    netlist = builder.finish(neurons(builder, inputs, weights, thresholds))
    x = np.array(list(itertools.product((0, 1), repeat=fan_in)), bool)
    found = unpack(Simulator(netlist).run(pack(x))[0], len(x))
    for sample, answers in zip(x.tolist(), found.tolist(), strict=True):
        for j, threshold in enumerate(thresholds.tolist()):
            read = [sample[node - 2] for node in inputs[:, j].tolist()]
            agreeing = sum(a == w for a, w in zip(read, weights[:, j].tolist(), strict=True))
            assert answers[j] == (agreeing >= threshold)


def test_a_majority_of_three_is_one_full_adder():
    builder = NetlistBuilder(3)
    netlist = builder.finish(
        neurons(builder, builder.inputs[:, None], np.array([[1], [1], [0]], bool), np.array([2]))
    )
    small = optimize_netlist(netlist)
    assert netlist.n_gates == 6  # an inverter and a full adder
    assert small.n_gates <= 4  # the sum is not read


def optimize_netlist(netlist):
    from lgncc.encoder import Encoder
    from lgncc.model import LogicModel, Provenance, Readout

    encoder = Encoder.identity(netlist.n_inputs)
    model = LogicModel(encoder, netlist, Readout.bits(), Provenance("test"))
    result = optimize(model, choose_pipeline(1))
    assert result.rung.result == "proved"
    return result.model.netlist


@st.composite
def models(draw):
    """A random network of Boolean neurons, mixed with gates, and its features."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    features = draw(st.integers(4, 8))
    steps = torch.randint(0, 16, (features, 2), generator=generator)
    layers, width = [nn.Thermometer(steps.double() / 2, nn.InputFormat(3))], 2 * features
    classes = draw(st.integers(1, 4))
    for size in (draw(st.integers(8, 20)), 10 * classes):
        kind = draw(st.sampled_from(("boolean", "boolean", "biper", "gates")))
        if kind == "gates":
            layers.append(nn.LogicDense(width, size, init="random", generator=generator))
        else:
            fan_in = draw(st.integers(1, 8))
            thresholds = torch.randint(0, fan_in + 2, (size,), generator=generator)
            layers.append(
                BooleanDense(
                    width,
                    size,
                    fan_in,
                    binarization=kind,
                    thresholds=thresholds,
                    generator=generator,
                )
            )
        width = size
    layers.append(nn.GroupSum(classes, tau=2.0))
    x = torch.randint(0, 8, (70, features), generator=generator)
    return torch.nn.Sequential(*layers), x


@settings(max_examples=30)
@given(models())
def test_random_networks_answer_as_torch(tmp_path_factory, case):
    model, x = case
    path = tmp_path_factory.mktemp("models") / "m.pt"
    nn.save(model, path)
    loaded = nn.load(path)
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == loaded.state_dict()[name].dtype
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    with torch.no_grad():
        bits = model[:-1].eval()(x)
        classes = model(x).argmax(dim=1)
    answer = predict(frontends.load(path), x.numpy())
    np.testing.assert_array_equal(answer.bits, bits.bool().numpy())
    np.testing.assert_array_equal(answer.classes, classes.numpy())


@pytest.fixture
def path(tmp_path):
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        BooleanDense(12, 20, 5, generator=generator),
        BooleanDense(20, 8, 7, binarization="biper", generator=generator),
        nn.GroupSum(4),
    )
    nn.save(model, tmp_path / "m.pt")
    return tmp_path / "m.pt"


def test_a_network_is_proved_optimized_and_exported(path, tmp_path):
    model = frontends.load(path)
    assert {
        "network: 12-20-8 (from checkpoint)",
        "neurons: 20 of 5 inputs, Boolean weights (from checkpoint)",
        "neurons: 8 of 7 inputs, square wave of float weights (from checkpoint)",
    } <= set(map(str, model.provenance.facts))
    optimized = optimize(model, choose_pipeline(1))
    assert optimized.rung.result == "proved"
    assert optimized.model.netlist.n_gates < model.netlist.n_gates
    out = tmp_path / "m.v"
    done = CliRunner().invoke(app, ["export", str(path), "--format", "verilog", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "endmodule" in out.read_text()


def changed(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


@pytest.mark.parametrize(
    ("layer", "option", "value", "message"),
    [
        (0, "binarization", "sign", "layer 0 .*binarization is 'sign'"),
        (0, "binarization", "biper", "'0.weights' is torch.bool; it must be torch.float32"),
        (0, "fan_in", 6, r"weights has shape \(20, 5\); it must be \(20, 6\)"),
        (0, "in_features", 3, "connections name inputs outside 0 to 2"),
        (0, "out_features", 1 << 40, r"weights has shape \(20, 5\)"),
        (1, "frequency", 0.0, "layer 1 .*frequency is 0.0"),
        (1, "frequency", 7, "frequency is 7; it must be of type float"),
    ],
)
def test_wrong_options_are_refused(path, layer, option, value, message):
    changed(path, lambda content: content["layers"][layer].update({option: value}))
    with pytest.raises(InputError, match=rf"m\.pt: .*{message}"):
        frontends.load(path)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("0.weights", torch.ones(20, 5), "'0.weights' is torch.float32; it must be torch.bool"),
        ("0.thresholds", torch.ones(3, dtype=torch.int64), "thresholds are torch.int64"),
        ("0.connections", torch.full((5, 20), -1), "outside 0 to 11"),
        ("1.weights", torch.full((8, 7), torch.nan), "neuron 0 has a weight that is not a finite"),
    ],
)
def test_wrong_tensors_are_refused(path, name, tensor, message):
    changed(path, lambda content: content["state"].update({name: tensor}))
    with pytest.raises(InputError, match=rf"m\.pt: .*{message}"):
        frontends.load(path)


def test_loading_leaves_the_random_stream_alone(path):
    before = torch.get_rng_state()
    nn.load(path)
    assert torch.equal(torch.get_rng_state(), before)
