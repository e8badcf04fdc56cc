"""The training loop: an interrupt costs nothing, and the test part decides nothing."""

import itertools

import pytest
import torch
from interrupts import InterruptAfter

from lgncc import nn
from lgncc.errors import InputError
from lgncc.nn.cost import CLASS_CELLS, OUTPUT_CELLS, SHELL_CELLS, estimate_cells
from lgncc.nn.pruning import Pruning
from lgncc.nn.training import accuracy, fix_wiring, train
from lgncc.nn.training_plan import Control, Phase, Settings, Split
from lgncc.nn.training_state import read_state

TWO_PHASES = Settings((Phase(2, 0.05, temperature=(1.0, 0.5)), Phase(2, 0.02, fixed=True)), 16)


def majority(samples, seed):
    """Bits (n, 12) of which each half votes; the label says which half has more ones."""
    bits = torch.randint(2, (samples, 12), generator=torch.Generator().manual_seed(seed))
    return bits, (bits[:, :6].sum(1) < bits[:, 6:].sum(1)).long()


@pytest.fixture
def split():
    return Split(*majority(100, 1), *majority(60, 2), *majority(60, 3))


def new_network(gumbel=False):
    draws = torch.Generator().manual_seed(5)
    options = {"parametrization": "light", "wiring": "learnable", "candidates": 4}
    options |= {"gumbel": gumbel, "generator": draws}
    layers = [nn.LogicDense(12, 30, **options), nn.LogicDense(30, 20, **options)]
    return torch.nn.Sequential(*layers, nn.GroupSum(2, 2.0)), draws


def jitter(x, draws):
    return (x + 0.1 * torch.rand(x.shape, generator=draws)).clamp(0, 1)


HALF = SHELL_CELLS + 12 + 2 * CLASS_CELLS + int(10.5 * OUTPUT_CELLS)
"""Logic cells: the network of these tests, with ten outputs instead of twenty."""


@pytest.mark.parametrize(
    ("batches", "options"),
    [
        *itertools.product([1, 7, 10, 15, 20, 27], [{}, {"gumbel": True}]),
        *itertools.product([20, 21, 22, 27, 28], [{"pruning": Pruning(HALF)}]),
    ],
)
def test_a_resumed_training_ends_in_the_same_weights(tmp_path, split, batches, options):
    gumbel, pruning = options.get("gumbel", False), options.get("pruning")
    state = tmp_path / "m.state"
    whole, draws = new_network(gumbel)
    expected = train(whole, split, TWO_PHASES, draws, augment=jitter, pruning=pruning)

    interrupted, draws = new_network(gumbel)
    control = Control(state, purpose="p", tick=InterruptAfter(batches))
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, split, TWO_PHASES, draws, control, augment=jitter, pruning=pruning)

    torch.manual_seed(99)  # what else happens in the new process must not matter
    resumed, draws = new_network(gumbel)
    control = Control(state, resume=True, purpose="p")
    history = train(resumed, split, TWO_PHASES, draws, control, augment=jitter, pruning=pruning)

    assert whole.state_dict().keys() == resumed.state_dict().keys()
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    same = ("epoch", "loss", "part", "accuracy_soft", "accuracy_discrete")
    for one, other in zip(history, expected, strict=True):
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]


@pytest.mark.parametrize("limit", [None, 0.0, 0.2])
def test_a_budget_holds_whenever_the_training_ends(split, limit):
    model, draws = new_network()
    history = train(
        model,
        split,
        Settings((Phase(2, 0.05), Phase(300, 0.02, fixed=True)), 16, patience=3),
        draws,
        Control(time_limit=limit),
        pruning=Pruning(HALF),
    )
    assert HALF - 3 < estimate_cells(model, discrete=True).total <= HALF
    if limit is None:  # patience waits while gates are to go
        assert 2 + 300 * Pruning.start < history[-1].epoch < 302
        found = accuracy(model.eval(), split.valid_x, split.valid_y)
        assert found == max(one.accuracy_discrete for one in history[-4:])


def test_a_budget_that_is_met_changes_nothing(split):
    plain, draws = new_network()
    train(plain, split, TWO_PHASES, draws)
    ample, draws = new_network()
    train(ample, split, TWO_PHASES, draws, pruning=Pruning(2 * HALF))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, ample.state_dict()[name]), name


