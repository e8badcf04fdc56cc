"""Training on sequences: which steps are judged, and that an interrupt costs nothing."""

import itertools

import pytest
import torch
from interrupts import InterruptAfter

from lgncc import nn
from lgncc.nn.sequence_recipes import parity, parity_network, rows_network
from lgncc.nn.training import accuracy, fix_wiring, train
from lgncc.nn.training_plan import Control, Phase, Settings, Split, judged

TWO_PHASES = Settings((Phase(2, 0.05, temperature=(1.0, 0.5)), Phase(2, 0.02, fixed=True)), 16)


def test_labels_of_every_step_judge_every_step_and_others_the_last():
    scores = torch.arange(24.0).reshape(2, 4, 3)
    found, labels = judged(scores, torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))
    assert found.tolist() == [scores[n, t].tolist() for n in range(2) for t in range(4)]
    assert labels.tolist() == [0, 1, 2, 0, 1, 1, 0, 2]
    found, labels = judged(scores, torch.tensor([2, 1]))
    assert found.tolist() == [scores[0, 3].tolist(), scores[1, 3].tolist()]
    assert labels.tolist() == [2, 1]
    found, labels = judged(scores[:, 0], torch.tensor([2, 1]))
    assert (found.shape, labels.tolist()) == ((2, 3), [2, 1])


def test_accuracy_counts_labels():
    class Echo(torch.nn.Module):
        """Answers class x."""

        def forward(self, x):
            return torch.nn.functional.one_hot(x, 3).float()

    x = torch.tensor([[0, 1, 2], [2, 2, 1]])
    assert accuracy(Echo(), x, torch.tensor([[0, 1, 1], [0, 2, 1]])) == 4 / 6
    assert accuracy(Echo(), x, torch.tensor([2, 0])) == 1 / 2
    assert accuracy(Echo(), x[:, 0], torch.tensor([0, 2])) == 1


def parity_case():
    """Every step has a label; wires of the cell are learned, then fixed."""
    draws = torch.Generator().manual_seed(5)
    split = Split(*(part for seed in (1, 2, 3) for part in parity(100, 5, seeded(seed))))
    return parity_network(split, (16, 8), draws), split, draws


def rows_case():
    """The last step has a label; an encoder, and a layer after the cell."""
    draws = torch.Generator().manual_seed(5)
    parts = [(torch.randint(17, (100, 8, 8), generator=seeded(s)), labels(s)) for s in (1, 2, 3)]
    split = Split(*itertools.chain(*parts))
    return rows_network(split, (40, 50), draws), split, draws


def gumbel_case():
    """Noise in every step, out of torch's own generator."""
    draws = torch.Generator().manual_seed(5)
    cell = nn.LogicRecurrent(
        2, 6, "gated", 1, wiring="learnable", candidates=4, gumbel=True, generator=draws
    )
    _, split, _ = parity_case()
    return nn.Streaming(cell, nn.GroupSum(2)), split, draws


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def labels(seed):
    return torch.randint(10, (100,), generator=seeded(seed + 10))


def jitter(x, draws):
    return x + torch.rand(x.shape, generator=draws)


CASES = [(parity_case, None), (rows_case, jitter), (gumbel_case, None)]


@pytest.mark.parametrize(("case", "augment"), CASES)
@pytest.mark.parametrize("batches", [1, 14, 23])
def test_a_resumed_training_ends_in_the_same_weights(tmp_path, case, augment, batches):
    whole, split, draws = case()
    train(whole, split, TWO_PHASES, draws, augment=augment)

    state = tmp_path / "m.state"
    interrupted, _, draws = case()
    control = Control(state, purpose="p", tick=InterruptAfter(batches))
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, split, TWO_PHASES, draws, control, augment)

    torch.manual_seed(99)  # what else happens in the new process must not matter
    resumed, _, draws = case()
    control = Control(state, resume=True, purpose="p")
    train(resumed, split, TWO_PHASES, draws, control, augment)

    assert whole.state_dict().keys() == resumed.state_dict().keys()
    untrained, _, _ = case()
    assert any(
        not torch.equal(tensor, whole.state_dict()[name])
        for name, tensor in untrained.state_dict().items()
        if name in whole.state_dict()
    )
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_fixing_the_wiring_reaches_into_cells_and_changes_no_answer():
    model, _, draws = parity_case()
    dense = [layer for layer in model.modules() if isinstance(layer, nn.LogicDense)]
    for layer in dense:
        layer.wiring.scores.data = torch.randn(layer.wiring.scores.shape, generator=draws)
        layer.weights.data = torch.randn(layer.weights.shape, generator=draws)
    x, _ = parity(50, 20, draws)
    before = model.eval()(x)
    fix_wiring(model)
    fixed = [layer for layer in model.modules() if isinstance(layer, nn.LogicDense)]
    assert len(fixed) == len(dense) == 2
    assert all(layer.wiring is None for layer in fixed)
    assert torch.equal(model.eval()(x), before)
