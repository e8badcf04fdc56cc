"""Saving and loading: what goes in comes out, and nothing else is taken."""

import pytest
import torch

from lgncc import nn
from lgncc.errors import InputError


def small_model(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.Sequential(
        nn.Thermometer(torch.tensor([[0.5, 2.0]] * 5), nn.InputFormat(4, signed=True, fraction=1)),
        nn.LogicDense(10, 12, wiring="unique", init="random", generator=generator),
        nn.LogicDense(12, 8, init="random", generator=generator),
        nn.GroupSum(4, tau=2.5),
    )


def test_loaded_model_equals_the_saved_one(tmp_path):
    model = small_model()
    nn.save(model, tmp_path / "m.pt")
    loaded = nn.load(tmp_path / "m.pt")
    assert not loaded.training
    assert [type(layer) for layer in loaded] == [type(layer) for layer in model]
    state = loaded.state_dict()
    assert state.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == state[name].dtype, name
        assert torch.equal(tensor, state[name]), name
    assert loaded[0].input_format == nn.InputFormat(4, signed=True, fraction=1)
    assert loaded[3].tau == 2.5
    x = torch.randn(50, 5)
    assert torch.equal(loaded(x), model.eval()(x))
    assert torch.equal(loaded.train()(x), model.train()(x))


def learnable_model():
    """All that trains, in options other than the default."""
    generator = torch.Generator().manual_seed(0)
    options = {"gumbel": True, "temperature": 0.5, "init": "random", "generator": generator}
    return torch.nn.Sequential(
        nn.LearnableThermometer(
            torch.tensor([[0.5, 2.5]] * 5),
            nn.InputFormat(3),
            temperature=0.7,
            softness=0.3,
            straight_through=False,
        ),
        nn.LogicDense(10, 12, parametrization="light", arity=4, **options),
        nn.LogicDense(12, 8, parametrization="walsh", wiring="learnable", candidates=3, **options),
        nn.GroupSum(4),
    )


def test_options_and_what_is_learned_come_back(tmp_path):
    model = learnable_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x = torch.randint(8, (30, 5), generator=torch.Generator().manual_seed(1)).float()
    (model(x) * torch.arange(4)).sum().backward()
    optimizer.step()
    nn.save(model, tmp_path / "m.pt")
    loaded = nn.load(tmp_path / "m.pt")
    assert str(loaded) == str(model)
    assert (
        vars(loaded[1].sampling) == vars(model[1].sampling) == {"gumbel": True, "temperature": 0.5}
    )
    thermometer = loaded[0]
    assert (thermometer.temperature, thermometer.softness) == (0.7, 0.3)
    assert not thermometer.straight_through
    assert loaded[2].wiring.scores.abs().sum() > 0
    assert torch.equal(loaded(x), model.eval()(x))
    torch.manual_seed(2)
    expected = model.train()(x)
    torch.manual_seed(2)
    assert torch.equal(loaded.train()(x), expected)
    assert [p.requires_grad for p in loaded.parameters()] == [True] * 4


def test_files_of_version_1_are_read_as_they_were_meant(tmp_path):
    """As lgncc 0.1.0 wrote them: options that came later are absent."""
    model = small_model()
    nn.save(model, tmp_path / "m.pt")
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    content["version"] = 1
    for record in content["layers"]:
        if record["kind"] == "LogicDense":
            for later in record.keys() - {"kind", "in_features", "out_features"}:
                del record[later]
    torch.save(content, tmp_path / "old.pt")
    loaded = nn.load(tmp_path / "old.pt")
    assert str(loaded) == str(model)
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(loaded.train()(x), model.train()(x))


def test_file_loads_with_weights_only_and_describes_itself(tmp_path):
    nn.save(small_model(), tmp_path / "m.pt", {"data": "none", "seed": 7})
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    assert content["format"] == "lgncc-nn"
    assert content["version"] == 2
    assert [layer["kind"] for layer in content["layers"]] == [
        "Thermometer",
        "LogicDense",
        "LogicDense",
        "GroupSum",
    ]
    assert content["metadata"] == {"torch": torch.__version__, "data": "none", "seed": 7}
    assert content["state"]["1.connections"].shape == (2, 12)


def test_loading_leaves_the_random_stream_alone(tmp_path):
    nn.save(small_model(), tmp_path / "m.pt")
    before = torch.get_rng_state()
    nn.load(tmp_path / "m.pt")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_layer_that_does_not_compile_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "m.pt"
    nn.save(small_model(), path)
    before = path.read_bytes()
    model = torch.nn.Sequential(nn.LogicDense(4, 4), torch.nn.ReLU())
    with pytest.raises(InputError, match=r"layer 1 is a ReLU, .* LogicDense, GroupSum"):
        nn.save(model, path)
    with pytest.raises(InputError, match=r"could run code"):
        nn.save(small_model(), path, {"recipe": pytest.fixture})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.LogicDense(4, 4), nn.LogicDense(6, 4)], r"layer 1 .* takes 6 bits, but gets 4"),
        ([nn.LogicDense(4, 4), nn.GroupSum(3)], "4 bits do not divide into 3 equal groups"),
        ([nn.LogicDense(4, 4), nn.GroupSum(2), nn.LogicDense(2, 2)], "only the last layer"),
        ([nn.LogicDense(4, 4), nn.Threshold(4, 0, nn.InputFormat(1))], "only the first layer"),
        ([nn.Threshold(4, 0, nn.InputFormat(1))], "no LogicDense layer"),
        ([], "no LogicDense layer"),
    ],
)
def test_layers_that_do_not_fit_each_other_are_refused(tmp_path, layers, message):
    with pytest.raises(InputError, match=message):
        nn.save(torch.nn.Sequential(*layers), tmp_path / "m.pt")
    assert list(tmp_path.iterdir()) == []


def test_saving_where_no_folder_is_says_so(tmp_path):
    with pytest.raises(InputError, match=r"gone/m\.pt: cannot write there"):
        nn.save(small_model(), tmp_path / "gone" / "m.pt")