def test_checkpoints_are_written_without_an_interrupt_too(tmp_path, split):
    state = tmp_path / "m.state"
    seen = []
    control = Control(state, checkpoint_seconds=0, tick=lambda _: seen.append(state.exists()))
    model, draws = new_network()
    train(model, split, TWO_PHASES, draws, control)
    assert seen[0] is False
    assert all(seen[1:])
    at, _ = read_state(state, "")
    assert (at.phase, at.epoch, at.batch) == (1, 1, 7)


def test_another_training_does_not_resume(tmp_path, split):
    state = tmp_path / "m.state"
    model, draws = new_network()
    train(model, split, TWO_PHASES, draws, Control(state, checkpoint_seconds=0, purpose="seed 0"))
    with pytest.raises(InputError, match=r"another training(.|\n)*begun: seed 0\n  given: seed 1"):
        read_state(state, "seed 1")
    with pytest.raises(InputError, match="no interrupted training to resume"):
        read_state(tmp_path / "none", "seed 0")
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(InputError, match="not the state of a training"):
        read_state(state, "seed 0")


def test_early_stopping_keeps_the_best_validation_epoch(split):
    noise = torch.randint(2, (60,), generator=torch.Generator().manual_seed(4))
    unlearnable = Split(
        split.train_x, split.train_y, split.test_x, split.test_y, split.valid_x, noise
    )
    model, draws = new_network()
    settings = Settings((Phase(500, 0.05),), 16, patience=3)
    history = train(model, unlearnable, settings, draws)
    found = [progress.accuracy_discrete for progress in history]
    best = found.index(max(found))
    assert len(found) == best + 1 + 3
    assert accuracy(model.eval(), split.valid_x, noise) == found[best]


def test_the_test_part_decides_nothing(split):
    models = []
    for test_y in (split.test_y, 1 - split.test_y):
        changed = Split(
            split.train_x, split.train_y, split.test_x, test_y, split.valid_x, split.valid_y
        )
        model, draws = new_network()
        history = train(model, changed, Settings((Phase(30, 0.05),), 16, patience=3), draws)
        assert {progress.part for progress in history} == {"validation"}
        models.append(model.state_dict())
    for name, tensor in models[0].items():
        assert torch.equal(tensor, models[1][name]), name


def test_without_validation_the_last_epoch_is_kept_and_nothing_stops_early(split):
    only = Split(split.train_x, split.train_y, split.test_x, split.test_y)
    model, draws = new_network()
    history = train(model, only, Settings((Phase(8, 0.05),), 16, patience=1), draws)
    assert len(history) == 8
    assert history[-1].part == "test"
    assert accuracy(model.eval(), only.test_x, only.test_y) == history[-1].accuracy_discrete


def test_it_learns(split):
    model, draws = new_network()
    train(model, split, Settings((Phase(60, 0.05),), 16), draws)
    assert accuracy(model.eval(), split.test_x, split.test_y) > 0.75


def test_fixing_the_wiring_changes_no_answer():
    model, draws = new_network()
    for layer in model[:2]:
        layer.wiring.scores.data = torch.randn(layer.wiring.scores.shape, generator=draws)
        layer.weights.data = torch.randn(layer.weights.shape, generator=draws)
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=12)))
    before = model.eval()(x)
    fix_wiring(model)
    assert all(layer.wiring is None for layer in model[:2])
    assert torch.equal(model.eval()(x), before)


def test_time_limit_ends_a_training(split):
    model, draws = new_network()
    control = Control(time_limit=0.5)
    history = train(model, split, Settings((Phase(100_000, 0.05),), 16), draws, control)
    assert history[-1].seconds >= 0.5
    assert len(history) < 100_000


def test_fewer_epochs_keep_the_proportion_of_the_phases():
    settings = Settings((Phase(12, 0.05), Phase(20, 0.02, fixed=True)))
    assert [phase.epochs for phase in settings.with_epochs(8).phases] == [3, 5]
    assert [phase.epochs for phase in settings.with_epochs(1).phases] == [1]
    assert settings.with_epochs(32) == settings
